"""What an error of a disk means, and what to do about it, in words.

A disk that is full, or may not be written, says nothing against the file that is being read or
written: it is never a reason to delete one.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from rangebar_polars._disk.regular_file import RefusedFileError

ELSEWHERE: Final = "choose another folder with cache_dir or RANGEBAR_CACHE_DIR"
LONGEST_NAME: Final = 255

# Polars and its parts pass on what the system reports, at times as text alone.
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
_MANY_FILES: Final = "let go of plans that hold days open, or raise the limit: ulimit -n"
_REASONS: Final[dict[str, tuple[str, str]]] = {
    "ENOSPC": ("no space is left on the disk", "free some"),
    "EDQUOT": ("the quota of the disk is used up", "free some"),
    "EROFS": ("the disk is read-only", "have it mounted to be written"),
    "EACCES": ("its permissions forbid it", "change those of the file or of its folder"),
    "EPERM": ("its permissions forbid it", "change those of the file or of its folder"),
    "EISDIR": ("a folder is in its place", "move it away"),
    "ENOTDIR": ("a file is where a folder should be", "move it away"),
    "EEXIST": ("a file is where a folder should be", "move it away"),
    "ELOOP": ("symbolic links in its path lead nowhere", "remove them"),
    "EMFILE": ("too many files are open", _MANY_FILES),
    "ENFILE": ("too many files are open", _MANY_FILES),
    "EIO": ("the disk fails", "check it"),
    "ENOENT": ("it was removed meanwhile, or its folder", "call again"),
}
"""Reason and remedy, by the name of the number: no system has all of them."""

# A panic is no PolarsError, and not even an Exception.
UNREADABLE: Final = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    OverflowError,
    RecursionError,
    ValueError,
)
"""What Polars and Python may raise where a file is damaged or a disk fails."""


@contextmanager
def disk_errors(
    kind: type[Exception], path: Path, *, doing: str, remedy: str | None = None
) -> Iterator[None]:
    """Raise errors of the disk and of what is on it as one of our own, which names the file.

    Parameters
    ----------
    kind
        Our own error. One that is raised inside passes as it is; so does an error of another file
        while this one is written, such as of one that is copied.
    path
        The file, or the folder of the files.
    doing
        What cannot be done: "read", "written", "removed". What cannot be written may be written in
        another folder.
    remedy
        What to do about a file that holds something else than it should; None: it is only written,
        and an error that is none of the disk passes.

    Examples
    --------
    >>> import errno
    >>> with disk_errors(RuntimeError, Path("a"), doing="written"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    RuntimeError: a cannot be written: no space is left on the disk (free some, or choose another
    folder with cache_dir or RANGEBAR_CACHE_DIR)
    """
    try:
        yield
    except UNREADABLE as error:
        place: object = getattr(error, "filename", None) or path
        if doing == "written" and Path(str(place)).parent not in path.parents:
            raise
        why = reason_of(error, path)
        if why is None and remedy is None and not isinstance(error, OSError):
            raise
        reason, what_to_do = why or (str(error), remedy or "check the disk")
        if doing == "written":
            # What fails may be to make its folder, or to rename it.
            place, what_to_do = path, f"{what_to_do}, or {ELSEWHERE}"
        raise kind(f"{place} cannot be {doing}: {reason} ({what_to_do})") from error


def reason_of(error: BaseException, path: Path) -> tuple[str, str] | None:
    """Return the reason and the remedy of an error of the disk; None for any other error."""
    if isinstance(error, RefusedFileError):
        return error.reason, error.remedy
    number = _number_of(error)
    if number is None:
        return None
    name = errno.errorcode.get(number, "")
    if name == "ENAMETOOLONG":
        longest = max(len(os.fsencode(part)) for part in path.parts)
        what = f"its path has {len(os.fsencode(path.absolute()))}"
        what = f"a name in its path has {longest}" if longest > LONGEST_NAME else what
        return f"{what} bytes, more than the disk allows", "give shorter names"
    text = str(getattr(error, "strerror", None) or error)
    return _REASONS.get(name, (text, "check the disk"))


def _number_of(error: BaseException) -> int | None:
    """Return the number that the system has for an error, if it is one of the system."""
    number: int | None = getattr(error, "errno", None)
    if number is None and (found := _OS_ERROR.search(str(error))):
        number = int(found[1])
        if os.name == "nt":
            # Its own numbers: Python knows which of the standard ones they are.
            number = OSError(0, "", None, number).errno
    return number
