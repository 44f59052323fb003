"""The example of a live feed: killed at any step, its bars are those of a run without a stop."""

import runpy
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from support.assertions import tree
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT

import rangebar_polars as rb

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_feed.py"
example = SimpleNamespace(**runpy.run_path(str(EXAMPLE)))


def expected() -> pl.DataFrame:
    """Return the bars of the whole sample in one pass."""
    trades, columns = pl.read_parquet(example.SAMPLE), rb.TradeColumns(agg_trade_id="last_trade_id")
    return rb.bars(trades, 25, include_microstructure=True, columns=columns)


def start(folder: Path, size: int, code: str | None = None) -> subprocess.Popen[str]:
    """Start the example in a separate process."""
    call = [str(EXAMPLE)] if code is None else ["-c", code, str(EXAMPLE)]
    return subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, *call, str(folder), str(size)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_example_gives_the_bars_of_one_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example.main(tmp_path, 5_000)

    assert_same(expected(), rb.scan_recorded_bars(tmp_path).collect())
    assert capsys.readouterr().out.splitlines()[-1].startswith("100 bars of BTCUSDT in ")


def test_the_example_runs_as_a_script(tmp_path: Path) -> None:
    with start(tmp_path / "new" / "folder", 7_000) as child:
        out, errors = child.communicate(timeout=TIMEOUT)

    assert (child.returncode, errors) == (0, "")
    assert len(out.splitlines()) == 4


def test_a_run_after_the_end_of_the_feed_changes_nothing(tmp_path: Path) -> None:
    example.run(tmp_path, 5_000)
    before = tree(tmp_path)

    example.run(tmp_path, 100)

    assert tree(tmp_path) == before


# Ends the process before its n-th step that touches a file of the folder.
KILLED_AT = """
import os, runpy, signal, sys

left = NUMBER

def hook(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.listdir") and FOLDER in str(arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

del sys.argv[0]
sys.addaudithook(hook)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_killed_before_any_step_of_the_writing_the_bars_are_those_of_a_run_without_a_stop(
    tmp_path: Path,
) -> None:
    seen, whole, folder = set[str](), expected(), tmp_path / "live"

    for number in range(2, 26):
        code = KILLED_AT.replace("NUMBER", str(number)).replace("FOLDER", repr(str(folder)))
        with start(folder, 130 + number, code) as child:
            child.communicate(timeout=TIMEOUT)
        assert child.returncode == -signal.SIGKILL
        seen |= {path.suffix for path in folder.iterdir()}
        if list(folder.glob("*.parquet")):
            done = rb.scan_recorded_bars(folder).collect()
            assert done.is_empty() or done.equals(whole.head(done.height))

    assert {".part", ".parquet", ".lock"} <= seen
    example.run(folder, 5_000)
    assert_same(whole, rb.scan_recorded_bars(folder).collect())
    assert [path.name for path in folder.iterdir()] == ["00000001.parquet"]
