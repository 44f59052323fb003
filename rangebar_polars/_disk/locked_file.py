"""A file that only one thread of one process writes at a time.

Whoever holds the lock of the unfinished file may write it. The lock belongs to the open
file, so it ends with its process, however that ends; what a killed process left is written
over by the next one. After waiting, the name may stand for another file, or for none: the
lock counts only if the file it is on is still the one at the path. Nothing else is left
behind, so a folder after any history of kills is the folder after one quiet run.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

POLL_SECONDS = 0.05


class CancelledError(Exception):
    """The call that this work belongs to has been given up."""


@dataclass
class Claim:
    """An unfinished file, open and locked."""

    path: Path
    handle: BufferedRandom
    published: bool = False

    def publish(self, target: Path) -> None:
        """Give the finished file its name, whole and durable."""
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.path.rename(target)
        self.published = True
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def exclusive(path: Path, stop: threading.Event | None = None) -> Iterator[Claim]:
    """Hold `path` open for reading and writing until it is published or given up.

    A file that is not published is removed. Setting `stop` ends a wait for another holder
    with a CancelledError.
    """
    claim = Claim(path, _locked(path, stop or threading.Event()))
    try:
        yield claim
    finally:
        if not claim.published:
            path.unlink(missing_ok=True)
        claim.handle.close()


def _locked(path: Path, stop: threading.Event) -> BufferedRandom:
    while not stop.is_set():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        except FileNotFoundError:
            # Its folder was empty, and somebody has removed it.
            continue
        if _lock_is_ours(handle, path):
            return handle
        handle.close()
        stop.wait(POLL_SECONDS)
    raise CancelledError


def _lock_is_ours(handle: BufferedRandom, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def sweep(folder: Path, pattern: str) -> None:
    """Remove unfinished files that no process holds any more."""
    for path in sorted(folder.glob(pattern)):
        try:
            handle = path.open("r+b")
        except FileNotFoundError:
            continue
        with handle:
            if _lock_is_ours(handle, path):
                shutil.rmtree(spill_folder(path), ignore_errors=True)
                path.unlink()


def spill_folder(path: Path) -> Path:
    """Return the folder that belongs to the holder of an unfinished file."""
    return path.with_name(f"{path.name}.days")
