"""Each error of a disk has a reason and a remedy of its own, and never that to delete a file."""

import errno
import os
import sys
from pathlib import Path

import polars as pl
import pytest
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.subprocesses import run

from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError

PATH = Path("cache/a.parquet")
REMEDY = "delete it"
PERMISSIONS = ("its permissions forbid it", "change those of the file or of its folder")
NO_FOLDER = ("a file is where a folder should be", "move it away")
MANY = (
    "too many files are open",
    "let go of plans that hold days open, or raise the limit: ulimit -n",
)
REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on the disk", "free some"),
    errno.EDQUOT: ("the quota of the disk is used up", "free some"),
    errno.EROFS: ("the disk is read-only", "have it mounted to be written"),
    errno.EACCES: PERMISSIONS,
    errno.EPERM: PERMISSIONS,
    errno.EISDIR: ("a folder is in its place", "move it away"),
    errno.ENOTDIR: NO_FOLDER,
    errno.EEXIST: NO_FOLDER,
    errno.ELOOP: ("symbolic links in its path lead nowhere", "remove them"),
    errno.EMFILE: MANY,
    errno.ENFILE: MANY,
    errno.EIO: ("the disk fails", "check it"),
    errno.ENOENT: ("it was removed meanwhile, or its folder", "call again"),
    errno.ESTALE: (os.strerror(errno.ESTALE), "check the disk"),
}  # fmt: skip


@pytest.mark.parametrize("number", REASONS)
def test_an_error_of_the_disk_is_reported_as_what_it_is(number: int) -> None:
    reason, remedy = REASONS[number]
    text = f"{PATH} cannot be read: {reason} ({remedy})"

    with says(CacheError, text), disk_errors(CacheError, PATH, doing="read", remedy=REMEDY):
        raise OSError(number, os.strerror(number))
    # Polars passes on what the system reports as text.
    text = f"{PATH} cannot be written: {reason} ({remedy}, or choose another folder with "
    polars = f"underlying IO error: {os.strerror(number)} (os error {number})"
    if number != errno.ESTALE:
        for error in (pl.exceptions.ComputeError(polars), OSError(polars)):
            with says(CacheError, f"{text}cache_dir or RANGEBAR_CACHE_DIR)"):  # noqa: SIM117
                with disk_errors(CacheError, PATH, doing="written"):
                    raise error


def test_an_error_of_what_is_on_the_disk_has_the_remedy_of_the_file() -> None:
    wrong = [
        pl.exceptions.ComputeError("a bad page"),
        pl.exceptions.PanicException("a bad page"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a bad page"),
        RecursionError("a bad page"),
        OverflowError("a bad page"),
        OSError("a bad page"),
    ]

    for error in wrong:
        with (
            says(CacheError, f"{PATH} cannot be read: {error} (delete it)"),
            disk_errors(CacheError, PATH, doing="read", remedy=REMEDY),
        ):
            raise error


@pytest.mark.parametrize("error", [KeyError("a"), CacheError("b"), KeyboardInterrupt()])
def test_what_is_no_error_of_a_file_passes(error: BaseException) -> None:
    with pytest.raises(type(error)), disk_errors(CacheError, PATH, doing="read", remedy=REMEDY):
        raise error


def test_what_is_wrong_with_rows_that_are_written_passes() -> None:
    with pytest.raises(ValueError, match="rows"), disk_errors(CacheError, PATH, doing="written"):
        raise ValueError("rows")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_that_has_too_many_files_open_says_so(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:1]))
    path = DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL)).path(DAYS[0])

    shown = run(
        "import datetime as dt\n"
        "import os\n"
        "import resource\n"
        "from pathlib import Path\n"
        "import rangebar_polars as rb\n"
        "from rangebar_polars._ticks.disk_cache import DiskTickCache\n"
        "from rangebar_polars._series import Series\n"
        f"cache = DiskTickCache(Path({str(tmp_path)!r}), Series({SOURCE!r}, 'spot', {SYMBOL!r}))\n"
        f"day = dt.date.fromisoformat('{DAYS[0]}')\n"
        "cache.report(day)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "try:\n"
        "    while True:\n"
        "        os.dup(0)\n"
        "except OSError:\n"
        "    pass\n"
        "try:\n"
        "    cache.report(day)\n"
        "except rb.CacheError as error:\n"
        "    print(error)\n"
    )

    assert shown == f"{path} cannot be read: {MANY[0]} ({MANY[1]})\n"
