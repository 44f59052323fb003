"""In a forked child bars are computed, or refused with what to do; nothing waits for ever."""

import sys
from functools import cache

import pytest
from support.subprocesses import run

HEAD = """
import os
import tempfile
import polars as pl
import rangebar_polars as rb

frame = pl.DataFrame(
    {
        "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
        "price": [100.0, 101.0] * 2,
        "quantity": [1.0] * 4,
        "key": ["A"] * 4,
    }
)
mean = pl.col("price").mean().alias("mean")
calls = {
    "eager": lambda: rb.bars(frame),
    "processor": lambda: rb.RangeBarProcessor(250).process_trades(frame),
    "by": lambda: rb.bars(frame, by="key"),
    "processor of keys": lambda: rb.RangeBarProcessor(250, by="key").process_trades(frame),
    "aggs": lambda: rb.bars(frame, aggs=mean),
    "labels": lambda: rb.labels.triple_barrier(frame, take_profit=1),
    "events": lambda: rb.labels.triple_barrier(frame, take_profit=1, events=frame.select(row=0)),
    "condition": lambda: rb.bars(frame, rule=rb.WhenRule(pl.col("price") > 100)),
    "reset": lambda: rb.bars(frame, reset=pl.col("price") > 100),
    "lazy": lambda: rb.bars(frame.lazy()).collect(),
    "processor of a plan": lambda: rb.RangeBarProcessor(250).process_trades(frame.lazy()),
    "chunks": lambda: rb.bars(chunks),
    "chunks of chunked": lambda: pl.concat([*rb.process_trades_chunked([chunks])]),
    "chunks with a state": lambda: rb.bars_with_state(chunks)[0],
    "expression": lambda: frame.select(rb.bars_expr(250)),
    "id": lambda: frame.select(rb.bar_id(250)),
    "feature": lambda: frame.select(rb.features.price_impact()),
    "namespace": lambda: frame.select(pl.col("price").rangebar.bars(250)),
    "import": lambda: rb.import_trades(frame, symbol="T", **own),
    "ticks": lambda: rb.scan_ticks(*days, **own).collect(),
    "quality": lambda: rb.archive_quality(*days, **own),
    "bars": lambda: rb.get_range_bars(*days, **own),
    "last bars": lambda: rb.get_n_range_bars("S", 1, **own),
    "plan of bars": lambda: rb.scan_range_bars(*days, **own).collect(),
    "stored": lambda: rb.open_store(cache_dir=own["cache_dir"]).scan_bars().collect(),
    "status": lambda: rb.cache_status(cache_dir=own["cache_dir"]),
    "populate": lambda: rb.populate(*days, **own),
    "checks": lambda: rb.validate_tier1(made, include_microstructure=False).frame,
    "continuity": lambda: rb.validate_continuity(made).frame,
    "backtesting": lambda: rb.FrameNamespace(made).to_backtesting(),
    "year": lambda: rb.bars_per_year(made),
    "chart": lambda: rb.plot_bars(made),
    "footprint": lambda: rb.plot_footprint(made),
    "polars": lambda: frame.lazy().group_by("price").agg(pl.len()).collect(),
    "store": lambda: (rb.import_trades(frame, symbol="S", **own), rb.get_range_bars(*days, **own)),
}
made = pl.DataFrame(
    dict.fromkeys(("open_time", "close_time"), frame["timestamp"])
    | dict.fromkeys(("open", "high", "low", "close", "volume"), frame["price"])
)
own = {"source": "mine", "cache_dir": tempfile.mkdtemp()}
days = "S", "1970-01-01", "1970-01-01"

def in_child(name):
    child = os.fork()
    if child == 0:
        try:
            print(calls[name]().height, flush=True)
        except rb.RangeBarError as error:
            print(error, flush=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""
TEXT = (
    "this process was forked after its parent had begun the threads of Polars, and would wait for "
    "ever for threads that a fork does not copy (start it by "
    'multiprocessing.get_context("spawn") or "forkserver", or make bars of frames, without by, '
    "aggs, events and expressions of your own)"
)
OF_BARS = ["checks", "continuity", "backtesting", "year", "chart", "footprint"]
OF_EXPRESSIONS = ["condition", "reset"]
POOLS = ["by", "processor of keys", "aggs", "lazy", "processor of a plan"]
PLAIN = ["eager", "processor"]
CHUNKS = ["chunks", "chunks of chunked", "chunks with a state"]
EXPRESSIONS = ["expression", "id", "feature", "namespace"]
STORED = ["import", "ticks", "quality", "bars", "plan of bars", "stored", "last bars"]


ARE_SEEN = sys.platform == "linux"
NEEDS_THREADS = [
    "aggs", "lazy", "processor of a plan", *EXPRESSIONS, *OF_EXPRESSIONS, *STORED[:-1], *OF_BARS
]  # fmt: skip


@cache
def forked(used: str | None) -> dict[str, str]:
    """Return what each call gives in a child of a process that has made one call, or none.

    Each child is forked by the same process, in which no other call was made.
    """
    asked: list[str] = {
        None: [*PLAIN, *POOLS],
        "by": [*PLAIN, *POOLS, "labels", "events"],
        "polars": [*PLAIN, *CHUNKS, *(NEEDS_THREADS if ARE_SEEN else [])],
        "store": [*STORED, "status", "populate"],
    }.get(used, [*PLAIN, *POOLS])
    lines = run(
        f"{HEAD}\n"
        f"used = {used!r}\n"
        "if used:\n"
        "    calls[used]()\n"
        "    chunks = pl.concat([frame.head(2), frame.tail(2)], rechunk=False)\n"
        f"for name in {asked}:\n"
        "    in_child(name)"
    )
    return dict(zip(asked, lines.splitlines(), strict=True))


@pytest.mark.parametrize("used", POOLS)
@pytest.mark.parametrize("asked", POOLS)
def test_what_needs_threads_is_refused_after_they_were_used(used: str, asked: str) -> None:
    assert forked(used)[asked] == TEXT


def test_labels_of_frames_are_computed_in_any_child_and_those_of_events_refused() -> None:
    assert forked("by")["labels"] == "2"
    assert forked("by")["events"] == TEXT


@pytest.mark.parametrize("used", [*PLAIN, *POOLS])
@pytest.mark.parametrize("asked", PLAIN)
def test_bars_of_frames_are_computed_in_any_child(used: str, asked: str) -> None:
    assert forked(used)[asked] == "2"


@pytest.mark.parametrize("asked", [*PLAIN, *POOLS])
def test_a_child_forked_before_any_use_makes_all_bars(asked: str) -> None:
    assert forked(None)[asked] == "2"


@pytest.mark.parametrize("asked", NEEDS_THREADS)
@pytest.mark.skipif(not ARE_SEEN, reason="only there the threads of Polars can be seen")
def test_what_needs_threads_is_refused_after_polars_alone_used_them(asked: str) -> None:
    assert forked("polars")[asked] == TEXT


@pytest.mark.parametrize("asked", STORED)
def test_stored_bars_are_refused_after_bars_were_stored(asked: str) -> None:
    assert forked("store")[asked] == TEXT


@pytest.mark.parametrize(("asked", "rows"), [("status", "2"), ("populate", "1")])
def test_what_needs_no_threads_of_its_own_works_in_any_child(asked: str, rows: str) -> None:
    assert forked("store")[asked] == rows


@pytest.mark.parametrize("asked", [*PLAIN, *CHUNKS])
def test_bars_of_frames_are_computed_after_polars_used_its_threads(asked: str) -> None:
    assert forked("polars")[asked] == "2"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_remedy_makes_all_bars(method: str) -> None:
    code = f"""
import multiprocessing
calls["lazy"]()
with multiprocessing.get_context({method!r}).Pool(1) as pool:
    print(pool.apply(rb.bars, (frame,), {{"by": "key"}}).height)
"""

    assert run(HEAD + code) == "2\n"
