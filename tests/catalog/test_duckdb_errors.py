"""Errors in SQL have the words of the package, and what is not installed is named."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from support.assertions import says
from support.duckdb_cache import error_of, trades

import rangebar_polars as rb
from rangebar_polars.duckdb import connect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

duckdb = pytest.importorskip("duckdb")


def test_bad_trades_are_reported_in_our_words(connection: "DuckDBPyConnection") -> None:
    seventh = pl.int_range(pl.len()) == 7
    price = pl.when(seventh).then(-1.0).otherwise("price").alias("price")
    connection.register("bad", trades().with_columns(price))

    assert error_of(connection, "FROM bars_of(bad, 30)") == (
        "Invalid Input Error: Python exception occurred while executing the UDF: ComputeError: "
        "price is -1 at row 7: expected a finite number above 0 (drop or repair such rows first)"
    )


def test_a_bad_threshold_is_reported_in_our_words(connection: "DuckDBPyConnection") -> None:
    assert error_of(connection, "SELECT range_bars([], 0)").endswith(
        "ValueError: threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    )


def test_a_bad_reset_is_reported_in_our_words(connection: "DuckDBPyConnection") -> None:
    assert error_of(connection, "SELECT range_bars([], 30, reset := 'hour')").endswith(
        "ValueError: reset is 'hour': expected 'day', 'week', 'month', 'year', or a time of day in "
        "a zone, such as '17:00@America/New_York'"
    )
    assert error_of(connection, "SELECT range_bars([], 30, reset := '5pm@UTC')").endswith(
        'ValueError: time is \'5pm\': expected "HH:MM" from "00:00" to "23:59"'
    )


NO_RULE = (
    "rule is NULL: expected a threshold, such as 250, or the text of a rule, such as "
    "'dollar-1000000'"
)
NO_VPIN = "expected the volume of a bucket and the number of buckets, such as '0.5-50'"
NO_FOOTPRINT = (
    "expected the tick, the percent of the value area and that of an imbalance, such as "
    "'0.5-70-300'"
)
NO_LOOKBACK = (
    "expected a number of trades, 1 to 1000000, or a span, such as '5m', '1h30m' or "
    "timedelta(minutes=5)"
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("NULL", NO_RULE),
        ("30, include_incomplete := NULL", "include_incomplete is NULL: expected true or false"),
        ("30, lookback := 0", f"lookback is 0: {NO_LOOKBACK}"),
        ("30, lookback := 2.5", f"lookback is '2.5': {NO_LOOKBACK}"),
        ("30, lookback := '1mo'", f"lookback is '1mo': {NO_LOOKBACK}"),
        (f"30, lookback := '{'9' * 5_000}'", f"lookback is '{'9' * 5_000}': {NO_LOOKBACK}"),
        (f"30, lookback := '{'9' * 5_000}s'", f"lookback is '{'9' * 5_000}s': {NO_LOOKBACK}"),
        (
            "30, lookback := 5, features := ['intra_kaufman_er']",
            (
                "lookback is 5 and features has no column that looks back: expected one, such as "
                "'lookback_ofi' (without features, all of them are added)"
            ),
        ),
        ("30, vpin := 10", f"vpin is '10': {NO_VPIN}"),
        ("30, vpin := '10-50-1'", f"vpin is '10-50-1': {NO_VPIN}"),
        (
            "30, vpin := '0-50'",
            (
                "bucket_volume is 0.0: expected a volume from 0.00000001 to 90000000000, in units "
                "of the quantity"
            ),
        ),
        ("30, footprint := 0.5", f"footprint is '0.5': {NO_FOOTPRINT}"),
        ("30, footprint := '-1-70-300'", f"footprint is '-1-70-300': {NO_FOOTPRINT}"),
        ("30, footprint := '1-101-300'", "value_area is 101: expected 1 to 100 percent"),
    ],
    ids=lambda text: text[:25] + text[-5:],
)
def test_a_null_or_wrong_argument_is_named(
    connection: "DuckDBPyConnection", given: str, message: str
) -> None:
    one = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD')"
    for query in (f"{one} FROM bars_of(one, {given})", f"FROM bars_by_symbol(ticks, {given})"):
        assert error_of(connection, query).endswith(f"ValueError: {message}")


def test_a_null_rule_of_a_list_is_named(connection: "DuckDBPyConnection") -> None:
    for trades_of_list in ("[]", "NULL"):
        assert error_of(connection, f"SELECT range_bars({trades_of_list}, NULL)").endswith(NO_RULE)


@pytest.mark.parametrize("other", ["'ETH-USD'", "NULL"])
def test_bars_of_refuses_the_trades_of_several_symbols(
    connection: "DuckDBPyConnection", other: str
) -> None:
    renamed = "SELECT * REPLACE (if(is_buyer_maker, symbol, {}) AS symbol) FROM ticks"
    one = f"WITH several AS ({renamed.format(other)} WHERE symbol = 'BTC-USD')"

    for query in ("FROM bars_of(ticks, 30)", f"{one} FROM bars_of(several, 30)"):
        assert error_of(connection, query) == (
            "Invalid Input Error: bars_of was given trades of more than one symbol, market or "
            "source (give it those of one, or call bars_by_symbol)"
        )


def test_bars_of_reports_that_the_price_is_missing(connection: "DuckDBPyConnection") -> None:
    connection.register("unpriced", trades().drop("price"))

    assert 'Referenced column "price" not found' in error_of(
        connection, "FROM bars_of(unpriced, 30)"
    )


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow", "numpy"])
def test_what_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with says(
        ModuleNotFoundError,
        f"rangebar_polars.duckdb needs {missing} (pip install --upgrade 'rangebar-polars[duckdb]')",
    ):
        connect(cache_dir=tmp_path)


def test_an_old_duckdb_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(duckdb, "__version__", "1.5.3")

    with says(
        ImportError,
        "duckdb is 1.5.3: expected 2.0 or later, as older ones give wrong rows where times are "
        "filtered (pip install --upgrade 'rangebar-polars[duckdb]')",
    ):
        connect(cache_dir=tmp_path)


@pytest.mark.parametrize("store", ["postgres://db", 5])
def test_a_store_is_refused_in_the_words_of_open_store(tmp_path: Path, store: str) -> None:
    def message(call: Callable[[], object]) -> str:
        with pytest.raises((TypeError, ValueError)) as raised:
            call()
        return str(raised.value)

    assert message(lambda: connect(store, cache_dir=tmp_path)) == message(
        lambda: rb.open_store(store)
    )
