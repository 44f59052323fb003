"""Triple barriers: the cases of the specification, and the definition through every entry point."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.entry_points import collect_streaming, inside_another, one_chunk_a_row, parquet
from support.entry_points import uneven_chunks as uneven
from support.label_reference import events_of, frame_of
from support.strategies import THRESHOLDS, frames
from support.trades import rows, trades, walk

import rangebar_polars as rb

TEN = trades(
    [100, 100.5, 100.2, 101, 101.1, 100.8, 100.9, 100.6, 100, 100.3],
    [0, 1000, 1500, 3000, 3000, 4000, 4500, 6000, 8000, 9000],
)
TP, SL, END = "take_profit", "stop_loss", "horizon"
LAST = (TP, Fraction(3, 1000), 9000)
CASES = [
    (50, 50, None, (TP, Fraction(1, 1010), 3000), LAST),
    (200, 500, None, (SL, Fraction(-1, 101), 8000), LAST),
    (200, 1000, None, None, LAST),
    (200, 500, "1s", (END, Fraction(-2, 1010), 4000), LAST),
    (200, 990, 1, (SL, Fraction(-1, 101), 8000), LAST),
    (None, 991, 1, (END, Fraction(-1, 101), 8000), None),
    (300, 200, None, (SL, Fraction(-4, 1010), 6000), LAST),
    (301, 200, None, (SL, Fraction(-4, 1010), 6000), None),
]
LABELS = {TP: 1, SL: -1, END: 0}
ENTRY_POINTS: dict[str, Callable[..., pl.DataFrame]] = {
    "eager": rb.labels.triple_barrier,
    "one chunk a row": lambda frame, **options: rb.labels.triple_barrier(
        one_chunk_a_row(frame), **options
    ),
    "uneven chunks": lambda frame, **options: rb.labels.triple_barrier(uneven(frame), **options),
    "a slice": lambda frame, **options: rb.labels.triple_barrier(inside_another(frame), **options),
    "a stream": lambda frame, **options: rb.labels.triple_barrier(
        frame.to_arrow().to_reader(max_chunksize=3), **options
    ),
    "lazy": lambda frame, **options: rb.labels.triple_barrier(frame.lazy(), **options).collect(),
    "lazy, row groups of 3": lambda frame, **options: collect_streaming(
        rb.labels.triple_barrier(parquet(frame, 3), **options)
    ),
}
HORIZONS = st.sampled_from([1, 2, 5, "1ms", "1s", "2s", "60s", "30h"])
BARRIERS = st.sampled_from([None, 1, 7, 250, 999, 1_000, 25_000, 100_000])


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_ten_trades_have_the_labels_of_the_specification(
    case: tuple[Any, ...], entry_point: str
) -> None:
    take_profit, stop_loss, horizon, *expected = case

    labels = ENTRY_POINTS[entry_point](
        TEN,
        threshold_decimal_bps=1000,
        take_profit=take_profit,
        stop_loss=stop_loss,
        horizon=horizon,
    )

    assert labels["close"].to_list() == [101, 100]
    times = labels["touch_time"].to_physical().to_list()
    for row, (wanted, time) in enumerate(zip(expected, times, strict=True)):
        label, ret, kind = labels.select("label", "ret", "touch_kind").row(row)
        if wanted is None:
            assert (label, ret, time, kind) == (None, None, None, None)
        else:
            assert (label, time, kind) == (LABELS[wanted[0]], wanted[2], wanted[0])
            assert ret == pytest.approx(float(wanted[1]), rel=1e-12)


@pytest.mark.parametrize(
    ("prices", "barriers", "ret"),
    [
        ([972, 974, 975], {"take_profit": 250}, 3 / 972),
        ([972, 970, 969], {"stop_loss": 250}, -3 / 972),
    ],
)
def test_barriers_are_rounded_up_to_a_unit(
    prices: list[int], barriers: dict[str, Any], ret: float
) -> None:
    frame = trades([units / 1e8 for units in prices])

    labels = rb.labels.triple_barrier(frame, events=pl.DataFrame({"row": [0]}), **barriers)

    assert labels["ret"].to_list() == [ret]
    assert labels["touch_time"].to_physical().to_list() == [2000]


@settings(max_examples=60)
@given(st.data(), THRESHOLDS, st.lists(HORIZONS, min_size=1, max_size=3, unique=True))
def test_labels_are_those_of_the_definition_through_every_entry_point(
    data: st.DataObject, threshold: int, horizons: list[int | str]
) -> None:
    frame = data.draw(frames(threshold))
    take_profit, stop_loss = data.draw(
        st.tuples(BARRIERS, BARRIERS).filter(lambda both: both != (None, None))
    )
    events = events_of(rows(frame), f"range-{threshold}", take_profit, stop_loss)
    expected = frame_of(frame, events, {f"_{horizon}": horizon for horizon in horizons})
    for of in ENTRY_POINTS.values():
        labels = of(
            frame,
            threshold_decimal_bps=threshold,
            take_profit=take_profit,
            stop_loss=stop_loss,
            horizon=horizons,
        )
        assert_frame_equal(labels, expected, check_exact=True)


@pytest.mark.parametrize("horizon", [None, 3, "40s"])
@pytest.mark.parametrize("rule", ["highlow-0.5", "tick-7", "imbalance-tick-maker-3"])
def test_bars_of_another_rule_have_labels_too(rule: str, horizon: int | str | None) -> None:
    frame = walk(600)

    labels = rb.labels.triple_barrier(
        frame, rule=rb.parse_rule(rule), take_profit=100, stop_loss=60, horizon=horizon
    )

    expected = frame_of(frame, events_of(rows(frame), rule, 100, 60), {"": horizon})
    assert expected["label"].n_unique() > 2
    assert_frame_equal(labels, expected, check_exact=True)


@pytest.mark.parametrize("rows_of_it", [4_095, 4_097, 9_000])
def test_labels_around_the_sizes_of_blocks_are_those_of_the_definition(rows_of_it: int) -> None:
    frame = walk(rows_of_it)
    events = events_of(rows(frame), "range-400", 700, 300)[::40]
    labels = rb.labels.triple_barrier(frame, 400, take_profit=700, stop_loss=300, horizon=[2, "2m"])

    of_some = labels.gather_every(40)

    assert_frame_equal(of_some, frame_of(frame, events, {"_2": 2, "_2m": "2m"}), check_exact=True)
