"""Bars inside plans: whatever comes before or after them, the rows are those of the frame.

Guards what the source does itself: projection, filter and head are pushed into it.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.io.plugins import register_io_source
from support.entry_points import BASE, FEATURES, SUMS, assert_same, parquet
from support.strategies import frames
from support.trades import trades, walk

import rangebar_polars as rb

Engine = Literal["in-memory", "streaming"]
engines = pytest.mark.parametrize("engine", ["in-memory", "streaming"])
WALK = walk(2_000)
OPTIONS: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
BARS = rb.bars(WALK, 100, **OPTIONS)
C = pl.col

OPERATIONS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "head": lambda bars: bars.head(3),
    "head of none": lambda bars: bars.head(0),
    "head of all": lambda bars: bars.head(10**6),
    "tail": lambda bars: bars.tail(3),
    "slice": lambda bars: bars.slice(2, 5),
    "slice from the end": lambda bars: bars.slice(-4, 2),
    "last": lambda bars: bars.last(),
    "every second": lambda bars: bars.gather_every(2),
    "select": lambda bars: bars.select("close", "open"),
    "select one": lambda bars: bars.select("turnover_imbalance"),
    "select the mark": lambda bars: bars.select("is_complete"),
    "select no column of theirs": lambda bars: bars.select(pl.lit(1)),
    "length": lambda bars: bars.select(pl.len()),
    "drop": lambda bars: bars.drop("vwap", "volume"),
    "rename": lambda bars: bars.rename({"open": "first"}).select("first", "close"),
    "filter": lambda bars: bars.filter(C("close") > C("open")),
    "filter of none": lambda bars: bars.filter(C("close") < 0),
    "filter by what is not selected": lambda bars: bars.filter(C("ofi") > 0).select("open"),
    "filter by the mark": lambda bars: bars.filter("is_complete").select("open_time"),
    "filter, length": lambda bars: bars.filter(C("ofi") > 0).select(pl.len()),
    "filter, head": lambda bars: bars.filter(C("ofi") > 0).head(3),
    "head, filter": lambda bars: bars.head(5).filter(C("ofi") > 0),
    "filter, tail": lambda bars: bars.filter(C("ofi") > 0).tail(2),
    "select, filter, head": lambda bars: bars.select("open", "ofi").filter(C("ofi") < 0).head(2),
    "filter, slice, select": lambda bars: bars.filter(C("ofi") > 0).slice(1, 3).select("volume"),
    "two filters": lambda bars: bars.filter(C("ofi") > 0).filter(C("duration_us") > 2_000_000),
    "filter over all rows": lambda bars: bars.filter(C("volume") > C("volume").mean()),
    "sum": lambda bars: bars.select(C("agg_record_count").sum(), C("high").max()),
    "shifted": lambda bars: bars.with_columns(before=C("close").shift(1)).head(4),
    "row numbers": lambda bars: bars.with_row_index().select(C("index") + 1),
    "row index, length": lambda bars: bars.with_row_index().select(pl.len()),
    "row index, filter, length": lambda bars: (
        bars.with_row_index().filter(C("ofi") > 0).select(pl.len())
    ),
    "row index": lambda bars: bars.with_row_index().filter(C("index") % 3 == 1),
    "sort": lambda bars: bars.sort("volume", "open_time", descending=True).head(4),
    "windows": lambda bars: bars.group_by_dynamic("close_time", every="5m").agg(
        C("open").first(), C("volume").sum(), pl.len()
    ),
    "filter, windows": lambda bars: (
        bars.filter(C("ofi").abs() > 0.01)
        .group_by_dynamic("close_time", every="5m")
        .agg(C("agg_record_count").sum(), C("turnover").max())
    ),
    "rolling": lambda bars: bars.rolling("close_time", period="3m").agg(C("close").max()),
    "joined with itself": lambda bars: bars.select("open_time", "open").join(
        bars.select("open_time", "close"), on="open_time", maintain_order="left"
    ),
    "sort by one, head": lambda bars: bars.sort("turnover").head(4),
    "filter, sort by one, tail": lambda bars: bars.filter(C("ofi") > 0).sort("turnover").tail(4),
    "head, sort, head, tail": lambda bars: bars.head(1).sort("close_time").head(5).tail(3),
    "twice in a row": lambda bars: pl.concat([bars.head(2), bars.tail(2)]),
    "head of a cache": lambda bars: bars.cache().head(2),
}


@engines
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_after_bars_give_the_rows_of_the_collected_frame(
    name: str, engine: Engine
) -> None:
    operation = OPERATIONS[name]

    plan = operation(rb.bars(parquet(WALK, 300), 100, **OPTIONS))

    assert_same(operation(BARS.lazy()).collect(), plan.collect(engine=engine))


@settings(max_examples=60, deadline=None)
@given(
    frames(),
    st.lists(st.sampled_from([*BASE, *SUMS, *FEATURES, "is_complete"]), unique=True, min_size=1),
    st.one_of(st.none(), st.tuples(st.sampled_from([*BASE[2:], *SUMS]), st.floats(0, 1_000))),
    st.one_of(st.none(), st.tuples(st.integers(0, 5), st.booleans())),
)
def test_any_projection_filter_and_head_give_the_rows_of_the_collected_frame(
    frame: pl.DataFrame,
    columns: list[str],
    above: tuple[str, float] | None,
    head: tuple[int, bool] | None,
) -> None:
    def operation(bars: pl.LazyFrame) -> pl.LazyFrame:
        bars = bars.head(head[0]) if head is not None and head[1] else bars
        bars = bars if above is None else bars.filter(C(above[0]) >= above[1])
        bars = bars.select(columns)
        return bars if head is None or head[1] else bars.head(head[0])

    plan = operation(rb.bars(parquet(frame, 5), **OPTIONS))

    assert_same(operation(rb.bars(frame, **OPTIONS).lazy()).collect(), plan.collect())


UPSTREAM: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "filter": lambda trades: trades.filter(C("quantity") > 1),
    "filter of a column that bars do not read": lambda trades: trades.with_columns(
        even=pl.int_range(pl.len()) % 2 == 0
    ).filter("even"),
    "head": lambda trades: trades.head(701),
    "slice": lambda trades: trades.slice(303, 901),
    "tail": lambda trades: trades.tail(500),
    "with_columns": lambda trades: trades.with_columns(C("price") * 2),
    "select": lambda trades: trades.select("timestamp", "quantity", "price"),
    "sort": lambda trades: trades.sort("timestamp", descending=True).reverse(),
    "concat": lambda trades: pl.concat([trades.head(900), trades.slice(900)]),
    "casts": lambda trades: trades.cast({"agg_trade_id": pl.UInt32, "quantity": pl.Float32}),
    "nothing left": lambda trades: trades.filter(C("price") < 0),
    "map_batches": lambda trades: trades.map_batches(lambda frame: frame.head(1_000)),
    "join": lambda trades: trades.join(
        pl.LazyFrame({"agg_trade_id": range(0, 2_000, 2)}), on="agg_trade_id", maintain_order="left"
    ),
}


@engines
@pytest.mark.parametrize("name", UPSTREAM)
def test_what_stands_in_front_of_bars_is_seen_by_them(name: str, engine: Engine) -> None:
    upstream = UPSTREAM[name]

    plan = rb.bars(upstream(parquet(WALK, 300)), 100, **OPTIONS)

    expected = rb.bars(upstream(WALK.lazy()).collect(), 100, **OPTIONS)
    assert_same(expected, plan.collect(engine=engine))


@engines
def test_bars_stand_in_the_middle_of_a_plan(engine: Engine) -> None:
    plan = (
        parquet(WALK, 300)
        .filter(C("quantity") > 0.5)
        .rangebar.bars(100, include_microstructure=True)  # type: ignore[attr-defined]
        .filter(C("ofi") > 0)
        .group_by_dynamic("close_time", every="10m")
        .agg(C("volume").sum(), C("close").last(), pl.len())
    )

    bars = rb.bars(WALK.filter(C("quantity") > 0.5), 100, include_microstructure=True)
    windows = bars.filter(C("ofi") > 0).group_by_dynamic("close_time", every="10m")
    expected = windows.agg(C("volume").sum(), C("close").last(), pl.len())
    assert expected.height > 2
    assert_same(expected, plan.collect(engine=engine))


def test_bars_of_bars_are_a_plan_too() -> None:
    again = rb.TradeColumns(timestamp="close_time", price="close", quantity="volume")

    plan = rb.bars(rb.bars(WALK.lazy(), 50), 200, columns=again)

    assert_same(rb.bars(rb.bars(WALK, 50), 200, columns=again), plan.collect())


@pytest.mark.parametrize("row_group_size", [1, 7, 512, 2_000, 5_000])
def test_row_groups_of_any_size_give_the_same_bits(row_group_size: int) -> None:
    plan = rb.bars(parquet(WALK, row_group_size), 100, **OPTIONS)

    assert_same(BARS, plan.collect())


def test_bars_of_many_files_are_one_chain(tmp_path: Path) -> None:
    for start in range(0, 2_000, 250):
        WALK.slice(start, 250).write_parquet(tmp_path / f"{start:05}.parquet")

    assert_same(BARS, rb.bars(pl.scan_parquet(tmp_path / "*.parquet"), 100, **OPTIONS).collect())


@engines
def test_a_plan_gives_the_same_when_it_is_collected_again(engine: Engine) -> None:
    plan = rb.bars(parquet(WALK, 300), 100, **OPTIONS)

    assert_same(plan.collect(engine=engine), plan.collect(engine=engine))


def test_two_plans_are_collected_side_by_side() -> None:
    plans = [rb.bars(parquet(WALK, 300), threshold, **OPTIONS) for threshold in (100, 50)]

    first, second = pl.collect_all(plans)

    assert_same(BARS, first)
    assert_same(rb.bars(WALK, 50, **OPTIONS), second)


@pytest.mark.parametrize("sink", ["sink_parquet", "sink_ipc", "sink_csv"])
def test_a_plan_is_sunk_to_a_file(sink: str) -> None:
    lazy, eager = io.BytesIO(), io.BytesIO()

    getattr(rb.bars(parquet(WALK, 300), 100, **OPTIONS), sink)(lazy)
    getattr(BARS, sink.replace("sink", "write"))(eager)

    if sink == "sink_csv":
        assert eager.getvalue() == lazy.getvalue()
    else:
        read = {"sink_parquet": pl.read_parquet, "sink_ipc": pl.read_ipc}[sink]
        assert_same(BARS, read(lazy.getvalue()))


def test_a_plan_survives_being_serialised() -> None:
    plan = rb.bars(WALK.lazy(), 100, **OPTIONS)

    again = pl.LazyFrame.deserialize(io.BytesIO(plan.serialize()))

    assert_same(BARS, again.collect())


class Counted:
    """A source of trades in batches of one bar and a half, which counts the batches it gave."""

    def __init__(self, batches: int, *, bad_from: int | None = None) -> None:
        self.given, self.batches, self.bad_from = 0, batches, bad_from

    def plan(self) -> pl.LazyFrame:
        """Return the source as a plan."""
        return register_io_source(self._give, schema=trades([]).schema)

    def _give(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,  # noqa: ARG002
        n_rows: int | None,  # noqa: ARG002
        batch_size: int | None,  # noqa: ARG002
    ) -> Iterator[pl.DataFrame]:
        for batch in range(self.batches):
            self.given += 1
            second = batch * 3_000
            is_bad = self.bad_from is not None and batch >= self.bad_from
            prices = [100, -1 if is_bad else 101, 100]
            frame = trades(prices, [second, second + 1_000, second + 2_000])
            yield frame if with_columns is None else frame.select(with_columns)


STOPS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "head": lambda bars: bars.head(3),
    "a filter and a head": lambda bars: bars.filter(C("close") > 0).head(3),
    "a projection and a head": lambda bars: bars.select("open").head(3),
    "a column and a head": lambda bars: bars.with_columns(x=C("open") * 2).head(3),
}


@pytest.mark.parametrize("name", STOPS)
def test_the_source_is_not_read_to_the_end_by(name: str) -> None:
    source = Counted(20_000)

    bars = STOPS[name](rb.bars(source.plan())).collect(engine="streaming")

    assert bars.height == 3
    assert source.given < 2_000


def test_rows_after_an_early_stop_are_not_checked() -> None:
    source = Counted(20_000, bad_from=10_000)

    assert rb.bars(source.plan()).head(3).collect(engine="streaming").height == 3


def test_a_bad_row_in_a_later_batch_is_an_error_of_the_whole_plan() -> None:
    source = Counted(100, bad_from=50)

    with pytest.raises(pl.exceptions.ComputeError, match=r"price is -1 at row 151: expected a fi"):
        rb.bars(source.plan()).collect(engine="streaming")


def test_making_a_plan_reads_nothing() -> None:
    source = Counted(3)

    rb.bars(source.plan()).filter(C("open") > 0).collect_schema()

    assert source.given == 0
