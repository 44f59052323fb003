"""Recorders on disks that are full, and calls of theirs that fail or must not be made."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.assertions import says, tree
from support.disks import leave_free, small_disk
from support.entry_points import assert_same
from support.recorded import FEED, finish, one_pass, processor, recorded
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._live import recorder as module
from rangebar_polars.errors import RangeBarError, StoreError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the bars of half of the sample in several parts."""
    monkeypatch.setattr(module, "PART_BARS", 100)
    return recorded(tmp_path / "live")


# The disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one megabyte."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def test_a_full_disk_changes_nothing_and_the_same_trades_can_be_given_again(disk: Path) -> None:
    folder, first, rest = disk / "live", FEED[:9_000], FEED[9_000:]
    recorder = rb.BarRecorder(folder, processor())
    recorder.process_trades(first)
    before, position = tree(folder), recorder.position
    leave_free(disk, 0)
    text = f"{folder}/00000001.parquet cannot be saved: no space is left on the disk (free some)"

    for _ in range(2):
        with says(StoreError, text):
            recorder.process_trades(rest)
        assert tree(folder) == before
        assert_same(position, recorder.position)
    (disk / "filler").unlink()
    recorder.process_trades(rest)
    recorder.close()

    assert_same(one_pass(), rb.scan_recorded_bars(folder).collect())


def test_a_full_disk_at_the_end_is_an_error_and_the_folder_is_free(disk: Path) -> None:
    folder = disk / "live"
    recorder = rb.BarRecorder(folder, processor())
    recorder.process_trades(FEED[:9_000])
    recorder.process_trades(FEED[9_000])
    leave_free(disk, 0)

    with pytest.raises(StoreError, match=r"cannot be saved: no space is left on the disk"):
        recorder.close()
    recorder.close()

    (disk / "filler").unlink()
    finish(folder)


# Calls


def test_a_bad_batch_changes_nothing(folder: Path) -> None:
    with rb.BarRecorder(folder, processor(), save_every=0) as recorder:
        before, position = tree(folder), recorder.position
        with pytest.raises(RangeBarError, match="p is"):
            recorder.process_trades([*FEED[10_000:15_000], FEED[15_000] | {"p": "free"}])
        assert tree(folder) == before
        assert_same(position, recorder.position)
    finish(folder)


def test_trades_that_go_past_the_recorder_are_an_error(folder: Path) -> None:
    one = processor()
    with rb.BarRecorder(folder, one) as recorder:
        one.process_trades(FEED[10_000:11_000])
        with says(
            RangeBarError,
            f"the processor has another state than its recorder in {folder}: it was given trades "
            "or resumed elsewhere (give all trades to the recorder, and make a new one, which "
            "continues from what is saved)",
        ):
            recorder.process_trades(FEED[11_000:])
    finish(folder)


def test_a_closed_recorder_is_refused(folder: Path) -> None:
    recorder = rb.BarRecorder(folder, processor())
    recorder.close()

    for call in (recorder.save, lambda: recorder.process_trades([])):
        with says(
            RangeBarError,
            f"the recorder in {folder} is closed "
            "(make a new one, which continues from what is saved)",
        ):
            call()
    finish(folder)


def test_a_second_call_at_the_same_time_is_refused(folder: Path) -> None:
    with rb.BarRecorder(folder, processor()) as recorder:
        refused = list[str]()

        def feed() -> Iterator[dict[str, Any]]:
            def other() -> None:
                with pytest.raises(RangeBarError, match="in the middle of another call") as caught:
                    recorder.save()
                refused.append(str(caught.value))

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            yield FEED[10_000]

        recorder.process_trades(feed())
        assert len(refused) == 1
    finish(folder)


def test_a_forked_process_is_refused_and_leaves_the_folder_to_its_parent(tmp_path: Path) -> None:
    printed = run(f"""
import os
import rangebar_polars as rb

recorder = rb.BarRecorder({str(tmp_path / "live")!r}, rb.RangeBarProcessor(250))
child = os.fork()
if child == 0:
    try:
        recorder.process_trades([])
    except rb.RangeBarError as error:
        print(error, flush=True)
    recorder.close()
    os._exit(0)
os.waitpid(child, 0)
recorder.process_trades({{"timestamp": 1_704_067_200_000, "price": 1.0, "quantity": 1.0}})
recorder.close()
print(rb.BarRecorder({str(tmp_path / "live")!r}, rb.RangeBarProcessor(250)).position.height)
""")

    refused, rows = printed.splitlines()
    assert refused == (
        f"the recorder in {tmp_path / 'live'} belongs to the process that this one was forked "
        "from (make it after the fork)"
    )
    assert rows == "1"
