"""What lies between bars: missing ones, jumps, pauses."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.trades import trades as trades_of
from support.trades import walk

import rangebar_polars as rb

ROW = 7
TRADES = walk(3_000)
BARS = rb.bars(TRADES, 20, include_microstructure=True)
HERE = pl.int_range(pl.len()) == ROW


def found(bars: pl.DataFrame | pl.LazyFrame, **options: Any) -> set[Any]:  # noqa: ANN401
    """Return check and rows of the failures."""
    options = {"threshold_decimal_bps": 20} | options
    failures = rb.validate_continuity(bars, **options).failures
    return {(check, tuple(rows)) for check, rows in failures.select("check", "rows").iter_rows()}


def test_bars_of_one_computation_follow_each_other() -> None:
    assert found(BARS) == set()
    assert found(BARS.lazy()) == set()


def test_bars_without_ids_say_how_to_check_the_rest() -> None:
    bars = rb.bars(TRADES.drop("agg_trade_id"), 20, include_microstructure=True)

    messages = rb.validate_continuity(bars, threshold_decimal_bps=20).failures["message"]

    remedy = "(if the trades have no agg_trade_id: without=['agg_trade_id'])"
    assert messages[0].startswith(f"expected last id - first id + 1 = agg_record_count {remedy}; ")
    assert messages[1].startswith(
        f"expected first id = last id before + 1, in each chain {remedy}; "
    )
    assert found(bars, without=["agg_trade_id"]) == set()


def test_bars_of_several_chains_follow_each_other_in_each() -> None:
    trades = pl.concat(
        [TRADES.with_columns(symbol=pl.lit("A")), walk(2_000).with_columns(symbol=pl.lit("B"))]
    ).sort("timestamp", maintain_order=True)
    bars = rb.bars(trades, [20, 50], by="symbol", include_microstructure=True)

    assert found(bars, threshold_decimal_bps=None, by="symbol") == set()
    assert found(bars, threshold_decimal_bps=None) != set()


def test_a_missing_bar_is_found_by_its_ids() -> None:
    assert found(BARS.filter(~HERE)) == {("ids", (ROW,))}


def test_a_missing_bar_is_a_jump_where_the_price_moved_on() -> None:
    trades = trades_of([100.0, 101.0, 102.0, 103.5, 105.0, 106.0])
    bars = rb.bars(trades, 250)
    options: dict[str, Any] = {"threshold_decimal_bps": 250, "include_microstructure": False}

    assert bars.height == 3
    assert found(bars, **options, tolerance_decimal_bps=1_300) == set()
    assert found(bars.filter(pl.int_range(pl.len()) != 1), **options) == {("jump", (1,))}


def test_a_jump_is_one_beyond_threshold_and_tolerance() -> None:
    bars = rb.bars(trades_of([100.0, 101.0, 102.01, 105.0]), 250)
    options: dict[str, Any] = {"threshold_decimal_bps": 250, "include_microstructure": False}

    # 101 to 102.01 is exactly 1,000 decimal basis points.
    assert found(bars, **options, tolerance_decimal_bps=750) == set()
    assert found(bars, **options, tolerance_decimal_bps=749) == {("jump", (1,))}


def test_a_pause_is_found_where_one_is_limited() -> None:
    bars = rb.bars(trades_of([100, 101, 101, 102], [0, 1_000, 62_000, 63_000]), 250)
    options: dict[str, Any] = {"include_microstructure": False, "threshold_decimal_bps": 250}

    assert found(bars, **options, max_pause=dt.timedelta(seconds=61)) == set()
    assert found(bars, **options, max_pause=dt.timedelta(seconds=60)) == {("pause", (1,))}


def test_bars_that_overlap_are_found() -> None:
    earlier = pl.when(HERE).then(pl.col("open_time").shift(1)).otherwise(pl.col("open_time"))

    assert found(BARS.with_columns(earlier.alias("open_time"))) == {("order", (ROW,))}


@pytest.mark.parametrize("name", ["open", "close", "close_time", "first_agg_trade_id"])
def test_a_missing_column_fails(name: str) -> None:
    report = rb.validate_continuity(BARS.drop(name), threshold_decimal_bps=20)

    assert "schema" in report.failures["check"].to_list()
    assert report.failures["message"].str.ends_with(f"not checked without {name}").any()


def test_a_threshold_that_nobody_says_fails() -> None:
    report = rb.validate_continuity(BARS)

    message = (
        "the bars have no column threshold_decimal_bps: not checked (give it as an argument, or "
        "their rule)"
    )
    assert report.failures.select("check", "message").rows() == [("jump", message)]


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"tolerance_decimal_bps": 0.5},
            TypeError,
            "tolerance_decimal_bps is 0.5: expected an integer, 0 or more",
        ),
        (
            {"tolerance_decimal_bps": -1},
            ValueError,
            "tolerance_decimal_bps is -1: expected 0 or more",
        ),
        (
            {"max_pause": 60},
            TypeError,
            "max_pause is 60: expected a datetime.timedelta or None",
        ),
    ],
)
def test_a_bad_argument_is_refused_by_the_call(
    options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.validate_continuity(BARS, **options)
