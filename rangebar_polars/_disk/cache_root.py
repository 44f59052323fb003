"""Where trades and bars are cached: in a folder, or in a bucket."""

import os
import re
from pathlib import Path
from typing import Final

import platformdirs

from rangebar_polars._objects.address import ObjectAddress, names_bucket

CacheRoot = Path | ObjectAddress
"""A cache folder, or the address of one in a bucket."""

_VARIABLE: Final = "RANGEBAR_CACHE_DIR"
_REMEDY: Final = "give the path of a local folder, or the text 's3://bucket/prefix'"
# Two letters at least, since one is a drive; a Path has one slash left of two.
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> CacheRoot:
    """Return where the cache is: the argument, ``RANGEBAR_CACHE_DIR``, or the platform's folder.

    Raises
    ------
    TypeError, ValueError
        It is neither a path nor the URL of a bucket; or none is given and there is no home folder.

    Examples
    --------
    >>> print(cache_root("s3://bucket/team/"))
    s3://bucket/team
    """
    name, value = "cache_dir", cache_dir
    if value is None or value == "":
        name, value = _VARIABLE, os.environ.get(_VARIABLE)
    if not value:
        return _platform_folder(f"set {_VARIABLE}, or give cache_dir")
    if isinstance(value, str) and names_bucket(value):
        return ObjectAddress.parse(value, name)
    return local_path(value, name, remedy=_REMEDY)


def local_folder(root: CacheRoot) -> Path:
    """Return the folder of this machine in which downloads lie until their days are written.

    Parameters
    ----------
    root
        Where the cache is. For a bucket it is ``RANGEBAR_CACHE_DIR``, if that is a folder, or the
        platform's own.

    Raises
    ------
    ValueError
        There is no home folder.
    """
    if isinstance(root, Path):
        return root
    chosen = os.environ.get(_VARIABLE)
    if chosen and not names_bucket(chosen):
        return local_path(chosen, _VARIABLE, remedy=_REMEDY)
    return _platform_folder(f"set {_VARIABLE} to a local folder, and give the bucket as cache_dir")


def _platform_folder(remedy: str) -> Path:
    path = platformdirs.user_cache_path("rangebar-polars", appauthor=False)
    if not path.is_absolute():
        raise ValueError(
            f"the cache folder would be {str(path)!r}, below the working directory, because the "
            f"home folder is unknown ({remedy})"
        )
    return path


def local_path(
    value: str | os.PathLike[str], name: str, *, remedy: str = "give the path of a local folder"
) -> Path:
    """Return a path on this machine.

    A URL would be the name of a folder here: ``s3://bucket`` that of the folder ``s3:``.

    Raises
    ------
    TypeError
        It is no path.
    ValueError
        It is a URL, or DuckDB's name for no file, or has a zero byte; or it begins with the home
        folder of a user who has none.

    Examples
    --------
    >>> local_path("s3://bucket/bars", "folder")
    Traceback (most recent call last):
    ValueError: folder is 's3://bucket/bars': expected a path on this machine (give the path of a
    local folder)
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} is {value!r}: expected a path ({remedy})")
    text = os.fspath(value)
    if _URL.match(text) or text == ":memory:" or "\0" in text:
        raise ValueError(f"{name} is {text!r}: expected a path on this machine ({remedy})")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name} is {text!r}: there is no such home folder ({remedy})") from error
