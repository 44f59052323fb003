"""Regular files alone, opened so that nothing else in their place can hang, mislead or be harmed.

Others may write to a shared folder. A pipe there would be waited for, a device would act on being
opened, and a link at a file that is to be written would have its target overwritten.
"""

import errno
import fnmatch
import os
import stat
from collections.abc import Callable, Sequence
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO, Final

# Without O_BINARY, Windows would change line ends; it has none of the others, and no pipes.
_FLAGS: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_TERMINAL: Final = getattr(os, "O_NOCTTY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)

_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class RefusedFileError(OSError):
    """What is at a path is refused.

    Attributes
    ----------
    reason
        What is wrong.
    remedy
        What to do about it.
    """

    def __init__(self, number: int, reason: str, remedy: str, path: Path) -> None:
        super().__init__(number, f"{reason} ({remedy})", str(path))
        self.reason = reason
        self.remedy = remedy


def open_to_read(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one.

    Raises
    ------
    RefusedFileError
        It is another kind of file.
    OSError
        It is not there, or may not be opened.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | _FLAGS | _TERMINAL)

    _refuse_other(path, path.stat().st_mode)
    handle = open(path, "rb", opener=opener)  # noqa: SIM115 - a Path takes no opener
    return _regular(handle, path)


def open_to_write(path: Path, *, create: bool) -> BufferedRandom:
    """Open a regular file to read and write it, never one that a link leads to.

    Raises
    ------
    RefusedFileError
        It is a link, or another kind of file.
    OSError
        It is not there, or may not be opened.
    """
    try:
        _refuse_other(path, path.lstat().st_mode)
    except FileNotFoundError:
        if not create:
            raise
    flags = os.O_RDWR | _FLAGS | _TERMINAL | _NO_LINK | (os.O_CREAT if create else 0)
    try:
        handle = os.fdopen(os.open(path, flags, 0o666), "r+b")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "a symbolic link") from error
        raise
    try:
        _regular(handle, path)
        # Where no flag forbids links, one may have come since it was looked for.
        _refuse_other(path, path.lstat().st_mode)
    except BaseException:
        handle.close()
        raise
    return handle


def has_file(path: Path) -> bool:
    """Return whether there is something at a path, of whatever kind.

    Raises
    ------
    OSError
        It may not be looked at.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def entries(folder: Path, pattern: str = "*") -> list[Path]:
    """Return what lies in a folder under names of a pattern, in order; nothing without a folder.

    Raises
    ------
    OSError
        It may not be read, or is no folder.

    Examples
    --------
    >>> entries(Path(__file__).parent, "regular_*.py")[0].name
    'regular_file.py'
    """
    try:
        # Not `glob`, to which a folder that may not be read is empty.
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted(path for path in paths if fnmatch.fnmatchcase(path.name, pattern))


def subfolders(top: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the folders that are so many levels below another, under names of a pattern each.

    Raises
    ------
    OSError
        A folder may not be read.

    Examples
    --------
    >>> [path.name for path in subfolders(Path(__file__).parents[1], ["_di*"])]
    ['_disk']
    """
    found = [top]
    for pattern in patterns:
        found = [path for folder in found for path in entries(folder, pattern) if _is_folder(path)]
    return found


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _regular(handle: BinaryIO, path: Path) -> BinaryIO:
    try:
        _refuse_other(path, os.fstat(handle.fileno()).st_mode)
    except BaseException:
        handle.close()
        raise
    return handle


def _refuse_other(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = (name for is_of, name in _KINDS if is_of(mode))
        raise _refused(path, next(kinds, "a device"))


def _refused(path: Path, kind: str) -> RefusedFileError:
    return RefusedFileError(
        errno.EINVAL, f"it is {kind}, expected a regular file", "move it away", path
    )
