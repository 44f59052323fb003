"""The example of a live feed: killed at any moment, its bars are those of a run without a stop."""

import random
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT

import rangebar_polars as rb

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_feed.py"
KILLS = 30
example = SimpleNamespace(**runpy.run_path(str(EXAMPLE)))


def expected() -> pl.DataFrame:
    """Return the bars of the whole sample in one pass."""
    trades, columns = pl.read_parquet(example.SAMPLE), rb.TradeColumns(agg_trade_id="last_trade_id")
    return rb.bars(trades, example.THRESHOLD, include_microstructure=True, columns=columns)


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

    assert_same(expected(), example.saved_bars(tmp_path))
    assert capsys.readouterr().out.splitlines()[-1].startswith("100 bars of BTCUSDT in ")


def test_the_example_runs_as_a_script(tmp_path: Path) -> None:
    with start(tmp_path / "new" / "folder", 7_000) as child:
        out, errors = child.communicate(timeout=TIMEOUT)

    assert (child.returncode, errors) == (0, "")
    assert len(out.splitlines()) == 4


def test_a_run_after_the_end_of_the_feed_changes_nothing(tmp_path: Path) -> None:
    example.run(tmp_path, 5_000)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    example.run(tmp_path, 100)

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_bars_whose_checkpoint_was_not_written_do_not_count(tmp_path: Path) -> None:
    example.run(tmp_path, 5_000)
    whole = example.saved_bars(tmp_path)
    end = example.position(example.restored(tmp_path))
    stray = tmp_path / f"{end:020}.bars"
    whole.head(3).write_ipc(stray)

    assert_same(whole, example.saved_bars(tmp_path))
    example.run(tmp_path, 5_000)
    assert not stray.exists()


def test_killed_between_any_two_batches_or_in_one_the_bars_are_those_of_a_run_without_a_stop(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    kills, feeds = 0, 1

    while kills < KILLS:
        folder = tmp_path / str(feeds)
        with start(folder, chance.randrange(5, 30)) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(8)):
                child.stdout.readline()
            try:
                # The moment of the kill is what is random here: anywhere in the next batches.
                child.wait(timeout=chance.choice([0, 0, 0.001, 0.003]))
            except subprocess.TimeoutExpired:
                child.kill()
            _, errors = child.communicate(timeout=TIMEOUT)
        assert child.returncode in {0, -signal.SIGKILL}, errors
        done = example.saved_bars(folder)
        assert done.is_empty() or done.equals(expected().head(done.height))
        if child.returncode == 0:
            # It was quicker than this process: the next kills are of another feed.
            assert_same(expected(), done)
            feeds += 1
        else:
            kills += 1

    for feed in range(1, feeds + 1):
        example.run(tmp_path / str(feed), 5_000)
        assert_same(expected(), example.saved_bars(tmp_path / str(feed)))


# Ends the process before its n-th step that touches a file of the folder.
KILLED_AT = """
import os, runpy, signal, sys

left = NUMBER

def hook(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(FOLDER):
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
    seen = set[str]()

    for number in range(2, 17):
        code = KILLED_AT.replace("NUMBER", str(number)).replace("FOLDER", repr(str(tmp_path)))
        with start(tmp_path, 130 + number, code) as child:
            child.communicate(timeout=TIMEOUT)
        assert child.returncode == -signal.SIGKILL
        done = example.saved_bars(tmp_path)
        assert done.is_empty() or done.equals(expected().head(done.height))
        seen |= {path.suffix for path in tmp_path.iterdir()}
        end = example.position(example.restored(tmp_path))
        seen |= {"bars ahead" for start_of in example.files(tmp_path) if start_of >= end}

    assert {".part", ".bars", "bars ahead"} <= seen
    example.run(tmp_path, 5_000)
    assert_same(expected(), example.saved_bars(tmp_path))
