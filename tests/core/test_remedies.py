"""The remedies that messages name give the right bars."""

import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from support.entry_points import assert_same
from support.trades import trades, walk

import rangebar_polars as rb

OPTIONS: dict[str, Any] = {"include_microstructure": True}
FRAME = (
    walk(500)
    .cast({"timestamp": pl.Datetime("us")})
    .with_columns(
        pl.col("timestamp") + pl.duration(seconds=1_723_075_200),
        pl.col("is_buyer_maker").fill_null(False),  # noqa: FBT003
    )
)
BARS = rb.bars(FRAME, 20, **OPTIONS)


def message_of(frame: pl.DataFrame) -> str:
    """Return what bars of these trades are refused with."""
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        rb.bars(frame, 20, **OPTIONS)
    return str(caught.value)


def code_of(message: str) -> pl.Expr:
    """Return the expression of a remedy, as a user would copy it."""
    found = re.search(r"(pl\.(?:col|from_epoch)\(.*)\)", message.rpartition("] (")[2])
    assert found is not None
    code = re.split(r", with the | where today", found[1])[0]
    expression = eval(code, {"pl": pl})  # noqa: S307 - our own message
    assert isinstance(expression, pl.Expr)
    return expression


UNITS = {"s": 10, "ms": 13, "us": 16, "ns": 19}


@pytest.mark.parametrize("unit", UNITS)
def test_whole_times_are_cast_from_the_unit_that_their_digits_show(unit: str) -> None:
    number = (
        pl.col("timestamp").dt.epoch("s")
        if unit == "s"
        else pl.col("timestamp").dt.cast_time_unit(unit).to_physical()  # type: ignore[arg-type]
    )
    frame = FRAME.with_columns(number)
    digits = len(str(frame["timestamp"][0]))

    message = message_of(frame)

    assert f'"{unit}") where today is a number of {digits} digits' in message or (
        f'"{unit}" of {digits}' in message
    )
    mended = frame.with_columns(pl.from_epoch("timestamp", time_unit=unit))  # type: ignore[call-overload]
    times = pl.col("open_time", "close_time").cast(pl.Datetime("us"))
    assert_same(BARS, rb.bars(mended, 20, **OPTIONS).with_columns(times))


def test_float_seconds_are_cast_to_the_nearest_microsecond() -> None:
    frame = FRAME.with_columns(pl.col("timestamp").to_physical() / 1_000_000)

    mended = frame.with_columns(code_of(message_of(frame)))

    assert_same(BARS, rb.bars(mended, 20, **OPTIONS))


def test_dates_and_text_of_times_are_cast() -> None:
    text = FRAME.with_columns(pl.col("timestamp").dt.to_string("iso"))

    mended = text.with_columns(code_of(message_of(text)))

    assert_same(BARS, rb.bars(mended, 20, **OPTIONS))


SELLERS: dict[str, tuple[object, object]] = {
    "sell": ("sell", "buy"),
    "Sell": ("Sell", "Buy"),
    "SELL": ("SELL", "BUY"),
    "s": ("s", "b"),
}
SIDE_NUMBERS = {"of 0 and 1": (1, 0), "of -1 and 1": (-1, 1)}


@pytest.mark.parametrize("name", SELLERS)
def test_sides_are_true_where_the_aggressor_sold(name: str) -> None:
    sold, bought = SELLERS[name]
    side = pl.col("is_buyer_maker")
    frame = FRAME.with_columns(
        pl.when(side).then(pl.lit(sold)).otherwise(pl.lit(bought)).alias("is_buyer_maker")
    )

    message = message_of(frame)

    found = re.search(r"aggressor's side: columns=(TradeColumns\([^)]*\))", message)
    assert found is not None
    columns = eval(found[1], {"TradeColumns": rb.TradeColumns})  # noqa: S307 - our own message
    assert_same(BARS, rb.bars(frame, 20, columns=columns, **OPTIONS))


@pytest.mark.parametrize("numbers", SIDE_NUMBERS)
def test_numbers_of_sides_have_a_remedy_for_each_kind(numbers: str) -> None:
    sold, bought = SIDE_NUMBERS[numbers]
    side = pl.when("is_buyer_maker").then(sold).otherwise(bought)
    frame = FRAME.with_columns(side.alias("is_buyer_maker"))

    remedies = message_of(frame).rstrip(")").partition("aggressor sold: ")[2].split(", ")

    (code,) = [text.removeprefix(numbers) for text in remedies if text.startswith(numbers)]
    mended = frame.with_columns(eval(code, {"pl": pl}))  # noqa: S307 - our own message
    assert_same(BARS, rb.bars(mended, 20, **OPTIONS))


NUMBERS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "text prices": lambda frame: frame.with_columns(pl.col("price").cast(pl.String)),
    "text quantities": lambda frame: frame.with_columns(pl.col("quantity").cast(pl.String)),
    "categorical prices": lambda frame: frame.with_columns(
        pl.col("price").cast(pl.String).cast(pl.Categorical)
    ),
    "text ids": lambda frame: frame.with_columns(pl.col("agg_trade_id").cast(pl.String)),
    "float ids": lambda frame: frame.with_columns(pl.col("agg_trade_id").cast(pl.Float64)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_column_of_another_dtype_is_cast(name: str) -> None:
    frame = NUMBERS[name](FRAME)

    mended = frame.with_columns(code_of(message_of(frame)))

    assert_same(BARS, rb.bars(mended, 20, **OPTIONS))


def test_newest_first_without_ids_is_reversed() -> None:
    tied = trades([100, 100.2, 101, 101.3, 100], [0, 1_000, 1_000, 2_000, 2_000])
    newest_first = tied.reverse()

    with pytest.raises(pl.exceptions.ComputeError, match="reverse trades that come newest first"):
        rb.bars(newest_first)

    assert_same(rb.bars(tied), rb.bars(newest_first.reverse()))
    assert not rb.bars(newest_first.sort("timestamp", maintain_order=True)).equals(rb.bars(tied))


def test_trades_out_of_order_are_sorted_by_time_and_id() -> None:
    shuffled = FRAME.sample(fraction=1, shuffle=True, seed=1)

    with pytest.raises(pl.exceptions.ComputeError, match="sort by timestamp and trade id"):
        rb.bars(shuffled, 20)

    assert_same(BARS, rb.bars(shuffled.sort("timestamp", "agg_trade_id"), 20, **OPTIONS))


def test_two_venues_in_one_frame_have_bars_of_their_own() -> None:
    both = pl.concat([FRAME.with_columns(venue=pl.lit(name)) for name in ("a", "b")])
    both = both.sort("timestamp", "agg_trade_id", "venue")

    with pytest.raises(
        pl.exceptions.ComputeError, match=r"two venues, make bars of each, with by="
    ):
        rb.bars(both, 20, **OPTIONS)

    bars = rb.bars(both, 20, by="venue", **OPTIONS)
    assert_same(BARS, bars.filter(venue="b").drop("venue"))


def test_the_same_record_twice_is_dropped() -> None:
    doubled = pl.concat([FRAME, FRAME[100:200]]).sort("timestamp", "agg_trade_id")

    with pytest.raises(pl.exceptions.ComputeError, match="the same record twice, drop duplicates"):
        rb.bars(doubled, 20, **OPTIONS)

    assert_same(BARS, rb.bars(doubled.unique(maintain_order=True), 20, **OPTIONS))


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_join_before_bars_keeps_the_order_that_it_is_asked_to_keep(engine: Any) -> None:  # noqa: ANN401
    keep = pl.LazyFrame({"symbol": ["A", "B"]})
    plan = FRAME.with_columns(symbol=pl.lit("A")).lazy()

    joined = plan.join(keep, on="symbol", maintain_order="left")

    bars = rb.bars(joined, 20, **OPTIONS).collect(engine=engine)
    assert_same(BARS, bars)
