"""Queries on a file of trades, by name, and checks of their results."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import polars as pl
from polars.testing import assert_frame_equal
from walks import Made

import rangebar_polars as rb
from rangebar_polars.schema import ALWAYS_READ, COLUMNS, TRADE_SCHEMA

ONE = 250
FINE = 25
TEN = [50, 75, 100, 150, 200, 250, 350, 500, 750, 1000]
FOUR = ["timestamp", "price", "quantity", "is_buyer_maker"]
BAR = [column.name for column in COLUMNS if column.group == "bar"]
SUMMED = ["turnover", "buy_volume", "agg_record_count"]


class Plan(NamedTuple):
    """A plan over trades and the check of its result."""

    build: Callable[[pl.LazyFrame], pl.LazyFrame]
    check: Callable[[pl.DataFrame, Made], None]


def check_sums(got: pl.DataFrame, made: Made) -> None:
    """Compare sums; sums of floats depend on the order."""
    expected = pl.DataFrame([{name: made.sums[name] for name in got.columns}])
    assert_frame_equal(got.cast(pl.Float64), expected.cast(pl.Float64), rel_tol=1e-9)


def bars_of(question: str) -> Callable[[pl.DataFrame, Made], None]:
    """Compare bars with those of the oracle, bit for bit."""

    def check(got: pl.DataFrame, made: Made) -> None:
        assert_frame_equal(got, made.bars[question].select(BAR), check_exact=True)

    return check


def check_features(got: pl.DataFrame, made: Made) -> None:
    """Compare also the sums of the features, which the oracle computes with floats."""
    expected = made.bars[str(ONE)]
    assert got.columns == [column.name for column in COLUMNS]
    bars_of(str(ONE))(got.select(BAR), made)
    assert_frame_equal(got.select(SUMMED), expected.select(SUMMED), rel_tol=1e-9)
    vwap = expected.select(vwap=pl.col("turnover") / pl.col("volume"))
    assert_frame_equal(got.select("vwap"), vwap, rel_tol=1e-9)


def check_selected(got: pl.DataFrame, made: Made) -> None:
    """Compare a projection."""
    assert_frame_equal(got, made.bars[str(ONE)].select(got.columns), check_exact=True)


RISING = pl.col("close") > pl.col("open")


def check_head(got: pl.DataFrame, made: Made) -> None:
    """Compare the first bars."""
    assert_frame_equal(got, made.bars[str(ONE)].select(BAR).head(10), check_exact=True)


def check_rising(got: pl.DataFrame, made: Made) -> None:
    """Compare the first bars of those that a filter leaves."""
    expected = made.bars[str(ONE)].select(BAR).filter(RISING).head(10)
    assert_frame_equal(got, expected, check_exact=True)


def check_ten(got: pl.DataFrame, made: Made) -> None:
    """Compare the bars of ten thresholds, in the order in which they close."""
    name = "threshold_decimal_bps"
    each = [made.bars[str(value)].with_columns(pl.lit(value).alias(name)) for value in TEN]
    expected = pl.concat(each).sort("ended", name).select(pl.col(name).cast(pl.Int64), *BAR)
    assert_frame_equal(got, expected, check_exact=True)


def check_keyed(got: pl.DataFrame, made: Made) -> None:
    """Compare the bars of some symbols, and that all close in order."""
    assert got.columns == ["symbol", *BAR]
    assert got["close_time"].is_sorted()
    for symbol, expected in made.bars.items():
        alone = got.filter(pl.col("symbol") == symbol).select(BAR)
        assert_frame_equal(alone, expected.select(BAR), check_exact=True)


ONE_KEY = "S000"


def check_one_key(got: pl.DataFrame, made: Made) -> None:
    """Compare the bars of one symbol."""
    assert got["symbol"].unique().to_list() == [ONE_KEY]
    bars_of(ONE_KEY)(got.drop("symbol"), made)


OWN = [pl.col("price").max().alias("highest"), pl.col("quantity").sum().alias("quantity")]


def check_own(got: pl.DataFrame, made: Made) -> None:
    """Compare aggregations with the built-in columns that they repeat."""
    bars_of(str(ONE))(got.select(BAR), made)
    own = got.select(high="highest", volume="quantity")
    assert_frame_equal(own, got.select("high", "volume"), rel_tol=1e-9)


def summed(names: Sequence[str]) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """Sum these columns."""
    return lambda trades: trades.select(pl.col(names).to_physical().sum())


PLANS = {
    "sum": Plan(summed(ALWAYS_READ), check_sums),
    "sum of all": Plan(summed(list(TRADE_SCHEMA)), check_sums),
    "bars": Plan(lambda trades: rb.bars(trades, ONE), bars_of(str(ONE))),
    "fine": Plan(lambda trades: rb.bars(trades, FINE), bars_of(str(FINE))),
    "features": Plan(
        lambda trades: rb.bars(trades, ONE, include_microstructure=True), check_features
    ),
    "four": Plan(lambda trades: rb.bars(trades.select(FOUR), ONE), bars_of(str(ONE))),
    "features of four": Plan(
        lambda trades: rb.bars(trades.select(FOUR), ONE, include_microstructure=True),
        check_features,
    ),
    "open and close": Plan(
        lambda trades: rb.bars(trades, ONE).select("open", "close"), check_selected
    ),
    "head": Plan(lambda trades: rb.bars(trades, ONE).head(10), check_head),
    "filter and head": Plan(
        lambda trades: rb.bars(trades, ONE).filter(RISING).head(10), check_rising
    ),
    "ten": Plan(lambda trades: rb.bars(trades, TEN), check_ten),
    "keyed": Plan(lambda trades: rb.bars(trades, ONE, by="symbol"), check_keyed),
    "one key": Plan(
        lambda trades: rb.bars(trades, ONE, by="symbol").filter(symbol=ONE_KEY), check_one_key
    ),
    "trades of one key": Plan(
        lambda trades: rb.bars(trades.filter(symbol=ONE_KEY), ONE, by="symbol"), check_one_key
    ),
    "day": Plan(lambda trades: rb.bars(trades, ONE, reset="day"), bars_of("day")),
    "own": Plan(lambda trades: rb.bars(trades, ONE, aggs=OWN), check_own),
}
