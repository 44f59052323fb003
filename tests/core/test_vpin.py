"""Buckets of volume before a bar: the golden cases, the oracle, states, and what is refused."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.checkpoint_bytes import State
from support.entry_points import BASE, ENTRY_POINTS, Asked, assert_same
from support.lookback_reference import vpin
from support.oracle_chains import check_chains_are_as_alone, few
from support.processors import check_saved_anywhere
from support.reference import cuts
from support.strategies import asked, frames
from support.ten_trades import TEN
from support.trades import rows, trades, walk

import rangebar_polars as rb
from rangebar_polars._core.options import Options

NAME = "lookback_vpin"
FRAME = walk(500)
BUCKETS = st.builds(
    rb.Vpin, st.sampled_from([1e-8, 0.3, 2.0, 700.0, 9e10]), st.sampled_from([1, 2, 5])
)


def before_bars(frame: pl.DataFrame, options: Asked, how: rb.Vpin) -> list[float | None]:
    """Return the values of the oracle before each bar, and before the open one."""
    if frame.schema.get("is_buyer_maker", pl.Null()) == pl.Null():
        return [None] * rb.bars(frame, options.threshold_decimal_bps, **_open(options)).height
    chain = rows(frame)
    prevented = options.prevent_same_timestamp_close
    ends = cuts(chain, options.threshold_decimal_bps, prevented=prevented)
    opens = [row for row in (0, *(end + 1 for end in ends)) if row < len(chain)]
    return [vpin(chain[:row], how.bucket_volume, how.buckets) for row in opens]


def _open(options: Asked) -> dict[str, Any]:
    return {
        "prevent_same_timestamp_close": options.prevent_same_timestamp_close,
        "include_incomplete": True,
    }


@pytest.mark.parametrize(
    ("how", "expected"),
    [(rb.Vpin(2, 2), [None, 1 / 2, 1]), (rb.Vpin(3, 1), [None, 1 / 3, 1])],
)
def test_the_buckets_of_the_ten_trades(how: rb.Vpin, expected: list[float | None]) -> None:
    bars = rb.bars(TEN, 1_000, vpin=how, include_incomplete=True)

    assert bars[NAME].to_list() == expected


@few
@given(st.data(), asked(), st.sampled_from(sorted(ENTRY_POINTS)), BUCKETS)
def test_bars_have_the_value_of_the_oracle_through_every_entry_point(
    data: st.DataObject, options: Asked, entry_point: str, how: rb.Vpin
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    bars = ENTRY_POINTS[entry_point](
        frame, threshold_decimal_bps=options.threshold_decimal_bps, vpin=how, **_open(options)
    )

    assert bars.columns == [*BASE, NAME, "is_complete"]
    assert bars[NAME].to_list() == before_bars(frame, options, how)


@few
@given(st.data(), BUCKETS)
def test_every_chain_of_several_has_the_buckets_that_it_has_alone(
    data: st.DataObject, how: rb.Vpin
) -> None:
    check_chains_are_as_alone(data, vpin=how)


def test_buckets_begin_anew_at_the_border_of_a_reset() -> None:
    frame = FRAME.with_columns(pl.col("timestamp") + pl.duration(hours=pl.int_range(500)))

    bars = rb.bars(frame, 50, reset="day", vpin=rb.Vpin(3, 2), include_incomplete=True)

    days = frame.group_by(pl.col("timestamp").dt.date(), maintain_order=True)
    apart = [rb.bars(day, 50, vpin=rb.Vpin(3, 2), include_incomplete=True)[NAME] for _, day in days]
    assert bars[NAME].to_list() == pl.concat(apart).to_list()
    assert 0 < bars[NAME].null_count() < bars.height


@few
@given(data=st.data(), how=BUCKETS)
def test_a_processor_is_saved_anywhere_and_has_the_buckets_of_one_pass(
    data: st.DataObject, how: rb.Vpin
) -> None:
    check_saved_anywhere(data, vpin=how)


def test_the_column_stands_after_features_and_before_the_footprint() -> None:
    bars = rb.bars(
        FRAME,
        60,
        lookback=30,
        features=["lookback_ofi", "intra_amihud"],
        vpin=rb.Vpin(5, 3),
        footprint=rb.Footprint(1),
    )

    assert bars.columns[7:11] == ["lookback_ofi", "intra_amihud", NAME, "footprint"]
    plan = rb.bars(FRAME.lazy(), 60, vpin=rb.Vpin(5, 3)).select(NAME)
    assert_same(bars.select(NAME), plan.collect())
    read = Options.check(60, columns=None, vpin=rb.Vpin(5, 3)).reads(["close"])
    assert {*read} == {*rb.schema.ALWAYS_READ}
    read = Options.check(60, columns=None, vpin=rb.Vpin(5, 3)).reads([NAME])
    assert {*read} == {*rb.schema.ALWAYS_READ, *rb.schema.VPIN.reads}


def test_trades_without_sides_have_null() -> None:
    bars = rb.bars(trades([100, 101] * 20), 250, vpin=rb.Vpin(1, 1))

    assert bars[NAME].null_count() == bars.height > 0


def test_a_state_of_other_buckets_is_refused_and_one_without_is_continued_without() -> None:
    _, state = rb.bars_with_state(FRAME[:300], 60, vpin=rb.Vpin(5, 3))

    with says(rb.CheckpointError, "the checkpoint is of vpin Vpin(5, 3): expected Vpin(5, 4)"):
        rb.bars(FRAME[300:], 60, vpin=rb.Vpin(5, 4), state=state)
    _, bare = rb.bars_with_state(FRAME[:300], 60)
    with says(rb.CheckpointError, "the checkpoint is of vpin none: expected Vpin(5, 3)"):
        rb.bars(FRAME[300:], 60, vpin=rb.Vpin(5, 3), state=bare)
    rest = rb.bars(FRAME[300:], 60, state=state)
    assert_same(rb.bars(FRAME, 60).tail(rest.height), rest)


def _saved() -> State:
    return State.parse(rb.bars_with_state(FRAME[:300], 60, vpin=rb.Vpin(5, 3))[1])


DAMAGED: dict[str, State] = {
    "no buckets": replace(_saved(), vpin=None),
    "buckets of 0": replace(_saved(), vpin=(0, 3)),
    "no full bucket": replace(_saved(), vpin=(5 * 10**8, 0)),
    "too many buckets": replace(_saved(), vpin=(5 * 10**8, 10_001)),
    "more full buckets than are measured": replace(_saved(), filled=(0, 0, [0, 0, 0, 0])),
    "an imbalance beyond the bucket": replace(_saved(), filled=(0, 0, [5 * 10**8 + 2])),
    "an imbalance below 0": replace(_saved(), filled=(0, 0, [-2])),
    "an imbalance of half a unit": replace(_saved(), filled=(0, 0, [1])),
    "a bucket that is more than full": replace(_saved(), filled=(3 * 10**8, 2 * 10**8, [])),
    "sold below 0": replace(_saved(), filled=(0, -1, [])),
    "a value above 1": replace(_saved(), before=[1.5]),
    "a value below 0": replace(_saved(), before=[-0.0]),
    "no value": replace(_saved(), before=[]),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_buckets_that_cannot_be_are_damage(what: str) -> None:
    with pytest.raises(rb.CheckpointError, match="such a state cannot be"):
        rb.RangeBarProcessor.from_checkpoint(DAMAGED[what].to_bytes())


@pytest.mark.parametrize("volume", [0, -1.0, 4e-9, math.nan, math.inf, 9.1e10])
def test_a_bucket_has_a_volume(volume: float) -> None:
    with says(
        ValueError,
        f"bucket_volume is {volume!r}: expected a volume from 0.00000001 to 90000000000, in units "
        "of the quantity",
    ):
        rb.Vpin(volume, 50)


@pytest.mark.parametrize("volume", [None, "1", True])
def test_a_volume_is_a_number(volume: Any) -> None:  # noqa: ANN401 - what it refuses
    with says(TypeError, f"bucket_volume is {volume!r}: expected a number, the volume of a bucket"):
        rb.Vpin(volume, 50)


def test_a_number_of_buckets_is_an_integer_with_limits() -> None:
    for beyond in (0, 10_001):
        with says(ValueError, f"buckets is {beyond}: expected 1 to 10000"):
            rb.Vpin(1.0, beyond)
    for wrong in (True, 2.0, "2", None):
        with says(TypeError, f"buckets is {wrong!r}: expected a number of buckets, such as 50"):
            rb.Vpin(1.0, wrong)  # type: ignore[arg-type]
    assert rb.Vpin(np.float64(1), np.int64(2)) == rb.Vpin(1, 2)  # type: ignore[arg-type]


def test_buckets_are_given_as_a_vpin() -> None:
    with says(TypeError, "vpin is 50: expected a Vpin (Vpin(bucket_volume=10.0, buckets=50))"):
        rb.bars(FRAME, vpin=50)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="features holds 'lookback_vpin'"):
        rb.bars(FRAME, features=[NAME], lookback=5)


@given(st.integers(1, 9 * 10**18))
def test_the_units_of_a_bucket_name_it_again(units: int) -> None:
    how = rb.Vpin(units / 1e8, 1)
    again = rb.Vpin.of_units(how.kwargs()["bucket_volume"], 1)

    assert again.kwargs() == how.kwargs()
