"""What came before a bar: the golden cases, the oracle through every entry point, every setting."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.entry_points import BASE, ENTRY_POINTS, Asked, assert_same
from support.lookback_reference import COLUMNS, OF_A_LOGARITHM, SCHEMA, values, window
from support.oracle_chains import check_chains_are_as_alone, few
from support.reference import cuts
from support.statistics import STATISTICS
from support.strategies import asked, frames
from support.ten_trades import TEN
from support.trades import PER_SECOND, rows, trades, walk

import rangebar_polars as rb
from rangebar_polars._core.options import Options

EXPRESSIONS = [
    name.removeprefix("lookback_")
    for name in COLUMNS
    if name.removeprefix("lookback_") in {*rb.features.__all__}
]
"""Those that `rangebar_polars.features` has too."""
SPANS = {"1ms": timedelta(milliseconds=1), "2s": timedelta(seconds=2), "1d": timedelta(days=1)}
LOOKBACKS = st.sampled_from([1, 2, 5, 12, *SPANS])


def assert_exact(expected: pl.DataFrame, actual: pl.DataFrame) -> None:
    """Check values against the oracle: to the last bit, but for a logarithm."""
    assert_same(expected.drop(OF_A_LOGARITHM), actual.drop(OF_A_LOGARITHM))
    assert_frame_equal(expected, actual, rel_tol=1e-12, abs_tol=1e-15)


def before_bars(frame: pl.DataFrame, options: Asked, lookback: int | str) -> pl.DataFrame:
    """Return the values of the oracle before each bar, and before the open one."""
    chain = rows(frame)
    prevented = options.prevent_same_timestamp_close
    ends = cuts(chain, options.threshold_decimal_bps, prevented=prevented)
    opens = [row for row in (0, *(end + 1 for end in ends)) if row < len(chain)]
    dtype = frame.schema["timestamp"]
    assert isinstance(dtype, pl.Datetime)
    per_second = PER_SECOND[dtype.time_unit]
    length = lookback if isinstance(lookback, int) else SPANS[lookback]
    has_sides = frame.schema.get("is_buyer_maker", pl.Null()) != pl.Null()
    found = [
        values(window(chain, row, length, per_second), has_sides=has_sides, per_second=per_second)
        for row in opens
    ]
    return pl.DataFrame(found, SCHEMA)


def by_name(lookback: Any, bar: int, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the values before a bar of the ten trades, without the beginning of their names."""
    bars = rb.bars(TEN, 1_000, lookback=lookback, include_incomplete=True, **options)
    row = bars.select(COLUMNS).row(bar, named=True)
    return {name.removeprefix("lookback_"): value for name, value in row.items()}


def test_the_window_before_a_bar_that_is_the_whole_bar_before_it() -> None:
    whole = rb.bars(TEN, 1_000, features=[f"intra_{name}" for name in STATISTICS])

    first, second = by_name(4, 0), by_name(4, 1)

    assert {*first.values()} == {None}
    assert {name: second[name] for name in ("trade_count", "duration_us", "intensity")} == {
        "trade_count": 4,
        "duration_us": 3_000_000,
        "intensity": 4 / 3,
    }
    assert (second["ofi"], second["count_imbalance"]) == (5 / 7, 1 / 2)
    assert (second["vwap"], second["price_range"], second["return"]) == (100.6, 0.01, 0.01)
    assert second["kyle_lambda_proxy"] == pytest.approx(0.014, rel=1e-12)
    for name in STATISTICS:
        if name in second:
            assert second[name] == whole[f"intra_{name}"][0], name


def test_the_windows_of_the_ten_trades() -> None:
    still_open = by_name(4, 2)
    assert (still_open["ofi"], still_open["kaufman_er"]) == (-7 / 9, 4 / 5)
    assert still_open["roll_spread"] is None
    three, four = by_name("3s", 1), by_name("4s", 1)
    assert (three["trade_count"], three["ofi"], three["volume_skew"]) == (3, 2 / 3, 0)
    assert three["kaufman_er"] == 5 / 11
    assert {*four.values()} == {None}
    assert by_name("4s", 2)["trade_count"] == 2
    one = by_name("3s", 2)
    assert (one["trade_count"], one["intensity"], one["kaufman_er"], one["amihud"]) == (
        *(1, None, None),
        0,
    )


@few
@given(st.data(), asked(), st.sampled_from(sorted(ENTRY_POINTS)), LOOKBACKS)
def test_bars_have_the_values_of_the_oracle_through_every_entry_point(
    data: st.DataObject, options: Asked, entry_point: str, lookback: int | str
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    bars = ENTRY_POINTS[entry_point](
        frame,
        threshold_decimal_bps=options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
        include_incomplete=True,
        lookback=lookback,
    )

    assert bars.columns == [*BASE, *COLUMNS, "is_complete"]
    assert_exact(before_bars(frame, options, lookback), bars.select(COLUMNS))


def opening_rows(bars: pl.DataFrame) -> list[int]:
    return [0, *bars["agg_record_count"].cum_sum()[:-1]]


@pytest.mark.parametrize(
    "lookback", [1, 2, 9, 10, 11, 12, 20, 21, 59, 60, 127, 128, 255, 256, 257, 512, 1_100, "200s"]
)
def test_a_value_is_the_expression_over_the_trades_of_the_window(lookback: int | str) -> None:
    frame = walk(1_800)
    bars = rb.bars(
        frame,
        30,
        lookback=lookback,
        include_microstructure=True,
        include_incomplete=True,
    )

    of = [getattr(rb.features, name)().name.prefix("lookback_") for name in EXPRESSIONS]
    size = 200 if lookback == "200s" else lookback
    assert isinstance(size, int)
    # Trades are a second apart, so the far end of a span is a trade, and it is not in the window.
    length = size - 1 if lookback == "200s" else size
    opens = opening_rows(bars)
    slices = [frame[row - length : row].select(of) for row in opens if row >= size]
    assert bars.height > 100
    names = [f"lookback_{name}" for name in EXPRESSIONS]
    first = bars.height - len(slices)
    assert_same(pl.concat(slices), bars[first:].select(names))
    assert bars[:first].select(COLUMNS).null_count().row(0) == (first,) * len(COLUMNS)


@pytest.mark.parametrize("lookback", [1, 12, 256, 700, "90s"])
def test_every_batching_gives_the_values_of_one_pass(lookback: int | str) -> None:
    frame = walk(2_000)
    whole = rb.bars(frame, 30, lookback=lookback)

    plan = rb.bars(frame.lazy(), 30, lookback=lookback).collect(engine="streaming")
    assert_same(whole, plan)
    for size in (1, 7, 300):
        chunked = rb.process_trades_chunked(frame, 30, chunk_size=size, lookback=lookback)
        assert_same(whole, pl.concat(chunked))


def test_the_window_of_as_many_trades_as_a_bar_is_the_bar_before() -> None:
    intra = [f"intra_{name}" for name in STATISTICS if f"lookback_{name}" in COLUMNS]
    shared = [name.replace("intra_", "lookback_") for name in intra]

    bars = rb.bars(walk(400), rule=rb.TickRule(23), lookback=23, features=[*intra, *shared])

    assert bars.height > 10
    renamed = bars.select(shared).rename(dict(zip(shared, intra, strict=True)))
    assert_same(bars.select(intra)[:-1], renamed[1:])


@few
@given(st.data(), LOOKBACKS)
def test_every_chain_of_several_looks_back_as_it_does_alone(
    data: st.DataObject, lookback: int | str
) -> None:
    check_chains_are_as_alone(data, lookback=lookback)


@pytest.mark.parametrize("lookback", [3, "7h"])
def test_a_window_does_not_cross_the_border_of_a_reset(lookback: int | str) -> None:
    frame = walk(300).with_columns(
        pl.datetime_range(
            pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 13, 11), "1h", eager=True
        ).alias("timestamp")
    )

    bars = rb.bars(frame, 50, reset="day", lookback=lookback, include_incomplete=True)

    days = frame.group_by(pl.col("timestamp").dt.date(), maintain_order=True)
    apart = [rb.bars(day, 50, lookback=lookback, include_incomplete=True) for _, day in days]
    assert bars.height > 30
    assert_same(pl.concat(apart), bars)


def test_a_gap_ends_a_bar_and_not_the_window() -> None:
    frame = trades([100.0] * 6, [0, 1, 2, 99_000, 99_001, 99_002])

    bars = rb.bars(frame, 250, max_gap="1m", lookback=3, include_incomplete=True)

    assert bars["lookback_trade_count"].to_list() == [None, 3]


def test_the_trade_that_opens_a_bar_and_later_ones_are_not_in_its_window() -> None:
    frame = walk(600)
    whole = rb.bars(frame, 60, lookback=50)

    for cut, _ in pairwise(range(0, 600, 83)):
        early = rb.bars(frame[:cut], 60, lookback=50)
        assert_same(whole.head(early.height), early)
    changed = frame.with_columns(
        pl.when(pl.int_range(600) < 300).then("quantity").otherwise(9.0).alias("quantity")
    )
    opened = [row <= 300 for row in opening_rows(rb.bars(frame, 60, include_microstructure=True))]
    of_changed = rb.bars(changed, 60, lookback=50)
    assert_same(
        whole.select(COLUMNS).filter(pl.Series(opened)),
        of_changed.select(COLUMNS).filter(pl.Series(opened)),
    )


def test_a_span_without_a_trade_has_a_count_of_0_and_nothing_else() -> None:
    frame = trades([100, 100, 101], [0, 60_000, 120_000])

    bars = rb.bars(frame, rule=rb.TickRule(1), lookback="30s", include_incomplete=True)

    assert bars["lookback_trade_count"].to_list() == [None, 0, 0]
    rest = bars.select(COLUMNS[1:])
    assert rest.null_count().row(0) == (3,) * 24


def test_trades_without_sides_have_null_for_what_needs_a_side() -> None:
    bars = rb.bars(trades([100, 101] * 20), 250, lookback=10, include_incomplete=True)
    of_sides = ["ofi", "count_imbalance", "kyle_lambda_proxy", "kyle_lambda_ols"]

    null = [name for name in COLUMNS if bars[name].null_count() == bars.height]

    assert {f"lookback_{name}" for name in of_sides} < {*null}
    assert bars["lookback_vwap"].null_count() < bars.height


@pytest.mark.parametrize("name", [*COLUMNS, "close"])
def test_a_plan_reads_and_keeps_only_what_the_wanted_column_needs(name: str) -> None:
    (reads,) = (
        output.reads for output in (*rb.schema.COLUMNS, *rb.schema.LOOKBACK) if output.name == name
    )
    frame = walk(400)

    bars = rb.bars(frame.lazy(), 60, lookback=40).select(name)

    assert_same(rb.bars(frame, 60, lookback=40).select(name), bars.collect())
    read = Options.check(60, columns=None, lookback=40).reads([name])
    assert {*read} == {*reads, *rb.schema.ALWAYS_READ}


def test_no_window_is_kept_without_a_column_that_looks_back() -> None:
    # The turnover of the window is beyond 128 bits, and that of no bar is.
    frame = trades([9e10, 9e10 + 1e6] * 40, quantity=9e9)
    bars = rb.bars(frame.lazy(), rule=rb.TickRule(1), lookback=60, features=["lookback_vwap"])

    assert bars.select("close").collect().height == 80
    with pytest.raises(
        pl.exceptions.ComputeError,
        match="turnover of the trades of the lookback overflows at row 60, which opens a bar",
    ):
        bars.collect()
    few_needs = rb.bars(
        frame, rule=rb.TickRule(1), lookback=60, features=["lookback_return", "lookback_ofi"]
    )
    assert few_needs["lookback_return"].null_count() == 60


def test_the_table_of_columns_has_the_columns_of_the_oracle_in_order() -> None:
    assert tuple(output.name for output in rb.schema.LOOKBACK) == COLUMNS
    schema = rb.bar_schema(walk(1).schema, lookback="5m")
    assert {name: schema[name] for name in COLUMNS} == SCHEMA


def test_columns_that_look_back_stand_where_features_names_them() -> None:
    names = ["lookback_return", "intra_kaufman_er", "lookback_trade_count", "ofi"]

    bars = rb.bars(walk(300), 60, lookback=20, features=names, aggs=pl.len().alias("n"))

    assert bars.columns == [*BASE, *names, "n"]
    every = rb.bars(walk(300), 60, lookback=20, include_microstructure=True)
    assert_same(every.select(names[0], names[2], names[3]), bars.select(names[0], *names[2:]))


def test_a_recording_has_the_columns_that_look_back(tmp_path: Any) -> None:  # noqa: ANN401
    frame = walk(400)
    for piece in (frame[:150], frame[150:]):
        with rb.BarRecorder(tmp_path, rb.RangeBarProcessor(60, lookback=70)) as recorder:
            recorder.process_trades(piece)

    assert_same(rb.bars(frame, 60, lookback=70), rb.scan_recorded_bars(tmp_path).collect())
