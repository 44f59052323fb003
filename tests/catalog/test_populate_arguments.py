"""A wrong argument of `populate` is named at the call, before anything starts."""

from pathlib import Path
from typing import Any

import pytest
from support.assertions import says, tree
from support.cached_trades import SOURCE, SYMBOL
from support.populating import Workers, populate

import rangebar_polars as rb
from rangebar_polars.errors import StoreError
from rangebar_polars.store import ParquetStore


class OwnStore(ParquetStore):
    """A store that `open_store` knows nothing of."""


NOT_NAMED = "(give names such as 'BTCUSDT')"
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"symbols": []}, ValueError, "symbols is empty (give one symbol or several)"),
    ({"symbols": 5}, TypeError, "symbol is 5 (give a name such as 'BTCUSDT', or several)"),
    ({"symbols": None}, TypeError, "symbol is None (give a name such as 'BTCUSDT', or several)"),
    ({"symbols": ["A", 5]}, TypeError, f"symbols holds 5 {NOT_NAMED}"),
    ({"symbols": [["A"]]}, TypeError, f"symbols holds ['A'] {NOT_NAMED}"),
    ({"symbols": ["A", "B", "A"]}, ValueError, "symbols holds 'A' twice (give each once)"),
    ({"symbols": ["A", ""]}, ValueError, "symbol is empty (give a name)"),
    (
        {"symbols": ["BTCUSDT", "ethusdt"], "source": "binance"},
        ValueError,
        "symbol 'ethusdt' is no symbol of binance (did you mean 'ETHUSDT'?)",
    ),
    (
        {"market": "coin", "source": "binance"},
        ValueError,
        "market is 'coin' (binance has 'spot', 'um' and 'cm')",
    ),
    ({"start": "01/02/2024"}, ValueError, "start is '01/02/2024' (write a UTC day as YYYY-MM-DD)"),
    (
        {"end": 20240102},
        TypeError,
        "end is 20240102 (give a UTC day: 'YYYY-MM-DD' or datetime.date)",
    ),
    (
        {"start": "2024-01-03", "end": "2024-01-02"},
        ValueError,
        "end 2024-01-02 lies before start 2024-01-03 (both days are included)",
    ),
    (
        {"threshold_decimal_bps": []},
        ValueError,
        "threshold_decimal_bps is empty: expected one threshold or several",
    ),
    (
        {"threshold_decimal_bps": [250, 250]},
        ValueError,
        "threshold_decimal_bps holds 250 twice: expected each once",
    ),
    (
        {"threshold_decimal_bps": 0},
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
    ),
    ({"processes": 0}, ValueError, "processes is 0: expected 1 or more"),
    ({"processes": True}, TypeError, "processes is True: expected an integer"),
    ({"processes": 1.5}, TypeError, "processes is 1.5: expected an integer"),
    (
        {"reset": "hour"},
        ValueError,
        "reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay or None",
    ),
    ({"fetch_if_missing": 1}, TypeError, "fetch_if_missing is 1: expected True or False"),
    (
        {"prevent_same_timestamp_close": 1},
        TypeError,
        "prevent_same_timestamp_close is 1: expected True or False",
    ),
    ({"archive": 5}, TypeError, "archive is 5 (give a URL or an Archive)"),
    ({"progress": "bar"}, ValueError, "progress is 'bar' (give None, 'tqdm', or a callable)"),
    ({"store": 5}, TypeError, "the store is 5 (give a URL, a folder or a BarStore)"),
    (
        {"store": "postgres://db"},
        ValueError,
        (
            "no bar store has a URL that begins with 'postgres:' (give a folder, "
            "'parquet:///folder', 'clickhouse://user:password@host:port/database' or "
            "'s3://bucket/prefix', or gs:// or az://)"
        ),
    ),
    (
        {"store": OwnStore(Path("elsewhere"))},
        TypeError,
        (
            "store is a OwnStore, whose address opens a ParquetStore "
            "(give a store that open_store opens by its address)"
        ),
    ),
]


@pytest.mark.parametrize(("wrong", "error", "text"), WRONG)
def test_a_wrong_argument_is_named_at_the_call(
    wrong: dict[str, Any], error: type[Exception], text: str, tmp_path: Path, workers: Workers
) -> None:
    right: dict[str, Any] = {
        "symbols": SYMBOL,
        "start": "2024-01-02",
        "end": "2024-01-02",
        "threshold_decimal_bps": 250,
        "source": SOURCE,
        "cache_dir": tmp_path,
    }

    with says(error, text):
        rb.populate(**right | wrong)

    assert workers == []
    assert tree(tmp_path) == {}


def test_a_store_that_cannot_be_opened_is_an_error_at_the_call(
    tmp_path: Path, workers: Workers
) -> None:
    pytest.importorskip("clickhouse_connect")
    with pytest.raises(StoreError, match="no connection"):
        populate(tmp_path, store="clickhouse://127.0.0.1:1")

    assert workers == []
