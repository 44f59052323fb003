"""What is seen only from outside a process: threads, interrupts, and the start of the package.

A child reports through a pipe that it is in the middle of its work and is interrupted then.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT, run
from support.trades import walk

import rangebar_polars as rb

EVERY_ENTRY_POINT = """
import polars as pl
import rangebar_polars as rb

options = {"threshold_decimal_bps": 100, "include_microstructure": True, "include_incomplete": True}
plan = pl.scan_parquet("trades.parquet")
assert pl.thread_pool_size() == THREADS
bars = {
    "eager": rb.bars(plan.collect(), **options),
    "plan": rb.bars(plan, **options).collect(),
    "streaming": rb.bars(plan, **options).collect(engine="streaming"),
    "expression": plan.select(rb.bars_expr(**options)).collect().unnest("bars"),
    "groups": (
        plan.group_by(pl.lit(1)).agg(rb.bars_expr(**options)).collect()
        .select("bars").explode("bars").unnest("bars")
    ),
    "two at once": pl.collect_all([rb.bars(plan, **options)] * 2)[1],
}
for name, frame in bars.items():
    frame.write_ipc(f"{name}.arrow")
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_gives_the_same_bits(threads: int, tmp_path: Path) -> None:
    trades = walk(20_000)
    trades.write_parquet(tmp_path / "trades.parquet", row_group_size=1_000)
    code = f"import os\nos.chdir({str(tmp_path)!r})\n" + EVERY_ENTRY_POINT

    run(code.replace("THREADS", str(threads)), POLARS_MAX_THREADS=str(threads))

    expected = rb.bars(trades, 100, include_microstructure=True, include_incomplete=True)
    files = sorted(tmp_path.glob("*.arrow"))
    assert len(files) == 6
    for file in files:
        assert_same(expected, pl.read_ipc(file))


ENDLESS_PLAN = """
import itertools
import polars as pl
import rangebar_polars as rb
from polars.io.plugins import register_io_source

batch = pl.DataFrame(
    {"timestamp": [0] * 1000, "price": [100.0] * 1000, "quantity": [1.0] * 1000}
).cast({"timestamp": pl.Datetime("ms")})

def endless(with_columns, predicate, n_rows, batch_size):
    for number in itertools.count():
        if number == 100:
            print("at work", flush=True)
        yield batch.select(with_columns) if with_columns else batch

rb.bars(register_io_source(endless, schema=batch.schema)).collect(ENGINE)
"""
LONG_PLAN = """
import polars as pl
import rangebar_polars as rb

def report(frame):
    print("at work", flush=True)
    return frame

pl.DataFrame(
    {"timestamp": [0] * 500_000, "price": [100.0] * 500_000, "quantity": [1.0] * 500_000}
).cast({"timestamp": pl.Datetime("ms")}).write_parquet(FILE)
first = pl.scan_parquet(FILE).head(1000)
rest = pl.scan_parquet([FILE] * 20_000)
rb.bars(pl.concat([first.map_batches(report, schema=first.collect_schema()), rest])).collect()
"""
ENDLESS_READER = """
import itertools
import pyarrow as pa
import rangebar_polars as rb

batch = pa.record_batch(
    {
        "timestamp": pa.array([0] * 1000, pa.timestamp("us")),
        "price": pa.array([100.0] * 1000),
        "quantity": pa.array([1.0] * 1000),
    }
)

def endless():
    for number in itertools.count():
        if number == 100:
            print("at work", flush=True)
        yield batch

rb.bars(pa.RecordBatchReader.from_batches(batch.schema, endless()))
"""
LONG_WORK = {
    "an endless plan": ENDLESS_PLAN.replace("ENGINE", "engine='in-memory'"),
    "an endless plan, streaming": ENDLESS_PLAN.replace("ENGINE", "engine='streaming'"),
    "a long plan without Python": LONG_PLAN,
    "an endless reader": ENDLESS_READER,
}


@pytest.mark.parametrize("name", LONG_WORK)
def test_an_interrupt_stops(name: str, tmp_path: Path) -> None:
    code = LONG_WORK[name].replace("FILE", repr(str(tmp_path / "trades.parquet")))
    # A test run in the background hands on an ignored SIGINT, which Python would keep.
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + code
    with subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "at work\n"
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=TIMEOUT / 4)
        finally:
            child.kill()

    # Polars and Python may both raise it, one while the other is being shown.
    assert "KeyboardInterrupt" in errors
    # An error of an Arrow stream is only a text: where the interrupt hits the Python code that
    # makes the stream, it ends as a ComputeError that names it. So may a plan before Polars 2.0.
    may_be_caught = name == "an endless reader" or pl.__version__ < "2"
    assert child.returncode == -signal.SIGINT or (may_be_caught and child.returncode == 1)


def test_importing_the_package_prints_nothing_and_starts_no_thread() -> None:
    code = "import threading, rangebar_polars; assert threading.active_count() == 1"

    assert run(code) == ""
