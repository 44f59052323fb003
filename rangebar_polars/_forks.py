"""Threads do not survive a fork, so calls that need them are refused in a forked child.

Polars, and its copy in the compiled extension, start their threads when they first need them, and
so does what asks a bucket. A child that is forked later has the pools without the threads, and
would wait for them forever.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rangebar_polars.errors import RangeBarError

_THREADS: Final = Path("/proc/self/task")
_OF_A_POOL: Final = re.compile(r"polars-\d+\s*")


@dataclass
class _Process:
    """Facts about this process and its parents before the fork."""

    has_used_threads: bool = False
    is_cut_off: bool = False
    has_pool: bool = False
    has_lost_pool: bool = False
    has_asked_buckets: bool = False
    has_lost_buckets: bool = False

    def before_fork(self) -> None:
        """Note whether Polars has threads, whatever started them."""
        self.has_pool = self.has_used_threads or _has_pool()

    def after_fork(self) -> None:
        """Note, in a child, whether its pools have lost their threads."""
        self.is_cut_off = self.is_cut_off or self.has_used_threads
        self.has_lost_pool = self.has_lost_pool or self.has_pool
        self.has_lost_buckets = self.has_lost_buckets or self.has_asked_buckets


def _has_pool() -> bool:
    """Return whether a thread of this process is one of Polars' pool; False if unknown."""
    try:
        names = [(task / "comm").read_text() for task in _THREADS.iterdir()]
    except OSError:
        return False
    return any(_OF_A_POOL.fullmatch(name) for name in names)


_PROCESS: Final = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_PROCESS.before_fork, after_in_child=_PROCESS.after_fork)


def use_threads() -> None:
    """Note that threads of Polars are used from now on.

    Raises
    ------
    RangeBarError
        This process was forked after they were used.
    """
    check_threads()
    _PROCESS.has_used_threads = True


def use_own_threads() -> None:
    """Note that threads of the compiled extension are used from now on.

    Raises
    ------
    RangeBarError
        This process was forked after this package used threads.
    """
    if _PROCESS.is_cut_off:
        raise _lost()
    _PROCESS.has_used_threads = True


def use_buckets() -> None:
    """Note that threads that ask buckets are used from now on.

    Raises
    ------
    RangeBarError
        This process was forked after a bucket was asked.
    """
    if _PROCESS.has_lost_buckets:
        raise RangeBarError(
            "this process was forked after its parent had asked a bucket, and would wait for ever "
            "for threads that a fork does not copy (start it by "
            'multiprocessing.get_context("spawn") or "forkserver", or ask no bucket before)'
        )
    _PROCESS.has_asked_buckets = True


def check_threads() -> None:
    """Refuse work that needs threads of Polars in a process that was forked after they started.

    Raises
    ------
    RangeBarError
        This process was forked after Polars had started its threads.
    """
    if has_lost_pool():
        raise _lost()


def has_lost_pool() -> bool:
    """Return whether this process was forked after Polars had started its threads."""
    return _PROCESS.has_lost_pool


def _lost() -> RangeBarError:
    return RangeBarError(
        "this process was forked after its parent had begun the threads of Polars, and would wait "
        "for ever for threads that a fork does not copy (start it by "
        'multiprocessing.get_context("spawn") or "forkserver", or make bars of frames, without by, '
        "aggs, events and expressions of your own)"
    )
