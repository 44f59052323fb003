"""Disks and users as a shared machine has them: full, read-only, of another user."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.subprocesses import run

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
NOBODY = 65_534

BECOME_NOBODY = f"""
import datetime as dt
import os
import tempfile
from pathlib import Path

import polars as pl
import rangebar_polars as rb

# Python itself may lie where no other user can read it: everything is imported by using it.
with tempfile.TemporaryDirectory() as folder:
    times = pl.Series([0, 1000]).cast(pl.Datetime("ms"))
    given = pl.DataFrame({{"timestamp": times, "price": [1.0, 2.0], "quantity": [1.0, 1.0]}})
    given.write_parquet(f"{{folder}}/given.parquet")
    own = {{"source": "mine", "cache_dir": folder}}
    rb.import_trades(f"{{folder}}/given.parquet", symbol="A", **own)
    rb.scan_ticks("A", "1970-01-01", "1970-01-01", **own).collect()
    rb.get_range_bars("A", "1970-01-01", "1970-01-01", **own)
    rb.cache_status(cache_dir=folder)
    rb.cache_clear("ticks", cache_dir=folder)
    rb.cache_clear("bars", cache_dir=folder)

os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
"""


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """Give a disk of its own of so many bytes, mounted at a folder."""
    if sys.platform != "linux":
        pytest.skip("mounts a tmpfs, which Linux has")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False, text=True)  # noqa: S603 - ours
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode != 0:
        pytest.skip(f"no disk may be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - ours


def make_read_only(disk: Path) -> None:
    """Let nothing more be written to a disk that `small_disk` gave."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S603, S607 - ours


def leave_free(disk: Path, size: int) -> None:
    """Fill a disk except for so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - size))


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Give a folder that every user can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def run_as_nobody(code: str) -> str:
    """Return what code prints that another user runs; the package is imported before."""
    return run(BECOME_NOBODY + code)
