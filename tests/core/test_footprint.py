"""Footprints: the golden cases, the oracle through every entry point, and sums in integers."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import ENTRY_POINTS, Asked, assert_same
from support.footprint_reference import SCHEMA, footprint
from support.oracle_chains import check_chains_are_as_alone, few
from support.processors import check_saved_anywhere
from support.reference import Trade, cuts, fx
from support.strategies import asked, frames
from support.ten_trades import TEN
from support.trades import rows, trades, walk

import rangebar_polars as rb
from rangebar_polars._core.options import Options

COLUMNS = [*SCHEMA]
TICKS = st.sampled_from([1e-8, 0.01, 0.5, 3.0, 250.0, 1e6])
ASKED = st.builds(
    rb.Footprint,
    TICKS,
    value_area=st.sampled_from([1, 50, 70, 100]),
    imbalance=st.sampled_from([100, 300, 10_000]),
)


def oracle(of_bars: list[list[Trade]], frame: pl.DataFrame, how: rb.Footprint) -> pl.DataFrame:
    has_sides = frame.schema.get("is_buyer_maker", pl.Null()) != pl.Null()
    return pl.DataFrame([footprint(bar, how, has_sides=has_sides) for bar in of_bars], SCHEMA)


def trades_of_bars(frame: pl.DataFrame, options: Asked) -> list[list[Trade]]:
    """Return the trades of each bar, and those of the open bar."""
    chain = rows(frame)
    prevented = options.prevent_same_timestamp_close
    ends = cuts(chain, options.threshold_decimal_bps, prevented=prevented)
    borders = [0, *(end + 1 for end in ends), len(chain)]
    return [chain[start:end] for start, end in pairwise(borders) if start < end]


def levels_of(bars: pl.DataFrame, bar: int) -> list[tuple[Any, ...]]:
    """Return price, volume, bought and sold volume and trades of each level of a bar."""
    return [tuple(level.values())[:5] for level in bars["footprint"][bar].to_list()]


def test_the_two_bars_of_the_ten_trades() -> None:
    bars = rb.bars(TEN, 1_000, footprint=rb.Footprint(0.5, imbalance=200))

    assert levels_of(bars, 0) == [(100, 2, 1, 1, 2), (100.5, 2, 2, 0, 2), (101, 3, 3, 0, 5)]
    assert levels_of(bars, 1) == [(100, 2, 0, 2, 1), (100.5, 7, 1, 6, 10), (101, 1, 1, 0, 1)]
    assert bars.select(COLUMNS[1:4]).rows() == [(101, 100, 101), (100.5, 100.5, 100.5)]


def test_the_imbalances_of_the_ten_trades() -> None:
    bars = rb.bars(TEN, 1_000, footprint=rb.Footprint(0.5))

    flags = [
        [(level["buy_imbalance"], level["sell_imbalance"]) for level in bar.to_list()]
        for bar in bars["footprint"]
    ]
    assert flags == [
        [(False, False), (False, False), (True, False)],
        [(False, False), (False, True), (False, False)],
    ]
    assert bars.select(COLUMNS[4:]).rows() == [(1, 0), (0, 1)]


def test_the_ten_trades_as_one_bar() -> None:
    bars = rb.bars(TEN, 100_000, footprint=rb.Footprint(0.1), include_incomplete=True)

    assert bars.select("poc", "value_area_low", "value_area_high").row(0) == (100.6, 100.3, 101.1)


@pytest.mark.parametrize(
    ("levels", "value_area", "expected"),
    [
        ([(100, 2), (101, 2), (102, 1), (105, 2)], 70, (101, 101, 105)),
        ([(100, 1), (101, 2), (103, 2), (104, 1)], 70, (101, 101, 104)),
        ([(100, 1), (101, 0), (102, 0), (103, 3)], 70, (103, 103, 103)),
        ([(100, 1), (101, 0), (102, 0), (103, 3)], 100, (103, 100, 103)),
        ([(100, 0), (101, 0)], 70, (None, None, None)),
    ],
)
def test_ties_of_the_volume(
    levels: list[tuple[int, int]], value_area: int, expected: tuple[Any, ...]
) -> None:
    prices, quantities = zip(*levels, strict=True)
    frame = trades([*prices], quantity=[*quantities])

    bars = rb.bars(
        frame,
        rule=rb.TickRule(len(levels)),
        footprint=rb.Footprint(1, value_area=value_area),
    )

    assert bars.select("poc", "value_area_low", "value_area_high").row(0) == expected


@few
@given(st.data(), asked(), st.sampled_from(sorted(ENTRY_POINTS)), ASKED)
def test_bars_have_the_footprint_of_the_oracle_through_every_entry_point(
    data: st.DataObject, options: Asked, entry_point: str, how: rb.Footprint
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    bars = ENTRY_POINTS[entry_point](
        frame,
        threshold_decimal_bps=options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
        include_incomplete=True,
        footprint=how,
    )

    assert bars.columns[-7:] == [*COLUMNS, "is_complete"]
    assert_same(oracle(trades_of_bars(frame, options), frame, how), bars.select(COLUMNS))


@few
@given(st.data(), asked(), ASKED)
def test_a_footprint_of_a_bar_is_the_expression_over_its_trades_and_has_its_sums(
    data: st.DataObject, options: Asked, how: rb.Footprint
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    chains: dict[str, Any] = {"prevent_same_timestamp_close": options.prevent_same_timestamp_close}
    bar_id = rb.bar_id(options.threshold_decimal_bps, **chains)

    groups = frame.group_by(bar_id, maintain_order=True).agg(
        rb.features.footprint(how.tick, how.imbalance)
    )

    bars = rb.bars(
        frame,
        options.threshold_decimal_bps,
        **chains,
        footprint=how,
        include_microstructure=True,
        include_incomplete=True,
    )
    assert_same(groups.select("footprint"), bars.select("footprint"))
    for bar, levels in zip(trades_of_bars(frame, options), bars["footprint"], strict=True):
        volumes = [fx(level["volume"]) for level in levels.to_list() if level["volume"] < 1e7]
        if len(volumes) == len(levels):
            assert sum(volumes) == sum(fx(trade.quantity) for trade in bar)


@few
@given(st.data())
def test_every_chain_of_several_has_the_footprint_that_it_has_alone(data: st.DataObject) -> None:
    check_chains_are_as_alone(data, footprint=rb.Footprint(0.01))


@few
@given(data=st.data(), how=ASKED)
def test_a_processor_is_saved_anywhere_and_has_the_footprints_of_one_pass(
    data: st.DataObject, how: rb.Footprint
) -> None:
    check_saved_anywhere(data, footprint=how)


def test_the_other_entry_points_have_the_same_footprints() -> None:
    frame, how = walk(300), rb.Footprint(0.25)
    whole = rb.bars(frame, 100, footprint=how)

    with_state, state = rb.bars_with_state(frame[:170], 100, footprint=how)
    rest = rb.bars(frame[170:], 100, footprint=how, state=state)
    chunked = pl.concat(rb.process_trades_chunked(frame, 100, chunk_size=7, footprint=how))

    assert whole.height > 5
    assert rb.bar_schema(frame.schema, 100, footprint=how) == whole.schema
    assert_same(whole, pl.concat([with_state, rest]))
    assert_same(whole, chunked)
    assert_same(whole, rb.process_trades_polars(frame, 100, footprint=how))


def test_aggregations_come_after_the_columns_of_a_footprint() -> None:
    frame = walk(300)
    options: dict[str, Any] = {"footprint": rb.Footprint(0.25), "include_incomplete": True}
    lowest = pl.col("price").min().alias("lowest")

    bars = rb.bars(frame, 100, aggs=lowest, features=["ofi"], **options)

    assert bars.columns[7:] == ["ofi", *COLUMNS, "lowest", "is_complete"]
    assert_same(rb.bars(frame, 100, features=["ofi"], **options), bars.drop("lowest"))


def test_a_recorder_keeps_footprints(tmp_path: Path) -> None:
    frame, how = walk(300), rb.Footprint(0.25)
    for piece in (frame[:150], frame[150:]):
        with rb.BarRecorder(tmp_path, rb.RangeBarProcessor(100, footprint=how)) as recorder:
            recorder.process_trades(piece)

    recorded = rb.scan_recorded_bars(tmp_path).collect()
    assert_same(rb.bars(frame, 100, footprint=how), recorded)
    levels = rb.scan_recorded_bars(tmp_path).select("footprint").collect()
    assert_same(recorded.select("footprint"), levels)


def test_a_footprint_that_was_changed_on_the_disk_is_refused(tmp_path: Path) -> None:
    with rb.BarRecorder(tmp_path, rb.RangeBarProcessor(100, footprint=rb.Footprint(0.25))) as to:
        to.process_trades(walk(300))
    (file,) = tmp_path.glob("*.parquet")
    metadata = {k: v for k, v in pl.read_parquet_metadata(file).items() if k != "ARROW:schema"}
    changed = pl.read_parquet(file).with_columns(pl.col("footprint").list.head(1))
    changed.write_parquet(file, metadata=metadata)

    # Polars before 2.0 makes a ComputeError of it.
    errors = (rb.StoreError, pl.exceptions.ComputeError)
    with pytest.raises(errors, match="column footprint has other values than were written"):
        rb.scan_recorded_bars(tmp_path).collect()


def test_threads_share_a_frame_with_the_footprints_of_one_thread() -> None:
    frame, how = walk(300_000), rb.Footprint(0.25)

    bars = rb.bars(frame, 100_000, footprint=how, include_incomplete=True)

    plan = rb.bars(frame.lazy(), 100_000, footprint=how, include_incomplete=True)
    assert_same(plan.collect(), bars)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_plan_reads_what_the_wanted_column_of_a_footprint_needs(name: str) -> None:
    (reads,) = (output.reads for output in rb.schema.FOOTPRINT if output.name == name)
    frame, how = walk(200), rb.Footprint(0.25)

    of_plan = rb.bars(frame.lazy(), 100, footprint=how).select(name).collect()

    assert_same(rb.bars(frame, 100, footprint=how).select(name), of_plan)
    read = Options.check(100, columns=None, footprint=how).reads([name])
    assert {*read} == {*reads, *rb.schema.ALWAYS_READ}


def test_the_table_of_columns_has_the_columns_of_footprints_in_order() -> None:
    assert [output.name for output in rb.schema.FOOTPRINT] == COLUMNS
    assert not {*COLUMNS} & {output.name for output in rb.schema.COLUMNS}


def test_trades_without_sides_have_null_for_what_needs_a_side() -> None:
    bars = rb.bars(trades([100, 101]), 1, footprint=rb.Footprint(1))

    (first, _) = bars["footprint"][0].to_list()
    assert first["volume"] is not None
    assert [first[name] for name in ("buy_volume", "sell_volume", "buy_imbalance")] == [None] * 3
    assert bars.select(COLUMNS[4:]).row(0) == (None, None)


def test_a_group_without_a_trade_has_no_footprint() -> None:
    empty = walk(2).clear().select(rb.features.footprint(0.5))

    assert empty.schema["footprint"] == SCHEMA["footprint"]
    assert empty["footprint"].to_list() == [None]
