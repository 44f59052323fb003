"""In a forked child bars are made, or refused with what to do; nothing waits for ever."""

import pytest
from child import run

HEAD = """
import os
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
    "aggs": lambda: rb.bars(frame, aggs=mean),
    "lazy": lambda: rb.bars(frame.lazy()).collect(),
    "processor of a plan": lambda: rb.RangeBarProcessor(250).process_trades(frame.lazy()),
}

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
    "this process was forked after its parent had made bars of plans or of several keys, and would "
    "wait for ever for threads that a fork does not copy (start it by "
    'multiprocessing.get_context("spawn") or "forkserver", or make bars of frames, without by and '
    "aggs)\n"
)
POOLS = ["by", "aggs", "lazy", "processor of a plan"]
PLAIN = ["eager", "processor"]


@pytest.mark.parametrize("used", POOLS)
@pytest.mark.parametrize("asked", POOLS)
def test_what_needs_threads_is_refused_after_they_were_used(used: str, asked: str) -> None:
    assert run(f"{HEAD}\ncalls[{used!r}]()\nin_child({asked!r})") == TEXT


@pytest.mark.parametrize("used", [*PLAIN, *POOLS])
@pytest.mark.parametrize("asked", PLAIN)
def test_bars_of_frames_are_made_in_any_child(used: str, asked: str) -> None:
    assert run(f"{HEAD}\ncalls[{used!r}]()\nin_child({asked!r})") == "2\n"


@pytest.mark.parametrize("asked", [*PLAIN, *POOLS])
def test_a_child_forked_before_any_use_makes_all_bars(asked: str) -> None:
    assert run(f"{HEAD}\nin_child({asked!r})") == "2\n"
