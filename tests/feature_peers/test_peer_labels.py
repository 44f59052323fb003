"""Labels are those of finmlkit and mlfinpy, or differ for a reason that is tested."""

from typing import Any

import polars as pl
import pytest
from support.feature_peers import RESULTS, TRADES, near, record

import rangebar_polars as rb

APART = record.apart()
SPAN = f"{record.SECONDS}s"


def labels(trades: pl.DataFrame, rows: list[int], **asked: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return labels of events, with the row that ended each."""
    given = {"take_profit": record.TAKE_PROFIT, "stop_loss": record.STOP_LOSS} | asked
    return rb.labels.triple_barrier(trades, events=pl.DataFrame({"row": rows}), **given)


def times(trades: pl.DataFrame, rows: list[int]) -> list[Any]:
    """Return the times of rows."""
    return trades["timestamp"].gather(rows).to_list()


@pytest.fixture(scope="module")
def within_a_span() -> pl.DataFrame:
    """Return labels of the sample with a horizon, and what finmlkit has."""
    theirs = pl.DataFrame(RESULTS["finmlkit triple_barrier"]).rename(
        {"label": "theirs", "row": "last"}
    )
    ours = labels(TRADES, record.closing_rows(TRADES), horizon=SPAN)
    returns = pl.col("log_return").exp() - 1
    ended = pl.Series("ended", times(TRADES, theirs["last"].to_list()))
    return pl.concat([ours, theirs.with_columns(returns, ended)], how="horizontal")


def test_touches_and_returns_are_those_of_finmlkit(within_a_span: pl.DataFrame) -> None:
    known = within_a_span.drop_nulls("label")

    assert {*known["touch_kind"]} == {"take_profit", "stop_loss", "horizon"}
    assert known["touch_time"].equals(known["ended"], check_names=False)
    assert near(known["ret"], known["log_return"])
    touched = known.filter(pl.col("touch_kind") != "horizon")
    assert touched["label"].to_list() == touched["theirs"].to_list()


def test_a_horizon_of_finmlkit_has_the_sign_of_its_return(within_a_span: pl.DataFrame) -> None:
    ended = within_a_span.filter(pl.col("touch_kind") == "horizon")

    assert {*ended["label"]} == {0}
    assert {*ended["theirs"]} == {1, -1}


def test_a_return_of_zero_is_made_a_profit_by_finmlkit() -> None:
    theirs = RESULTS["finmlkit triple_barrier, flat"]
    ours = labels(record.FLAT, [0], horizon="2s")

    assert (theirs["label"], theirs["log_return"], theirs["row"]) == ([1], [0], [2])
    assert ours.select("label", "ret", "touch_kind").row(0) == (0, 0, "horizon")
    assert ours["touch_time"].to_list() == times(record.FLAT, theirs["row"])


def test_events_whose_horizon_is_not_known_yet_are_labelled_by_finmlkit(
    within_a_span: pl.DataFrame,
) -> None:
    opened = within_a_span.filter(pl.col("label").is_null())

    assert opened.height > 1
    assert {*opened["last"]} == {TRADES.height - 1}
    assert {*opened["theirs"]} <= {1, -1}
    assert (
        opened.select("ret", "touch_time", "touch_kind").null_count().row(0) == (opened.height,) * 3
    )


def test_touches_are_those_of_mlfinpy_where_a_side_is_given() -> None:
    theirs = RESULTS["mlfinpy get_bins"]
    ours = labels(APART, record.closing_rows(APART, record.RUN // 2)).drop_nulls()

    assert ours.height == len(theirs["event"])
    assert ours["touch_time"].to_list() == times(APART, theirs["row"])
    assert near(ours["ret"], theirs["return"])
    # With a side, its label of a loss is 0.
    assert [max(0, label) for label in ours["label"]] == theirs["label"]
    assert {*ours["label"]} == {1, -1}


def test_mlfinpy_ignores_the_stop_loss_where_no_side_is_given() -> None:
    theirs = RESULTS["mlfinpy get_bins, no side"]
    rows = record.closing_rows(APART, record.RUN // 2)
    symmetric = labels(APART, rows, stop_loss=record.TAKE_PROFIT).drop_nulls()
    asked = labels(APART, rows).drop_nulls()

    assert symmetric["touch_time"].to_list() == times(APART, theirs["row"])
    assert asked["touch_time"].to_list() != times(APART, theirs["row"])


def test_the_horizon_of_mlfinpy_ends_with_the_first_trade_after_it() -> None:
    theirs = RESULTS["mlfinpy get_bins, a horizon"]
    ours = labels(APART, record.closing_rows(APART, record.RUN // 2), horizon=SPAN)
    events = times(APART, theirs["event"])
    ended = pl.Series("ended", times(APART, theirs["row"]))
    started = pl.Series("started", events)
    both = ours.head(len(events)).with_columns(ended, started)

    by_horizon = both.filter(pl.col("touch_kind") == "horizon")
    span = pl.duration(seconds=record.SECONDS)
    assert by_horizon.height > 3
    assert by_horizon.select((pl.col("touch_time") - pl.col("started") <= span).all()).item()
    assert by_horizon.select((pl.col("ended") - pl.col("started") >= span).all()).item()
    touched = both.filter(pl.col("touch_kind") != "horizon")
    assert touched["touch_time"].equals(touched["ended"], check_names=False)


def test_a_price_on_a_barrier_does_not_touch_it_in_mlfinpy() -> None:
    made = record.AT_THE_BARRIER
    ours = labels(made, [0, 1], take_profit=50_000, stop_loss=50_000)

    assert RESULTS["mlfinpy get_bins, at the barrier"]["event"] == []
    assert ours["touch_kind"].to_list() == ["take_profit", "stop_loss"]
    assert ours["touch_time"].to_list() == times(made, [1, 2])


def test_a_barrier_of_twice_the_target_is_labelled_as_untouched_by_mlfinpy() -> None:
    theirs = RESULTS["mlfinpy get_bins, twice the target"]
    ours = labels(record.BEYOND_TWICE, [0], take_profit=50_000, stop_loss=50_000)

    # It compares ln(1 + return) with twice ln(1 + target).
    assert (theirs["row"], theirs["label"]) == ([1], [0])
    assert near(ours["ret"], theirs["return"])
    assert ours["label"].to_list() == [1]
