"""A plan that ends early is an error everywhere: Polars itself then shows the rows so far as all.

The plans panic, or raise StopIteration in a Python function, after some good trades.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.io.plugins import register_io_source
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._core.batches import batches

TIMES = pl.Series([0, 1000, 2000, 2**62]).cast(pl.Datetime("ms"))
FOUR = pl.LazyFrame({"timestamp": TIMES, "price": [100.0, 101.0] * 2, "quantity": [1.0] * 4})
WALK = walk(2_000)
TEXT = (
    "the plan of the trades ended early, after {} rows, and Polars does not say why (run "
    "plan.collect() to see the error)"
)


def panics() -> pl.LazyFrame:
    """Return trades of which the last has a time that no zone has."""
    return FOUR.with_columns(pl.col("timestamp").dt.replace_time_zone("Europe/Amsterdam"))


def fails_with(error: BaseException) -> pl.LazyFrame:
    """Return trades after which a Python function raises."""

    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise error

    return pl.concat([WALK.lazy(), WALK.lazy().map_batches(fail, schema=WALK.schema)])


def source_that_panics() -> pl.LazyFrame:
    """Return a source of trades written in Python, which panics after the first frame."""

    def give(*_: object) -> Iterator[pl.DataFrame]:
        yield WALK
        raise pl.exceptions.PanicException("nobody sees this")

    return register_io_source(give, schema=WALK.schema)


PLANS: dict[str, tuple[Callable[[], pl.LazyFrame], int]] = {
    "a panic": (panics, 2),
    "StopIteration": (lambda: fails_with(StopIteration()), 2_000),
    "a panic of a function": (lambda: fails_with(pl.exceptions.PanicException("x")), 2_000),
    "a panic of a source": (source_that_panics, 2_000),
}
MEAN = pl.col("price").mean().alias("mean")
ENTRY_POINTS: dict[str, Callable[[pl.LazyFrame, Path], object]] = {
    "collect": lambda plan, _: rb.bars(plan, 20).collect(),
    "streaming": lambda plan, _: rb.bars(plan, 20).collect(engine="streaming"),
    "in memory": lambda plan, _: rb.bars(plan, 20).collect(engine="in-memory"),
    "namespace": lambda plan, _: plan.rangebar.bars(20).collect(),  # type: ignore[attr-defined]
    "several thresholds": lambda plan, _: rb.bars(plan, [20, 50]).collect(),
    "by": lambda plan, _: rb.bars(plan.with_columns(key=pl.lit("A")), 20, by="key").collect(),
    "aggs": lambda plan, _: rb.bars(plan, 20, aggs=MEAN).collect(),
    "bars of bars": lambda plan, _: rb.bars(
        rb.bars(plan, 20),
        20,
        columns=rb.TradeColumns(timestamp="close_time", price="close", quantity="volume"),
    ).collect(),
    "sink": lambda plan, folder: rb.bars(plan, 20).sink_parquet(folder / "bars.parquet"),
    "process_trades_polars": lambda plan, _: rb.process_trades_polars(plan, 20),
    "bars_with_state": lambda plan, _: rb.bars_with_state(plan, 20),
    "processor": lambda plan, _: rb.RangeBarProcessor(20).process_trades(plan),
    "import_trades": lambda plan, folder: rb.import_trades(
        plan, symbol="S", source="mine", cache_dir=folder
    ),
    "import_trades, strictly": lambda plan, folder: rb.import_trades(
        plan, symbol="S", source="mine", cache_dir=folder, strictness="raise"
    ),
}


@pytest.mark.parametrize("name", ENTRY_POINTS)
@pytest.mark.parametrize("end", PLANS)
def test_a_plan_that_ends_early_is_an_error(
    name: str, end: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, rows = PLANS[end]

    with pytest.raises((pl.exceptions.ComputeError, rb.RangeBarError)) as caught:
        ENTRY_POINTS[name](make(), tmp_path)

    # How many rows come before a panic is chance where a source gives them.
    count = r"\d+" if end == "a panic of a source" else str(rows)
    assert re.search(re.escape(TEXT).replace(r"\{\}", count), str(caught.value))
    assert not [*tmp_path.rglob("*.parquet")] or name == "sink"
    capfd.readouterr()  # where a panic was is printed by Polars


def test_a_processor_is_as_before_a_plan_that_ended_early(
    capfd: pytest.CaptureFixture[str],
) -> None:
    processor = rb.RangeBarProcessor(20)
    before = processor.create_checkpoint()

    with pytest.raises(rb.RangeBarError, match="ended early"):
        processor.process_trades(panics())

    assert processor.create_checkpoint() == before
    capfd.readouterr()


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_what_polars_passes_on_is_passed_on(kind: type[BaseException]) -> None:
    # Polars before 2.0 says so in other words.
    with pytest.raises((kind, pl.exceptions.ComputeError), match=rf"^x$|{kind.__name__}: x$"):
        rb.process_trades_polars(fails_with(kind("x")), 20)


def test_a_view_of_a_plan_that_panics_is_an_error_in_sql(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with duckdb.connect() as connection:
        connection.register("bars", rb.bars(panics(), 20))

        with pytest.raises(duckdb.Error, match="ended early, after 2 rows"):
            connection.sql("SELECT count(close) FROM bars").fetchall()
    capfd.readouterr()


@pytest.mark.parametrize("rows", [0, 1, 300, 2_000])
def test_batches_are_all_rows_of_a_plan(rows: int) -> None:
    plan = WALK.head(rows).lazy()

    read = pl.concat([WALK.clear(), *batches(plan, WALK.schema)])

    assert read.equals(WALK.head(rows))


def test_batches_of_a_plan_with_a_column_of_the_name_of_the_mark() -> None:
    frame = pl.DataFrame({"rangebar end": [True, False], "rangebar end'": [None, 1]})

    assert pl.concat(batches(frame.lazy(), frame.schema)).equals(frame)


def test_batches_of_any_dtype_are_the_rows_of_the_plan() -> None:
    frame = pl.DataFrame(
        {
            "enum": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "categorical": pl.Series(["a", None], dtype=pl.Categorical),
            "list": [[1], []],
            "struct": [{"x": 1}, None],
            "decimal": pl.Series(["1.5", "2"]).cast(pl.Decimal(10, 2)),
            "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)),
            "binary": [b"a", b"\0"],
            "duration": pl.Series([1, 2]).cast(pl.Duration("ns")),
            "null": [None, None],
        }
    )

    assert pl.concat(batches(frame.lazy(), frame.schema)).equals(frame)
