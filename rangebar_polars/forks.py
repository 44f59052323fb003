"""Threads do not survive a fork: what needs them is refused in a child that would wait for ever.

Polars, and its copy in the compiled half, begin their threads with the first work that needs them.
A child forked after that has the pools and not the threads. Work given to them never ends.
"""

import os
from dataclasses import dataclass
from typing import Final

from rangebar_polars.errors import RangeBarError


@dataclass
class _Process:
    """What this process and those it was forked from have done."""

    has_used_threads: bool = False
    is_cut_off: bool = False

    def after_fork(self) -> None:
        """Note, in a child, whether its pools have lost their threads."""
        self.is_cut_off = self.is_cut_off or self.has_used_threads


_PROCESS: Final = _Process()


def use_threads() -> None:
    """Note that threads are used from now on.

    Raises
    ------
    RangeBarError
        This process was forked after they were used.
    """
    check_threads()
    if not _PROCESS.has_used_threads:
        _PROCESS.has_used_threads = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_PROCESS.after_fork)


def check_threads() -> None:
    """Refuse work that needs threads in a process that was forked after they were used.

    Raises
    ------
    RangeBarError
        Naming what to do.
    """
    if _PROCESS.is_cut_off:
        raise RangeBarError(
            "this process was forked after its parent had made bars of plans or of several keys, "
            "and would wait for ever for threads that a fork does not copy (start it by "
            'multiprocessing.get_context("spawn") or "forkserver", or make bars of frames, '
            "without by and aggs)"
        )
