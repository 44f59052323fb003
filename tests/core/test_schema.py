"""A plan's schema is that of its result, whatever is asked of whatever trades."""

import itertools

import polars as pl
import pytest
from support.entry_points import BASE, FEATURES, SUMS, Asked
from support.trades import Unit, trades

import rangebar_polars as rb
from rangebar_polars.schema import COLUMNS, IS_COMPLETE

OPTIONS = [
    Asked(include_microstructure=micro, include_incomplete=incomplete)
    for micro, incomplete in itertools.product([False, True], repeat=2)
]
options = pytest.mark.parametrize("asked", OPTIONS, ids=str)
FRAMES = {
    f"{unit} {zone}": trades([100, 101, 102, 103], unit=unit, zone=zone)
    for unit in ("ms", "us", "ns")
    for zone in (None, "UTC", "Asia/Tokyo")
} | {
    "all columns": trades([100, 101], sold=[True, None], ids=[1, 2], counted=[(1, 1), (2, 3)]),
    "integer prices": trades([100, 101]).cast({"price": pl.Int32, "quantity": pl.UInt8}),
    "no trade": trades([]),
    "one trade": trades([100]),
}
frames = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


def expected(frame: pl.DataFrame, asked: Asked) -> pl.Schema:
    """Return the schema that the specification says."""
    sums = SUMS if asked.include_microstructure else ()
    features = FEATURES if asked.include_microstructure else ()
    integers = (*SUMS[6:], "duration_us")
    columns = {
        name: pl.Int64() if name in integers else pl.Float64() for name in (*BASE, *sums, *features)
    }
    schema = pl.Schema({**columns, **dict.fromkeys(BASE[:2], frame.schema["timestamp"])})
    if asked.include_incomplete:
        schema["is_complete"] = pl.Boolean()
    return schema


@frames
@options
def test_the_schema_of_a_plan_is_that_of_its_result(frame: pl.DataFrame, asked: Asked) -> None:
    plan = rb.bars(
        frame.lazy(),
        include_microstructure=asked.include_microstructure,
        include_incomplete=asked.include_incomplete,
    )

    assert expected(frame, asked) == plan.collect_schema()
    assert expected(frame, asked) == plan.collect().schema


@frames
@options
def test_the_schema_of_an_eager_frame_is_the_same(frame: pl.DataFrame, asked: Asked) -> None:
    assert expected(frame, asked) == asked.through("eager", frame).schema


@frames
@options
def test_the_schema_of_an_expression_is_that_of_its_result(
    frame: pl.DataFrame, asked: Asked
) -> None:
    plan = frame.lazy().select(
        rb.bars_expr(
            include_microstructure=asked.include_microstructure,
            include_incomplete=asked.include_incomplete,
        )
    )
    bars = pl.Schema({"bars": pl.Struct(expected(frame, asked))})

    assert bars == plan.collect_schema()
    assert bars == plan.collect().schema


@frames
def test_the_schema_of_groups_is_that_of_their_result(frame: pl.DataFrame) -> None:
    plan = frame.lazy().group_by(group=pl.lit(1)).agg(rb.bars_expr(), rb.features.price_impact())

    assert plan.collect_schema() == plan.collect().schema


@frames
def test_the_schema_of_features_is_that_of_their_result(frame: pl.DataFrame) -> None:
    plan = frame.lazy().select(getattr(rb.features, name)() for name in FEATURES)
    dtypes = {name: pl.Int64() if name == "duration_us" else pl.Float64() for name in FEATURES}

    assert pl.Schema(dtypes) == plan.collect_schema()
    assert pl.Schema(dtypes) == plan.collect().schema


@frames
def test_the_schema_of_ids_of_bars_is_int64(frame: pl.DataFrame) -> None:
    plan = frame.lazy().select(rb.bar_id())

    assert pl.Schema({"bar_id": pl.Int64()}) == plan.collect_schema()
    assert pl.Schema({"bar_id": pl.Int64()}) == plan.collect().schema


@pytest.mark.parametrize("name", [*BASE, *SUMS, *FEATURES, "is_complete"])
def test_a_projection_has_the_schema_of_what_it_asks_for(name: str) -> None:
    plan = rb.bars(FRAMES["ns UTC"].lazy(), include_microstructure=True, include_incomplete=True)

    assert plan.select(name).collect_schema() == plan.select(name).collect().schema
    assert plan.collect().select(name).equals(plan.select(name).collect())


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_come_back_bit_for_bit(unit: Unit) -> None:
    times = [-(2**52) - 1, 1, 2**52 + 1, 2**52 + 3]
    frame = trades([100, 101, 102, 104], times, unit=unit, zone="America/New_York")

    bars = rb.bars(frame)

    assert bars["open_time"].to_physical().to_list() == times[::2]
    assert bars["close_time"].to_physical().to_list() == times[1::2]


def test_the_table_of_columns_lists_them_in_order() -> None:
    names = rb.bars(FRAMES["one trade"], include_microstructure=True).columns

    assert names == [output.name for output in COLUMNS]


def test_the_table_of_columns_says_their_dtypes() -> None:
    bars = rb.bars(FRAMES["ns UTC"], include_microstructure=True)
    as_input = str(pl.Datetime("ns", "UTC"))

    assert {name: str(dtype) for name, dtype in bars.schema.items()} == {
        output.name: as_input if output.dtype == "as the input" else output.dtype
        for output in COLUMNS
    }


def test_the_table_of_columns_says_which_are_never_null() -> None:
    frame = trades([100, 100], [0, 0], quantity=0.0)

    bars = rb.bars(frame, include_microstructure=True, include_incomplete=True)

    nulls = {name for name in bars.columns if bars[name].has_nulls()}
    assert nulls == {output.name for output in COLUMNS if output.null_when}


def test_the_mark_of_complete_bars_is_the_last_column() -> None:
    frame = FRAMES["all columns"]

    assert rb.bars(frame, include_incomplete=True).columns[-1] == IS_COMPLETE
