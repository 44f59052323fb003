"""Bars that are not those of the trades are found, to the last unit and in their row."""

from typing import Any

import polars as pl
import pytest
from support.trades import trades as trades_of
from support.trades import walk

import rangebar_polars as rb

ROW = 7
THRESHOLD = 20
TRADES = walk(3_000).head(2_999)
BARS = rb.bars(TRADES, THRESHOLD, include_microstructure=True)
PLAIN = rb.bars(TRADES, THRESHOLD)
HERE = pl.int_range(pl.len()) == ROW


def found(bars: pl.DataFrame, trades: pl.DataFrame = TRADES, **options: Any) -> set[Any]:  # noqa: ANN401
    """Return subject and rows of the failures against the trades."""
    options = {"threshold_decimal_bps": THRESHOLD} | options
    failures = rb.validate_tier1(bars, trades, **options).failures
    of_trades = failures.filter(pl.col("check") == "conservation")
    return {
        (subject, tuple(rows)) for subject, rows in of_trades.select("subject", "rows").iter_rows()
    }


def plain(bars: pl.DataFrame, trades: pl.DataFrame = TRADES, **options: Any) -> set[Any]:  # noqa: ANN401
    """Return the same of bars without microstructure."""
    return found(bars, trades, include_microstructure=False, **options)


@pytest.mark.parametrize(
    "name",
    [
        "volume",
        "turnover",
        "buy_volume",
        "sell_volume",
        "buy_turnover",
        "sell_turnover",
        "high",
        "low",
    ],
)
def test_a_sum_or_price_that_is_the_next_float_is_found(name: str) -> None:
    bits = pl.col(name).reinterpret(signed=True) + 1
    nearest = pl.when(HERE).then(bits.reinterpret(dtype=pl.Float64)).otherwise(pl.col(name))

    assert found(BARS.with_columns(nearest.alias(name))) == {(name, (ROW,))}


@pytest.mark.parametrize(
    "name",
    [
        "individual_trade_count",
        "buy_trade_count",
        "sell_trade_count",
        "first_agg_trade_id",
        "last_agg_trade_id",
    ],
)
def test_a_count_or_id_that_is_one_off_is_found(name: str) -> None:
    wrong = BARS.with_columns(pl.when(HERE).then(pl.col(name) + 1).otherwise(pl.col(name)))

    assert found(wrong) == {(name, (ROW,))}


@pytest.mark.parametrize("off", [-1, 1])
def test_a_bar_that_counts_another_number_of_trades_is_found_alone(off: int) -> None:
    count = pl.col("agg_record_count")
    wrong = BARS.with_columns(pl.when(HERE).then(count + off).otherwise(count))

    assert found(wrong) == {("rows", (ROW,))}


@pytest.mark.parametrize("name", ["open_time", "close_time", "open", "close"])
def test_a_bar_that_begins_or_ends_elsewhere_is_found(name: str) -> None:
    wrong = BARS.with_columns(
        pl.when(HERE).then(pl.col(name).shift(1)).otherwise(pl.col(name)).alias(name)
    )

    assert {subject for subject, _ in found(wrong)} == {"rows"}
    assert {subject for subject, _ in plain(wrong.select(PLAIN.columns))} == {"rows"}


@pytest.mark.parametrize("bars", [BARS, PLAIN], ids=["counted", "by volume"])
def test_a_missing_bar_is_found(bars: pl.DataFrame) -> None:
    without_one = bars.filter(~HERE)

    assert plain(without_one) == {("lost", (ROW,))}


@pytest.mark.parametrize("bars", [BARS, PLAIN], ids=["counted", "by volume"])
@pytest.mark.parametrize("end", ["first", "last"])
def test_a_missing_bar_at_an_end_is_found(bars: pl.DataFrame, end: str) -> None:
    without_one = bars.slice(1) if end == "first" else bars.head(-1)
    row = 0 if end == "first" else bars.height - 2

    assert plain(without_one) == {("lost", (row,))}


@pytest.mark.parametrize("bars", [BARS, PLAIN], ids=["counted", "by volume"])
def test_a_bar_that_is_there_twice_is_found(bars: pl.DataFrame) -> None:
    twice = pl.concat([bars.head(ROW + 1), bars.slice(ROW)])

    assert ("rows", (ROW + 1,)) in plain(twice)


def test_a_missing_open_bar_is_found_where_open_bars_are_asked_for() -> None:
    bars = rb.bars(TRADES, THRESHOLD, include_microstructure=True, include_incomplete=True)
    assert bars["is_complete"].to_list()[-1] is False

    assert found(bars) == set()
    assert {subject for subject, _ in found(bars.head(-1))} == {"lost"}


def test_a_trade_that_no_bar_holds_is_counted() -> None:
    report = rb.validate_tier1(BARS.filter(~HERE), TRADES, threshold_decimal_bps=THRESHOLD)

    lost = report.failures.filter(pl.col("subject") == "lost")
    number = BARS["agg_record_count"][ROW]
    message = "expected each trade in a bar, or in one that did not close"
    assert lost.select("figure", "message").rows() == [
        (float(number), f"{message}; {number} trades are in none")
    ]


@pytest.mark.parametrize("bars", [BARS, PLAIN], ids=["counted", "by volume"])
def test_two_bars_that_were_joined_are_found_by_their_cut(bars: pl.DataFrame) -> None:
    coarse = rb.bars(TRADES, 2 * THRESHOLD, include_microstructure=True).select(bars.columns)

    subjects = {subject for subject, _ in plain(coarse)}

    assert "cuts" in subjects


@pytest.mark.parametrize("bars", [BARS, PLAIN], ids=["counted", "by volume"])
def test_bars_of_other_trades_are_found(bars: pl.DataFrame) -> None:
    other = TRADES.with_columns(pl.col("quantity") * 2)

    assert plain(bars, other) != set()


def test_a_volume_that_is_off_is_found_without_counts() -> None:
    volume = pl.col("volume")
    wrong = PLAIN.with_columns(pl.when(HERE).then(volume + 1e-8).otherwise(volume))

    assert ("rows", (ROW,)) in plain(wrong)


def test_bars_without_counts_and_with_volumes_beyond_a_floats_integers_are_not_passed() -> None:
    huge = TRADES.with_columns(pl.col("quantity") * 1e9)
    bars = rb.bars(huge, THRESHOLD)

    report = rb.validate_tier1(
        bars, huge, threshold_decimal_bps=THRESHOLD, include_microstructure=False
    )

    message = (
        "not checked: volumes of 2**51 units of 1e-8 or more are not exact as floats, and there "
        "is no agg_record_count (make bars with include_microstructure=True)"
    )
    assert report.failures["message"].to_list() == [message]


def test_trades_without_a_column_of_the_bars_are_not_passed() -> None:
    report = rb.validate_tier1(BARS, TRADES.drop("price"), threshold_decimal_bps=THRESHOLD)

    assert report.failures["message"].to_list() == ["not checked: the trades have no price"]


def test_trades_of_another_unit_are_not_passed() -> None:
    other = TRADES.with_columns(pl.col("timestamp").dt.cast_time_unit("us"))
    report = rb.validate_tier1(BARS, other, threshold_decimal_bps=THRESHOLD)

    message = (
        "open_time is Datetime(time_unit='ms', time_zone=None): expected the dtype of the trades, "
        "Datetime(time_unit='us', time_zone=None)"
    )
    assert report.failures["message"].to_list() == [message]


def test_the_bars_of_a_key_without_trades_are_found() -> None:
    trades = TRADES.with_columns(symbol=pl.lit("A"))
    bars = rb.bars(trades, THRESHOLD, by="symbol", include_microstructure=True)
    last = bars.height - 1
    other = pl.when(pl.int_range(pl.len()) == last).then(pl.lit("B")).otherwise(pl.lit("A"))

    found_rows = dict(found(bars.with_columns(symbol=other), trades, by="symbol"))

    assert found_rows["rows"] == (last,)


def test_the_trades_of_a_key_without_bars_are_lost_if_one_would_have_closed() -> None:
    trades = pl.concat(
        [TRADES.with_columns(symbol=pl.lit("A")), TRADES.with_columns(symbol=pl.lit("B"))]
    ).sort("timestamp", maintain_order=True)
    bars = rb.bars(trades, THRESHOLD, by="symbol", include_microstructure=True)

    subjects = {subject for subject, _ in found(bars.filter(symbol="A"), trades, by="symbol")}

    assert subjects == {"lost"}


def test_trades_of_a_key_that_never_closed_a_bar_are_no_loss() -> None:
    trades = trades_of([100.0, 100.01, 100.0])

    assert plain(rb.bars(trades, 250), trades, threshold_decimal_bps=250) == set()


def test_a_trade_that_was_blocked_by_its_time_closes_no_bar() -> None:
    trades = trades_of([100.0, 101.0, 100.1, 101.0], [0, 0, 1000, 2000])
    bars = rb.bars(trades, 250)
    options: dict[str, Any] = {"threshold_decimal_bps": 250}

    assert plain(bars, trades, **options) == set()
    assert {
        subject for subject, _ in plain(bars, trades, prevent_same_timestamp_close=False, **options)
    } == {"cuts"}


def test_trades_that_are_not_sorted_are_not_passed() -> None:
    report = rb.validate_tier1(BARS, TRADES.reverse(), threshold_decimal_bps=THRESHOLD)

    assert report.failures["message"].to_list() == [
        "not checked: the trades are not sorted by time"
    ]


def test_trades_without_a_bar_are_lost_if_one_would_have_closed() -> None:
    none = rb.bars(TRADES, THRESHOLD).clear()

    assert plain(none) == {("lost", ())}


def test_trades_without_a_bar_of_any_threshold_are_noted_unless_one_is_given() -> None:
    none = rb.bars(TRADES, [THRESHOLD]).clear()

    report = rb.validate_tier1(none, TRADES, include_microstructure=False)

    assert report.notes["message"].to_list()[1:] == [
        "not checked: there is no bar, so that the threshold is not known (give it)"
    ]
    assert plain(none) == {("lost", ())}


def test_bars_by_a_column_of_the_trades_are_compared_by_it() -> None:
    bars = rb.bars(TRADES, THRESHOLD, by="is_buyer_maker", include_microstructure=True)

    options: dict[str, Any] = {"by": "is_buyer_maker", "consecutive_ids": False}
    assert bars.height > 10
    assert found(bars, **options) == set()
    assert {subject for subject, _ in found(bars.filter(~HERE), **options)} == {"lost"}
