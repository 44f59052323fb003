"""Recorders whose state is large: it lies in a file of its own, with the same guarantee."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.disks import leave_free, small_disk
from support.entry_points import assert_same
from support.recorded import FEED, NAMES, as_after_a_kill, sample

import rangebar_polars as rb
from rangebar_polars._disk.locked_file import LockedFile
from rangebar_polars._live import recorder as module
from rangebar_polars._live.state_file import LARGEST_IN_PART
from rangebar_polars.errors import StoreError

REMEDY = "restore it from a copy, or record into a new folder"
BEFORE: dict[str, Any] = {
    "lookback": 3_000,
    "vpin": rb.Vpin(0.5, 20),
    "footprint": rb.Footprint(0.5),
}


def processor(**options: Any) -> rb.RangeBarProcessor:  # noqa: ANN401
    """Return a processor of the messages that looks back."""
    return rb.RangeBarProcessor(5, "BTCUSDT", **{"columns": NAMES, **BEFORE, **options})


def one_pass() -> pl.DataFrame:
    """Return the bars of all messages."""
    return rb.bars(sample(), 5, **BEFORE)


def finish(folder: Path) -> None:
    """Continue a record to the end of the feed, and check it."""
    with rb.BarRecorder(folder, processor()) as recorder:
        last = recorder.position["agg_trade_id"].max() or 0
        recorder.process_trades([trade for trade in FEED if trade["a"] > last])
    assert_same(one_pass(), rb.scan_recorded_bars(folder).collect())


def states(folder: Path) -> list[Path]:
    """Return the files of states."""
    return sorted(folder.glob("*.state"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the bars of half of the sample in several parts."""
    monkeypatch.setattr(module, "PART_BARS", 100)
    with rb.BarRecorder(tmp_path / "live", processor()) as recorder:
        for start in range(0, 10_000, 500):
            recorder.process_trades(FEED[start : start + 500])
    return tmp_path / "live"


@contextmanager
def each_step(call: Callable[[Path], None]) -> Iterator[None]:
    """Call a function with the folder before and after each rename and each removal of a state."""
    move, unlink = LockedFile.move_to, Path.unlink

    def moved(self: LockedFile, target: Path) -> None:
        call(target.parent)
        move(self, target)
        call(target.parent)

    def unlinked(self: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as it is
        unlink(self, missing_ok=missing_ok)
        if self.suffix == ".state":
            call(self.parent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LockedFile, "move_to", moved)
        patch.setattr(Path, "unlink", unlinked)
        yield


def test_a_kill_between_any_two_steps_leaves_bars_and_their_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BARS", 60)
    whole, copies = one_pass(), list[Path]()
    with (
        rb.BarRecorder(tmp_path / "live", processor(), save_every=0) as recorder,
        each_step(lambda at: copies.append(as_after_a_kill(at))),
    ):
        for start in range(0, 6_000, 2_000):
            recorder.process_trades(FEED[start : start + 2_000])
    # A part with a small state; a state and its part; and these, and the removal of the first.
    assert len(copies) == 2 + 4 + 5

    for copy in copies[2:]:
        done = rb.scan_recorded_bars(copy).collect()
        assert_same(whole.head(done.height), done)
        with rb.BarRecorder(copy, processor()):
            assert all(path.stat().st_size > LARGEST_IN_PART for path in states(copy))
            assert len(states(copy)) == (copy not in copies[:5])
        assert not list(copy.glob(".*.part"))
    for copy in copies[::2]:
        finish(copy)


def test_a_full_part_keeps_no_state_and_the_bars_are_read_without_one(folder: Path) -> None:
    (state,) = states(folder)
    parts = [pl.read_parquet_metadata(path) for path in sorted(folder.glob("*.parquet"))]
    assert len(parts) > 2
    assert all(len(metadata["rangebar.part"]) < 4_000 for metadata in parts)

    state.rename(folder.parent / "aside")
    bars = rb.scan_recorded_bars(folder).collect()

    assert_same(one_pass().head(bars.height), bars)


def test_a_small_state_is_in_its_part_and_a_large_one_before_it_is_removed(tmp_path: Path) -> None:
    # The window begins anew with the week, and its state with it.
    options = {"reset": pl.col("d"), "footprint": None, "vpin": None}
    days = [trade | {"d": int(place > 8_000)} for place, trade in enumerate(FEED)]
    with rb.BarRecorder(tmp_path, processor(**options), save_every=0) as recorder:
        recorder.process_trades(days[:8_000])
        assert len(states(tmp_path)) == 1
        recorder.process_trades(days[8_000:8_100])
        assert states(tmp_path) == []
    with rb.BarRecorder(tmp_path, processor(**options)) as recorder:
        recorder.process_trades(days[8_100:])

    marked = sample().with_columns(d=pl.int_range(pl.len()) > 8_000)
    want = rb.bars(marked, 5, reset=pl.col("d"), lookback=BEFORE["lookback"])
    assert_same(want, rb.scan_recorded_bars(tmp_path).collect())


def test_states_that_no_part_names_are_removed_and_other_files_stay(folder: Path) -> None:
    (state,) = states(folder)
    shutil.copy(state, folder / f"{'0' * 64}.state")
    (folder / f".{'1' * 64}.state.part").write_bytes(b"half")
    (folder / "mine.state").write_bytes(b"mine")

    finish(folder)

    names = {path.name for path in folder.iterdir() if path.suffix != ".parquet"}
    assert names == {"mine.state", *(path.name for path in states(folder))}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (
            lambda path: path.unlink(),
            f"{{}} is missing, which has the state after the recorded bars ({REMEDY})",
        ),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-1]),
            f"{{}} is damaged: it has another state than was written ({REMEDY})",
        ),
    ],
    ids=["missing", "damaged"],
)
def test_a_state_that_is_lost_is_an_error_and_the_remedies_work(
    spoil: Callable[[Path], None], text: str, folder: Path
) -> None:
    copy = as_after_a_kill(folder)
    (state,) = states(folder)
    spoil(state)
    before = tree(folder)

    with says(StoreError, text.format(state)):
        rb.BarRecorder(folder, processor())

    assert tree(folder) == before
    shutil.copy(copy / state.name, state)
    finish(folder)
    with rb.BarRecorder(folder.parent / "new", processor()):
        pass


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lookback": "5m"}, "lookback '3000', and the processor has '5m'"),
        ({"vpin": None}, "vpin '0.5-20', and the processor has None"),
        (
            {"footprint": rb.Footprint(1, 80)},
            "footprint '0.5-70-300', and the processor has '1-80-300'",
        ),
    ],
    ids=["lookback", "vpin", "footprint"],
)
def test_bars_that_look_back_otherwise_are_refused(
    options: dict[str, Any], text: str, folder: Path
) -> None:
    before = tree(folder)

    with says(
        StoreError,
        f"{folder} has bars with {text} (give it the same options, or record into another folder)",
    ):
        rb.BarRecorder(folder, processor(**options))

    assert tree(folder) == before
    finish(folder)


def test_a_disk_without_room_for_a_state_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        folder = disk / "live"
        recorder = rb.BarRecorder(folder, processor())
        recorder.process_trades(FEED[:9_000])
        before, position = tree(folder), recorder.position
        leave_free(disk, 20_000)

        for _ in range(2):
            with pytest.raises(StoreError, match=r"\.state cannot be saved: no space is left"):
                recorder.process_trades(FEED[9_000:])
            assert tree(folder) == before
            assert_same(position, recorder.position)
        (disk / "filler").unlink()
        recorder.process_trades(FEED[9_000:])
        recorder.close()

        assert_same(one_pass(), rb.scan_recorded_bars(folder).collect())


def test_a_call_in_which_nothing_is_saved_makes_no_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(state: object) -> bytes:
        raise AssertionError(state)

    recorder = rb.BarRecorder(folder, processor())
    last = recorder.position["agg_trade_id"].item()
    rest = [trade for trade in FEED if trade["a"] > last]
    with monkeypatch.context() as patch:
        patch.setattr(module, "checkpoint_of", never)
        assert recorder.process_trades(rest[0]).is_empty()
    recorder.processor.process_trades([])
    recorder.process_trades(rest[1:])
    recorder.close()

    assert_same(one_pass(), rb.scan_recorded_bars(folder).collect())
