"""An unfinished file has one writer, and leaves nothing behind."""

import fcntl
import threading
from pathlib import Path

import pytest

from rangebar_polars._disk.locked_file import CancelledError, exclusive, spill_folder, sweep


def test_a_published_file_has_its_name_and_the_unfinished_one_is_gone(tmp_path: Path) -> None:
    path, target = tmp_path / "a.part", tmp_path / "a"

    with exclusive(path) as claim:
        claim.handle.write(b"whole")
        claim.publish(target)

    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_given_up_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.part"

    with exclusive(path) as claim:
        claim.handle.write(b"half")

    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_published_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = tmp_path / "a.part", tmp_path / "a"
    lock = fcntl.flock

    def publish_first(handle: int, operation: int) -> None:
        if not target.exists():
            path.rename(target)
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", publish_first)
    with exclusive(path) as claim:
        claim.handle.write(b"mine")
        claim.handle.flush()

        assert path.read_bytes() == b"mine"
    assert target.read_bytes() == b""


def test_a_wait_for_another_holder_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    stop = threading.Event()

    with exclusive(tmp_path / "a.part"):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(CancelledError), exclusive(tmp_path / "a.part", stop):
            pass


def test_only_what_nobody_holds_is_swept(tmp_path: Path) -> None:
    dead = tmp_path / "dead.part"
    dead.write_bytes(b"half")
    spill_folder(dead).mkdir()
    (spill_folder(dead) / "2024-08-08-000000.arrow").touch()
    other = tmp_path / "other"
    other.touch()

    with exclusive(tmp_path / "held.part") as held:
        sweep(tmp_path, "*.part")

        assert sorted(tmp_path.iterdir()) == [held.path, other]
