"""The folders that trades and bars are cached in."""

import os
import re
from pathlib import Path
from typing import Final

import platformdirs

# Two letters at least, since one is a drive; a Path has one slash left of two.
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder: the argument, ``RANGEBAR_CACHE_DIR``, or the platform's own.

    Raises
    ------
    TypeError, ValueError
        It is no path, or a URL; or none is given and there is no home folder.
    """
    if cache_dir is not None and cache_dir != "":
        return local_path(cache_dir, "cache_dir")
    chosen = os.environ.get("RANGEBAR_CACHE_DIR")
    if chosen:
        return local_path(chosen, "RANGEBAR_CACHE_DIR")
    path = platformdirs.user_cache_path("rangebar-polars", appauthor=False)
    if not path.is_absolute():
        raise ValueError(
            f"the cache folder would be {str(path)!r}, below the working directory, because the "
            "home folder is unknown (set RANGEBAR_CACHE_DIR, or give cache_dir)"
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
    >>> local_path("s3://bucket/cache", "cache_dir")
    Traceback (most recent call last):
    ValueError: cache_dir is 's3://bucket/cache': expected a path on this machine (give the path of
    a local folder)
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
