"""Calls of rangebar 9.1.0, recorded with its results, give the same here or a named difference."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rangebar_polars as rb

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "examples" / "btcusdt-trades.parquet"
RECORDED = json.loads((HERE / "recorded-9.1.0.json").read_text(encoding="utf-8"))
TRADES = pl.read_parquet(SAMPLE).with_columns(pl.col("timestamp").dt.epoch("ms"))
OHLCV = ["open", "high", "low", "close", "volume"]
# It computes with floats and rounds volume-weighted prices to 8 decimals.
RELATIVE, ABSOLUTE = 1e-7, 1e-9


def of(name: str, threshold: int = 50) -> Any:  # noqa: ANN401 - as it is recorded
    """Return what was recorded of a call."""
    return RECORDED[name][str(threshold)]


CALLS: dict[str, Callable[[int], pl.DataFrame]] = {
    "a processor": lambda t: rb.RangeBarProcessor(t).process_trades(TRADES.to_dicts()),
    "a processor, twice": lambda t: pl.concat(
        map(rb.RangeBarProcessor(t).process_trades, (TRADES.to_dicts()[:7], TRADES.to_dicts()[7:]))
    ),
    "a frame": lambda t: rb.process_trades_polars(TRADES, t),
    "a plan": lambda t: rb.process_trades_polars(TRADES.lazy(), t),
    "dicts": lambda t: rb.process_trades_polars(TRADES.to_dicts(), t),
    "an iterator of dicts": lambda t: rb.process_trades_polars(TRADES.iter_rows(named=True), t),
    "chunks": lambda t: pl.concat(rb.process_trades_chunked(iter(TRADES.to_dicts()), t, 1_000)),
    "chunks by name": lambda t: pl.concat(
        rb.process_trades_chunked(
            trades_iterator=TRADES.iter_rows(named=True),
            threshold_decimal_bps=t,
            chunk_size=1_000,
        )
    ),
    "to_dataframe": lambda t: pl.from_pandas(
        rb.process_trades_polars(TRADES, t).rangebar.to_backtesting()  # type: ignore[attr-defined]
    ).rename(str.lower),
}


@pytest.mark.parametrize("threshold", [50, 250])
@pytest.mark.parametrize("call", CALLS)
def test_each_call_gives_the_bars_of_its_process_trades(call: str, threshold: int) -> None:
    expected = pl.DataFrame(of("process_trades", threshold)).select(OHLCV)

    assert CALLS[call](threshold).select(OHLCV).equals(expected)


@pytest.mark.parametrize("threshold", [50, 250])
def test_the_features_are_those_of_its_process_trades(threshold: int) -> None:
    expected = pl.DataFrame(of("process_trades", threshold)).drop("timestamp")

    bars = rb.process_trades_polars(TRADES, threshold, include_microstructure=True)

    found = bars.select(expected.columns)
    assert_frame_equal(expected, found, check_dtypes=False, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def test_its_timestamp_is_the_close_time_but_for_the_rounding_of_floats() -> None:
    bars = rb.RangeBarProcessor(50).process_trades(TRADES.to_dicts())

    given = pl.Series([bar["timestamp"] for bar in of("process_trades")])
    theirs = given.str.to_datetime(time_unit="ns", time_zone="UTC")
    ours = bars["close_time"].cast(theirs.dtype)
    assert ((theirs - ours).to_physical().abs() < 1_000).all()  # of nanoseconds


def test_difference_its_streaming_counts_the_trade_that_closes_a_bar_twice() -> None:
    streaming, bars = of("process_trades_streaming"), of("process_trades")

    assert [row[0] for row in streaming[1:]] == [row[3] for row in streaming[:-1]]
    assert [bar[name] for bar in bars[:1] for name in OHLCV] == streaming[0][:5]
    assert (len(streaming), len(bars)) == (33, 35)
    assert [row[1:] for row in of("process_trades_polars")] == [row[:5] for row in streaming]


def test_difference_its_chunks_forget_the_open_bar() -> None:
    bars = rb.process_trades_chunked(TRADES.iter_rows(named=True), 50, 1_000)

    assert sum(frame.height for frame in bars) == len(of("process_trades")) == 35
    assert sum(of("process_trades_chunked")) == 30


def test_difference_the_open_bar_has_features_and_not_the_last_trade_twice() -> None:
    processor = rb.RangeBarProcessor(250, symbol="BTCUSDT")
    processor.process_trades(TRADES.to_dicts())
    theirs = of("get_incomplete_bar", 250)

    found = processor.get_incomplete_bar()

    assert found is not None
    assert processor.has_incomplete_bar is of("has_incomplete_bar", 250) is True
    ours = found.row(0, named=True)
    assert ours["agg_record_count"] == theirs["agg_record_count"] - 1
    assert (ours["high"], ours["low"], ours["close"]) == (
        theirs["high"],
        theirs["low"],
        theirs["close"],
    )
    assert theirs["ofi"] == 0.0
    assert ours["ofi"] != 0.0


def test_the_presets_are_its_presets() -> None:
    assert dict(rb.THRESHOLD_PRESETS) == RECORDED["THRESHOLD_PRESETS"]
