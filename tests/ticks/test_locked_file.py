"""An unfinished file has one writer, and nothing is left of it."""

import errno
import os
import threading
from pathlib import Path

import portalocker
import pytest
from support.assertions import says
from support.subprocesses import run

from rangebar_polars._disk import locked_file
from rangebar_polars._disk.locked_file import (
    CancelledError,
    lock_file,
    locked,
    remove_abandoned,
    spill_folder,
)


@pytest.fixture(params=["on the file", "beside it"], autouse=True)
def lock_beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Lock as on each platform in turn."""
    is_beside: bool = request.param == "beside it"
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", is_beside)
    monkeypatch.setattr(locked_file, "PATIENCE_SECONDS", 0.1)
    return is_beside


def test_a_finished_file_has_its_name_and_the_unfinished_one_is_gone(tmp_path: Path) -> None:
    path, target = tmp_path / "a.part", tmp_path / "a"

    with locked(path) as file:
        file.handle.write(b"whole")
        file.move_to(target)

    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_finished_file_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"before")

    with locked(tmp_path / "a.part") as file:
        file.handle.write(b"after")
        file.move_to(target)

    assert target.read_bytes() == b"after"


def test_a_file_that_is_given_up_is_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "a.part") as file:
        file.handle.write(b"half")

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_there_for_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    path.write_bytes(b"half")

    with locked(path) as file:
        assert file.handle.read() == b"half"


def test_a_lock_on_a_file_that_was_moved_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, moved = tmp_path / "a.part", tmp_path / "moved"
    lock = portalocker.lock

    def move_first(handle: int, flags: portalocker.LockFlags) -> None:
        if not moved.exists():
            lock_file(path).rename(moved)
        lock(handle, flags)

    monkeypatch.setattr(portalocker, "lock", move_first)
    with locked(path) as file:
        file.handle.write(b"mine")
        file.handle.flush()

        assert path.read_bytes() == b"mine"
    assert moved.read_bytes() == b""


def test_a_folder_that_is_removed_meanwhile_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, calls = tmp_path / "folder", list[Path]()
    original = os.open

    def remove_first(path: Path, flags: int, mode: int = 0o777) -> int:
        calls.append(path)
        if len(calls) == 1:
            folder.rmdir()
        return original(path, flags, mode)

    monkeypatch.setattr(os, "open", remove_first)
    with locked(folder / "a.part") as file:
        assert file.path.exists()


def test_a_wait_for_another_holder_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    stop = threading.Event()

    with locked(tmp_path / "a.part"):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(CancelledError), locked(tmp_path / "a.part", stop):
            pass


def test_another_process_waits_until_the_file_is_let_go(tmp_path: Path, lock_beside: bool) -> None:  # noqa: FBT001 - a fixture
    path = tmp_path / "a.part"
    ask = (
        "import threading\n"
        "from pathlib import Path\n"
        "from rangebar_polars._disk import locked_file\n"
        f"locked_file.LOCK_BESIDE = {lock_beside}\n"
        "stop = threading.Event()\n"
        "threading.Timer(0.3, stop.set).start()\n"
        "try:\n"
        f"    with locked_file.locked(Path({str(path)!r}), stop):\n"
        "        print('mine')\n"
        "except locked_file.CancelledError:\n"
        "    print('held')\n"
    )

    with locked(path):
        assert run(ask) == "held\n"
    assert run(ask) == "mine\n"
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_lets_go_of_its_file(tmp_path: Path, lock_beside: bool) -> None:  # noqa: FBT001 - a fixture
    path = tmp_path / "a.part"
    run(
        "import os\n"
        "from pathlib import Path\n"
        "from rangebar_polars._disk import locked_file\n"
        f"locked_file.LOCK_BESIDE = {lock_beside}\n"
        f"with locked_file.locked(Path({str(path)!r})) as file:\n"
        "    file.handle.write(b'half')\n"
        "    file.handle.flush()\n"
        "    os._exit(0)\n"
    )

    with locked(path) as file:
        assert file.handle.read() == b"half"
    assert list(tmp_path.iterdir()) == []


def test_only_what_no_process_holds_is_removed(tmp_path: Path) -> None:
    dead = tmp_path / "dead.part"
    dead.write_bytes(b"half")
    spill_folder(dead).mkdir()
    (spill_folder(dead) / "2024-08-08-000000.arrow").touch()
    lock_file(tmp_path / "moved.part").touch()
    other = tmp_path / "other"
    other.touch()

    with locked(tmp_path / "held.part") as held:
        remove_abandoned(tmp_path, "*.part")

        assert {*tmp_path.iterdir()} == {held.path, lock_file(held.path), other}


def test_a_disk_without_locks_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: object, flags: portalocker.LockFlags) -> None:
        del handle, flags
        raise portalocker.LockException(portalocker.LockException.LOCK_FAILED, "no locks")

    monkeypatch.setattr(portalocker, "lock", refuse)
    path = tmp_path / "a.part"
    text = (
        f"[Errno {errno.ENOLCK}] it cannot be locked (choose a folder on a disk that has locks, "
        f"with cache_dir or RANGEBAR_CACHE_DIR): {str(lock_file(path))!r}"
    )

    with says(OSError, text), locked(path):
        pass


# Windows alone


def refuse(*_: object) -> None:
    """Refuse as Windows does what is done to an open file."""
    raise PermissionError(errno.EACCES, "Access is denied")


def test_a_target_that_is_open_is_replaced_once_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", True)
    refusals = iter([True, True, False])
    original = Path.replace

    def replace(path: Path, target: Path) -> None:
        if next(refusals):
            refuse()
        original(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with locked(tmp_path / "a.part") as file:
        file.move_to(tmp_path / "a")

    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_target_that_stays_open_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", True)
    monkeypatch.setattr(Path, "replace", refuse)
    text = (
        f"[Errno {errno.EACCES}] it is open elsewhere, or its permissions forbid it (close it, let "
        f"go of plans that read it, and call again): {str(tmp_path / 'a')!r}"
    )

    with says(OSError, text), locked(tmp_path / "a.part") as file:
        file.move_to(tmp_path / "a")

    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_too_long_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", True)
    path = tmp_path / "x" / ("y" * 150) / ("z" * 150)
    original = os.open

    def fail(name: Path, flags: int, mode: int = 0o777) -> int:
        if len(str(name)) > locked_file.LONGEST_WINDOWS_PATH:
            raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified")
        return original(name, flags, mode)

    monkeypatch.setattr(os, "open", fail)
    text = (
        f"[Errno {errno.ENAMETOOLONG}] the path has {len(str(path))} characters, and this Windows "
        "allows 259 (choose a shorter one with cache_dir or RANGEBAR_CACHE_DIR, or enable long "
        f"paths): {str(path)!r}"
    )

    with says(OSError, text), locked(path):
        pass
