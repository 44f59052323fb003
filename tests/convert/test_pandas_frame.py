"""Bars as pandas frames: what backtesting.py, vectorbt and bt take."""

import sys
from typing import Any

import backtesting
import pandas as pd
import polars as pl
import pytest
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

TRADES = walk(3_000).with_columns(
    pl.col("timestamp").dt.replace_time_zone("America/New_York", ambiguous="earliest")
)
BARS = rb.bars(TRADES, 20, include_microstructure=True, include_incomplete=True)
OPEN = BARS.with_columns(is_complete=pl.int_range(pl.len()) < pl.len() - 1)


class FollowsTheFlow(backtesting.Strategy):  # type: ignore[misc]
    """Buys after bars that were bought, sells after others."""

    seen: int = 0

    def init(self) -> None:
        """Take a feature of the bars as an indicator."""
        self.flow = self.I(lambda: self.data.ofi, name="ofi")

    def next(self) -> None:
        """Trade at the next open."""
        type(self).seen += 1
        if self.flow[-1] > 0:
            self.buy(size=1)
        elif self.flow[-1] < 0:
            self.position.close()


# What backtesting.py calls of pandas.
@pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek is deprecated")
def test_a_strategy_of_backtesting_py_runs_over_the_bars() -> None:
    FollowsTheFlow.seen = 0
    frame = rb.FrameNamespace(BARS).to_backtesting()

    result = backtesting.Backtest(frame, FollowsTheFlow, cash=10_000, finalize_trades=True).run()

    assert FollowsTheFlow.seen > len(frame) - 10
    assert result["# Trades"] > 10
    assert result["_trades"]["EntryPrice"].isin(frame["Open"]).all()


def test_a_frame_for_backtesting_has_capital_names_first_and_then_the_others() -> None:
    frame = rb.FrameNamespace(BARS).to_backtesting()

    assert list(frame.columns[:5]) == ["Open", "High", "Low", "Close", "Volume"]
    others = [n for n in BARS.columns if n not in {"open", "high", "low", "close", "volume"}]
    assert list(frame.columns[5:]) == [
        name for name in others if name not in {"close_time", "is_complete"}
    ]
    assert frame["Close"].to_list() == BARS.filter("is_complete")["close"].to_list()
    assert {str(frame[name].dtype) for name in frame.columns[:5]} == {"float64"}


def test_a_frame_for_backtesting_has_a_rising_index_of_closing_times_in_utc() -> None:
    frame = rb.FrameNamespace(BARS).to_backtesting()

    closed = BARS.filter("is_complete")["close_time"].dt.convert_time_zone("UTC")
    assert frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert frame.index.name == "close_time"
    assert frame.index.tz is None
    assert frame.index.to_list() == [pd.Timestamp(time).tz_localize(None) for time in closed]


def test_bars_that_did_not_close_are_no_bars_to_trade_on() -> None:
    assert len(rb.FrameNamespace(OPEN).to_backtesting()) == OPEN.height - 1
    assert len(rb.FrameNamespace(OPEN).to_pandas()) == OPEN.height


def test_to_pandas_keeps_every_column_unit_and_zone() -> None:
    frame = rb.FrameNamespace(BARS).to_pandas()

    assert list(frame.columns) == [name for name in BARS.columns if name != "close_time"]
    assert str(frame.index.dtype) == "datetime64[ms, America/New_York]"
    assert pl.from_pandas(frame.reset_index())["close"].equals(BARS["close"])


@pytest.mark.parametrize("index", ["open_time", None])
def test_the_index_of_to_pandas_is_the_one_asked_for(index: str | None) -> None:
    frame = rb.FrameNamespace(BARS).to_pandas(index)

    assert frame.index.name == index
    assert len(frame.columns) == BARS.width - (index is not None)


def test_an_index_that_is_not_there_is_refused() -> None:
    bars = BARS.select("close_time", "close")

    with says(ValueError, "index is 'time': expected one of close_time, close, or None"):
        rb.FrameNamespace(bars).to_pandas("time")


def test_a_frame_of_no_bars_is_refused() -> None:
    text = (
        "to_backtesting needs close_time, open, high, low, close, volume: the frame has price "
        "(call it on bars)"
    )

    with says(ValueError, text):
        rb.FrameNamespace(pl.DataFrame({"price": [1.0]})).to_backtesting()


def test_bars_of_several_rules_are_refused() -> None:
    bars = rb.bars(TRADES, rule=[rb.TickRule(1), rb.TickRule(2)])

    with says(
        ValueError, "to_backtesting was given bars of 2 rules: expected one (filter by rule)"
    ):
        rb.FrameNamespace(bars).to_backtesting()


def test_bars_of_several_thresholds_are_refused() -> None:
    bars = rb.bars(TRADES, [20, 50])

    with says(
        ValueError,
        "to_backtesting was given bars of 2 thresholds: expected one (filter by "
        "threshold_decimal_bps)",
    ):
        rb.FrameNamespace(bars).to_backtesting()
    one = bars.filter(threshold_decimal_bps=20)
    assert len(rb.FrameNamespace(one).to_backtesting()) == one.height


@pytest.mark.parametrize("price", ["high", "low", "open", "close"])
def test_a_bar_whose_prices_contradict_each_other_is_refused_with_its_row(price: str) -> None:
    outside = {"high": 1.0, "low": 9e9, "open": 9e9, "close": 1.0}[price]
    at = pl.int_range(pl.len()) == 1
    bars = BARS.with_columns(pl.when(at).then(outside).otherwise(price).alias(price))
    prices = ", ".join(f"{name} {bars[name][1]}" for name in ("open", "high", "low", "close"))

    with says(
        ValueError,
        "to_backtesting needs bars whose open and close lie between low and high: bar 1 has "
        f"{prices} (such bars were changed or made of unsorted trades: compute them again with "
        "bars)",
    ):
        rb.FrameNamespace(bars).to_backtesting()


def test_bars_of_several_keys_are_refused() -> None:
    trades = TRADES.with_columns(market=pl.lit("spot"), symbol=pl.int_range(pl.len()) % 2)
    bars = rb.bars(trades, 20, by=["market", "symbol"])

    text = (
        " was given bars of 2 keys, by the columns before those of bars: market, symbol: expected "
        "one (filter by them; of a column that is no key: drop it, or place it last)"
    )
    with says(ValueError, f"to_backtesting{text}"):
        rb.FrameNamespace(bars).to_backtesting()
    with says(ValueError, f"bars_per_year{text}"):
        rb.bars_per_year(bars)
    of_one, last = bars.filter(symbol=1), bars.select(pl.exclude("symbol"), "symbol")
    assert len(rb.FrameNamespace(of_one).to_backtesting()) == of_one.height
    assert rb.bars_per_year(last) > rb.bars_per_year(of_one)


def test_bars_that_close_at_once_are_refused_with_a_remedy_that_works() -> None:
    trades = TRADES.with_columns(pl.col("timestamp").dt.truncate("1m"))
    bars = rb.bars(trades, rule=rb.TickRule(5))
    time = bars["close_time"][1]
    assert bars["close_time"][0] == time

    with says(
        ValueError,
        "to_backtesting needs bars that close one after another: bar 1 closes at "
        f"{time}, bar 0 at {time} (filter one key of by=; with prevent_same_timestamp_close=True "
        "no two bars of a chain close at once: a rule has its own, as in TickRule(1000, "
        "prevent_same_timestamp_close=True))",
    ):
        rb.FrameNamespace(bars).to_backtesting()
    guarded = rb.bars(trades, rule=rb.TickRule(5, prevent_same_timestamp_close=True))
    assert len(rb.FrameNamespace(guarded).to_backtesting()) == guarded.height > 1


@pytest.mark.parametrize("hidden", ["pandas", "pyarrow"])
@pytest.mark.parametrize(
    ("method", "extra"), [("to_pandas", "pandas"), ("to_backtesting", "backtesting")]
)
def test_what_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, hidden: str, method: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    convert: Any = getattr(rb.FrameNamespace(BARS), method)

    with says(
        ModuleNotFoundError,
        f"{method} needs {hidden} (pip install --upgrade 'rangebar-polars[{extra}]')",
    ):
        convert()
