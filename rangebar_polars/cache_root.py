"""The folder that trades and bars are cached in."""

import os
import sys
from pathlib import Path


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder: the argument, ``RANGEBAR_CACHE_DIR``, or the platform's own."""
    chosen = cache_dir or os.environ.get("RANGEBAR_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "rangebar-polars"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rangebar-polars"
