"""A file that only one thread of one process writes at a time.

The lock belongs to an open file, so it ends with its process, however that ends; what a killed
process left is overwritten by the next one. After waiting, the name may belong to another file, or
to none: the lock counts only if the file it is on is still the one at the path. Nothing else is
left, so a folder after any history of kills is the folder after one quiet run.

Windows renames and removes no open file, and lets no other handle read what is locked. There the
lock is on an empty file beside the unfinished one; a kill may leave it, until `remove_abandoned`.

In a folder that is shared, another user may have put a link or a pipe in the place of the file:
nothing is written through one. A file that has a second name is left to that name.
"""

import contextlib
import errno
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Final, TypeVar

import portalocker

from rangebar_polars._disk.disk_error import UNREADABLE
from rangebar_polars._disk.regular_file import RefusedFileError, entries, open_to_write

Opened = TypeVar("Opened")

POLL_SECONDS = 0.05
ATTEMPTS: Final = 3
PATIENCE_SECONDS = 2.0
"""How long a file may be open elsewhere before Windows' refusal is an error: scanners do that."""

LOCK_BESIDE: Final = os.name == "nt"
"""Whether the lock is on a file of its own."""

PROBE_BYTES: Final = 1 << 20

# Far more than other processes can remove a folder in a row before a file is made in it.
MOST_MISSES: Final = 1000
LONGEST_WINDOWS_PATH: Final = 259
# What forbids to remove an unfinished file of another user, or is no such file.
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL})


class CancelledError(Exception):
    """The call that this work belongs to has been given up."""


@dataclass
class LockedFile:
    """An unfinished file, open and locked."""

    path: Path
    handle: BufferedRandom
    lock: BufferedRandom
    moved: bool = False

    @contextmanager
    def written(self) -> Iterator[BufferedRandom]:
        """Give the file, empty, to code that may hide why it cannot write.

        Polars reports a disk that is full as a file out of specification, at times.

        Raises
        ------
        OSError
            The disk is full, or fails otherwise.
        """
        self.handle.truncate(0)
        try:
            yield self.handle
        except OSError:
            raise
        except UNREADABLE:
            # What follows fails for the same reason, if it is one of the disk.
            self.handle.write(bytes(PROBE_BYTES))
            self.handle.flush()
            raise

    def move_to(self, target: Path) -> None:
        """Give the finished file its name, whole and durable.

        Raises
        ------
        OSError
            The disk is full, or a folder is in its place; on Windows: the file that is to be
            replaced is open.
        """
        self.handle.flush()
        os.fsync(self.handle.fileno())
        if LOCK_BESIDE:
            self.handle.close()
        _when_free(lambda: self.path.replace(target), target)
        self.moved = True
        _sync_folder(target.parent)

    def release(self) -> None:
        """Remove the file, unless it has its name, and then let others have the lock."""
        try:
            if LOCK_BESIDE:
                _close(self.handle)
            if not self.moved:
                _remove(self.path)
        finally:
            _close(self.lock)
            if LOCK_BESIDE:
                _remove(lock_file(self.path))


@contextmanager
def locked(path: Path, stop: threading.Event | None = None) -> Iterator[LockedFile]:
    """Hold `path` open for reading and writing until it is moved or given up.

    A file that is not moved is removed. Setting `stop` ends a wait for another holder with a
    CancelledError.

    Raises
    ------
    RefusedFileError
        A link, or anything but a regular file, is in its place; or it cannot be locked.
    OSError
        It cannot be made or opened.
    """
    file = _wait_for(path, stop or threading.Event())
    try:
        yield file
    finally:
        file.release()


def try_locked(path: Path) -> LockedFile | None:
    """Return `path` open and locked, for the caller to release; None if another holder has it.

    Raises
    ------
    RefusedFileError
        As in `locked`.
    OSError
        It cannot be made or opened.
    """
    for _ in range(ATTEMPTS):
        lock = _try_lock(lock_file(path), create=True)
        if lock is not None:
            return _locked_by(lock, path)
        # A holder that lets go removes its file: the next attempt finds another one, or none.
        time.sleep(POLL_SECONDS)
    return None


def remove_abandoned(folder: Path, pattern: str, *, strict: bool = False) -> None:
    """Remove unfinished files that no process holds any more, and what is in the place of one.

    Parameters
    ----------
    folder
        Where they lie.
    pattern
        Their names.
    strict
        Whether one that this user may not remove is an error, and not left to its owner.

    Raises
    ------
    OSError
        The disk fails; with `strict`, one cannot be removed.
    """
    try:
        paths = {*entries(folder, pattern)}
        if LOCK_BESIDE:
            paths |= {path.with_suffix("") for path in entries(folder, f"{pattern}.lock")}
    except OSError as error:
        if strict or error.errno not in _NOT_OURS:
            raise
        return
    for path in sorted(paths):
        try:
            _remove_abandoned(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            if strict or error.errno not in _NOT_OURS:
                raise


def _remove_abandoned(path: Path) -> None:
    for each in {path, lock_file(path)}:
        with contextlib.suppress(FileNotFoundError):
            mode = each.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                # No process can hold it.
                each.unlink()
    lock = _try_lock(lock_file(path), create=LOCK_BESIDE)
    if lock is None:
        return
    try:
        remove_folder(spill_folder(path))
    finally:
        LockedFile(path, lock, lock).release()


def remove_folder(path: Path) -> None:
    """Remove a folder and what is in it; of a link to one, the link alone.

    Raises
    ------
    OSError
        Something in it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()


def spill_folder(path: Path) -> Path:
    """Return the folder that belongs to the holder of an unfinished file."""
    return path.with_name(f"{path.name}.days")


def lock_file(path: Path) -> Path:
    """Return which file the lock of an unfinished file is on."""
    return path.with_name(f"{path.name}.lock") if LOCK_BESIDE else path


def _wait_for(path: Path, stop: threading.Event) -> LockedFile:
    misses = 0
    while not stop.is_set():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = _try_lock(lock_file(path), create=True)
        except FileNotFoundError as error:
            # Its folder was empty, and another process has removed it.
            misses += 1
            if misses > MOST_MISSES:
                raise _unreachable(path, error) from error
            continue
        if lock is not None:
            return _locked_by(lock, path)
        stop.wait(POLL_SECONDS)
    raise CancelledError


def _locked_by(lock: BufferedRandom, path: Path) -> LockedFile:
    if not LOCK_BESIDE:
        return LockedFile(path, lock, lock)
    try:
        handle = _when_free(lambda: open_to_write(path, create=True), path)
        if _has_other_names(handle):
            handle.close()
            _remove(path)
            handle = _when_free(lambda: open_to_write(path, create=True), path)
    except BaseException:
        lock.close()
        _remove(lock_file(path))
        raise
    return LockedFile(path, handle, lock)


def _try_lock(path: Path, *, create: bool) -> BufferedRandom | None:
    """Return the open file with its lock; None where another has it, or there is another file."""
    handle = _when_free(lambda: open_to_write(path, create=create), path)
    try:
        portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
        if os.path.samestat(os.fstat(handle.fileno()), path.lstat()):
            if LOCK_BESIDE or not _has_other_names(handle):
                return handle
            # A backup may be the other name. The lock is on the file, so no other process uses it.
            _remove(path)
    except (portalocker.AlreadyLocked, FileNotFoundError):
        pass
    except portalocker.LockException as error:
        handle.close()
        remedy = "choose a folder on a disk that has locks, with cache_dir or RANGEBAR_CACHE_DIR"
        raise RefusedFileError(errno.ENOLCK, "it cannot be locked", remedy, path) from error
    except BaseException:
        handle.close()
        raise
    handle.close()
    return None


def _has_other_names(handle: BufferedRandom) -> bool:
    return os.fstat(handle.fileno()).st_nlink > 1


def _close(handle: BufferedRandom) -> None:
    """Close a file whose last bytes, on a full disk, cannot be written and are not needed."""
    with contextlib.suppress(OSError):
        handle.close()


def _when_free(call: Callable[[], Opened], path: Path) -> Opened:
    """Return what a call returns, once Windows no longer refuses it since a file is open."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except PermissionError as error:
            if not LOCK_BESIDE:
                raise
            if time.monotonic() > end:
                raise RefusedFileError(
                    errno.EACCES,
                    "it is open elsewhere, or its permissions forbid it",
                    "close it, let go of plans that read it, and call again",
                    path,
                ) from error
        time.sleep(POLL_SECONDS)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        # It is open elsewhere: the process that has it open removes it, or `remove_abandoned`.
        if not LOCK_BESIDE:
            raise


def _sync_folder(folder: Path) -> None:
    """Make a new name durable. Windows opens no folder, and has no such call."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unreachable(path: Path, error: OSError) -> OSError:
    length = len(str(path.absolute()))
    if LOCK_BESIDE and length > LONGEST_WINDOWS_PATH:
        return RefusedFileError(
            errno.ENAMETOOLONG,
            f"the path has {length} characters, and this Windows allows {LONGEST_WINDOWS_PATH}",
            "choose a shorter one with cache_dir or RANGEBAR_CACHE_DIR, or enable long paths",
            path,
        )
    return error
