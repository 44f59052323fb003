"""Which files are meant by paths, patterns and folders, and in which order they are read."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rangebar_polars._disk.cache_root import local_path
from rangebar_polars._ticks.import_source import KINDS, kind_of, url_of

_REMEDY: Final = "give the path of a local file, or a frame"
_PATTERN: Final = re.compile(r"[*?\[]")
_COMPANIONS: Final = (".checksum", ".md5", ".sha256", ".crc")
"""Files that lie beside those of trades."""


def files_of(paths: Iterable[str | os.PathLike[str]]) -> list[Path | str]:
    """Return the files of paths, patterns and folders, and URLs as they are.

    Paths stay in the order in which they are given. The files of a pattern or a folder are sorted
    by name, numbers in it by their value.

    Raises
    ------
    TypeError
        One is no path.
    ValueError
        A pattern or a folder has no file of trades, files of several kinds or another file; or a
        file is meant twice.
    """
    found = list[Path | str]()
    for given in paths:
        url = url_of(given)
        found += [url] if url is not None else _local(given)
    seen = set[str]()
    for each in found:
        same = each if isinstance(each, str) else str(each.resolve())
        if same in seen:
            raise ValueError(f"{each} is given twice (give each file once)")
        seen.add(same)
    return found


def _local(given: str | os.PathLike[str]) -> list[Path]:
    path = local_path(given, "trades", remedy=_REMEDY)
    # A folder that is called as a file is one by mistake.
    if path.is_dir() and kind_of(path.name) is None:
        files = [
            each
            for each in path.rglob("*")
            if each.is_file() and not _is_hidden(each.relative_to(path))
        ]
        return _of_one_kind(files, str(path))
    if _PATTERN.search(str(path)) and not path.exists():
        files = [Path(each) for each in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute patterns
        return _of_one_kind([each for each in files if each.is_file()], str(path))
    return [path]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _of_one_kind(files: list[Path], where: str) -> list[Path]:
    """Return files of trades in order.

    Raises
    ------
    ValueError
        There is none, or one is of another kind.
    """
    files = [each for each in files if not each.name.lower().endswith(_COMPANIONS)]
    files.sort(key=lambda path: _natural(str(path)))
    if not files:
        raise ValueError(f"{where} has no file of {', '.join(KINDS)} (is it the right path?)")
    first = kind_of(files[0].name)
    for each in files:
        if kind_of(each.name) is None:
            raise ValueError(
                f"{where} has {each.name}, which is none of {', '.join(KINDS)} (give a pattern of "
                "the files of trades: folder/*.csv)"
            )
        if kind_of(each.name) != first:
            raise ValueError(
                f"{where} has {files[0].name} and {each.name}: expected files of one kind, since "
                "they may hold the same trades (give a pattern: folder/*.csv)"
            )
    return files


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by: text, and numbers by their value.

    Examples
    --------
    >>> sorted(["trades-10.csv", "trades-9.csv"], key=_natural)
    ['trades-9.csv', 'trades-10.csv']
    """
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
