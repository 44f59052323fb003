"""Only regular files are opened: nothing in their place hangs, misleads or is harmed."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.assertions import says, tree

from rangebar_polars._disk import locked_file, regular_file
from rangebar_polars._disk.locked_file import locked, remove_abandoned, spill_folder
from rangebar_polars._disk.regular_file import (
    RefusedFileError,
    entries,
    open_to_read,
    open_to_write,
    subfolders,
)

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


def make_pipe(path: Path) -> None:
    """Put a named pipe there."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """Put a socket there."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def make_device(path: Path) -> None:
    """Put a device there, by way of a link as only root makes devices."""
    path.symlink_to(os.devnull)


OTHERS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": make_pipe,
    "a socket": make_socket,
    "a device": make_device,
}


@needs_pipes
@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_regular_file_is_not_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    OTHERS[kind](path)

    text = f"[Errno 22] it is {kind}, expected a regular file (move it away): {str(path)!r}"
    with says(RefusedFileError, text):
        open_to_read(path)


@needs_pipes
@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a socket", "a symbolic link"])
def test_what_is_no_regular_file_is_not_written(kind: str, tmp_path: Path) -> None:
    path, victim = tmp_path / "a.part", tmp_path / "victim"
    victim.write_bytes(b"precious")
    if kind == "a symbolic link":
        path.symlink_to(victim)
    else:
        OTHERS[kind](path)

    text = f"[Errno 22] it is {kind}, expected a regular file (move it away): {str(path)!r}"
    with says(RefusedFileError, text), locked(path):
        pass

    assert victim.read_bytes() == b"precious"


@needs_pipes
@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a socket", "a symbolic link"])
def test_what_is_in_the_place_of_a_lock_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", True)
    path, victim = tmp_path / "a.part", tmp_path / "victim"
    victim.write_bytes(b"precious")
    lock = locked_file.lock_file(path)
    lock.symlink_to(victim) if kind == "a symbolic link" else OTHERS[kind](lock)

    text = f"[Errno 22] it is {kind}, expected a regular file (move it away): {str(lock)!r}"
    with says(RefusedFileError, text), locked(path):
        pass

    assert victim.read_bytes() == b"precious"
    assert not path.exists()


def test_a_link_to_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"bytes")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with open_to_read(tmp_path / "b") as file:
        assert file.read() == b"bytes"


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_link_that_comes_after_it_was_looked_for_is_not_followed(
    is_dangling: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, victim = tmp_path / "a.part", tmp_path / "victim"
    if not is_dangling:
        victim.write_bytes(b"precious")
    original = os.open

    def plant_first(name: Path, flags: int, mode: int = 0o777) -> int:
        if not path.is_symlink():
            path.symlink_to(victim)
        return original(name, flags, mode)

    monkeypatch.setattr(os, "open", plant_first)
    with pytest.raises(RefusedFileError, match="it is a symbolic link"):
        open_to_write(path, create=True)

    assert tree(tmp_path) == (
        {} if is_dangling else dict.fromkeys(["victim", "a.part"], b"precious")
    )


def test_where_no_flag_forbids_links_they_are_not_followed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, victim = tmp_path / "a.part", tmp_path / "victim"
    victim.write_bytes(b"precious")
    original = os.open

    def plant_first(name: Path, flags: int, mode: int = 0o777) -> int:
        if not path.is_symlink():
            path.symlink_to(victim)
        return original(name, flags, mode)

    monkeypatch.setattr(regular_file, "_NO_LINK", 0)
    monkeypatch.setattr(os, "open", plant_first)
    with pytest.raises(RefusedFileError, match="it is a symbolic link"):
        open_to_write(path, create=True)

    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("is_beside", [False, True], ids=["on the file", "beside it"])
def test_a_second_name_of_an_unfinished_file_keeps_what_it_has(
    is_beside: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", is_beside)
    path, backup, target = tmp_path / "a.part", tmp_path / "backup", tmp_path / "a"
    backup.write_bytes(b"precious")
    path.hardlink_to(backup)

    with locked(path) as file:
        file.handle.truncate(0)
        file.handle.write(b"whole")
        file.move_to(target)

    assert tree(tmp_path) == {"backup": b"precious", "a": b"whole"}


@needs_pipes
@pytest.mark.parametrize("is_beside", [False, True], ids=["on the file", "beside it"])
def test_what_is_in_the_place_of_an_unfinished_file_is_swept_and_its_target_stays(
    is_beside: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locked_file, "LOCK_BESIDE", is_beside)
    victim, folder = tmp_path / "victim", tmp_path / "victims"
    victim.write_bytes(b"precious")
    folder.mkdir()
    (folder / "one").write_bytes(b"precious")
    make_pipe(tmp_path / "pipe.part")
    (tmp_path / "link.part").symlink_to(victim)
    (tmp_path / "dangling.part").symlink_to(tmp_path / "nothing")
    (tmp_path / "twice.part").hardlink_to(victim)
    (tmp_path / "spilled.part").touch()
    spill_folder(tmp_path / "spilled.part").symlink_to(folder)

    remove_abandoned(tmp_path, "*.part", strict=True)

    assert {*tmp_path.iterdir()} == {victim, folder}
    assert tree(tmp_path) == {"victim": b"precious", "victims/one": b"precious"}


def test_a_folder_in_the_place_of_an_unfinished_file_is_left_and_strictly_an_error(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a.part"
    folder.mkdir()
    (folder / "mine").touch()
    text = f"[Errno 22] it is a folder, expected a regular file (move it away): {str(folder)!r}"

    remove_abandoned(tmp_path, "*.part")
    with says(RefusedFileError, text):
        remove_abandoned(tmp_path, "*.part", strict=True)

    assert (folder / "mine").exists()


def test_a_file_in_the_place_of_a_folder_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    with pytest.raises(NotADirectoryError):
        entries(tmp_path / "a")
    assert entries(tmp_path / "none") == []
    assert subfolders(tmp_path, ["*"]) == []
