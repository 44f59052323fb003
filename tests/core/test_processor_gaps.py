"""Ids that are missing between or within batches are a warning."""

import warnings
from collections.abc import Iterator
from datetime import datetime

import polars as pl
import pytest
from support.batches import DAY, processor
from support.trades import trades

import rangebar_polars as rb


@pytest.fixture
def quiet() -> Iterator[None]:
    """Let gaps pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rb.RangeBarWarning)
        yield


# Gaps in the ids.


def test_a_gap_between_batches_is_a_warning_and_is_remembered() -> None:
    one = processor()
    one.process_trades(trades([100], [1_000], ids=[5]))

    with pytest.warns(rb.RangeBarWarning) as reported:
        one.process_trades(trades([100, 100], [2_000, 3_000], ids=[8, 20]))

    assert [str(warning.message) for warning in reported] == [
        (
            "2 records are missing between agg_trade_id 5 at 1970-01-01 00:00:01.000 and 8 at "
            "1970-01-01 00:00:02.000 (the bars run over the gap)"
        )
    ]
    assert one.gaps.rows() == [
        (5, 8, 2, datetime(1970, 1, 1, 0, 0, 1), datetime(1970, 1, 1, 0, 0, 2))  # noqa: DTZ001 - naive
    ]


def test_a_warning_of_a_gap_points_at_the_call() -> None:
    one = processor()
    one.process_trades(trades([100], ids=[5]))

    with pytest.warns(rb.RangeBarWarning) as reported:
        one.process_trades(trades([100], ids=[8]))

    assert reported[0].filename == __file__


NO_GAPS: dict[str, list[pl.DataFrame]] = {
    "inside a batch": [trades([100, 100], ids=[1, 9])],
    "ids that follow": [trades([100], ids=[1]), trades([100], ids=[2])],
    "ids that fall": [trades([100], [0], ids=[9]), trades([100], [1], ids=[2])],
    "no ids": [trades([100], [0]), trades([100], [1])],
    "a null before the seam is no id": [
        trades([100, 100], ids=[1, None]),
        trades([100], [9_000], ids=[2]),
    ],
    "a null after the seam": [trades([100], ids=[1]), trades([100, 100], [1, 2], ids=[None, 9])],
    "an empty batch between": [trades([100], ids=[1]), trades([], ids=[]), trades([100], ids=[2])],
}


@pytest.mark.parametrize("name", NO_GAPS)
def test_what_is_no_gap_is_no_gap(name: str) -> None:
    one = processor()

    for batch in NO_GAPS[name]:
        one.process_trades(batch)

    assert one.gaps.is_empty()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("between", [[], [trades([], ids=[])]], ids=["none", "an empty batch"])
@pytest.mark.parametrize("ids", [[1], [1, None]], ids=str)
def test_a_gap_is_from_the_last_id_that_was_known(
    ids: list[int | None], between: list[pl.DataFrame]
) -> None:
    one = processor()

    for batch in [trades([100.0] * len(ids), ids=ids), *between, trades([100], [9_000], ids=[3])]:
        one.process_trades(batch)

    assert one.gaps["missing"].to_list() == [1]


@pytest.mark.usefixtures("quiet")
def test_gaps_are_seen_in_dicts_and_plans_too() -> None:
    one = processor()
    one.process_trades([{"timestamp": DAY, "price": 100, "quantity": 1, "agg_trade_id": 1}])
    one.process_trades(trades([100], [DAY + 1], ids=[4], zone="UTC").lazy())
    one.process_trades([{"timestamp": DAY + 2, "price": 100, "quantity": 1, "agg_trade_id": 9}])

    assert one.gaps.select("last_agg_trade_id", "next_agg_trade_id").rows() == [(1, 4), (4, 9)]


@pytest.mark.usefixtures("quiet")
def test_the_whole_range_of_ids_may_be_missing() -> None:
    one = processor()
    one.process_trades(trades([100], [0], ids=[-(2**63)]))
    one.process_trades(trades([100], [1], ids=[2**63 - 1]))

    assert one.gaps["next_agg_trade_id"].to_list() == [2**63 - 1]
    assert one.gaps["missing"].to_list() == [2**63 - 2]


def test_a_gap_at_a_time_beyond_pythons_calendar_is_reported_too() -> None:
    one = processor()
    one.process_trades(trades([100], [2**50], ids=[1]))

    with pytest.warns(rb.RangeBarWarning, match=r"^1 records are missing between agg_trade_id 1 "):
        one.process_trades(trades([100], [2**50 + 1], ids=[3]))


def test_an_empty_chunk_at_a_seam_is_no_gap() -> None:
    one, none = processor(), trades([], ids=[])
    one.process_trades(trades([100], ids=[1]))

    one.process_trades(pl.concat([none, trades([100], ids=[2])], rechunk=False))

    assert one.gaps.is_empty()
