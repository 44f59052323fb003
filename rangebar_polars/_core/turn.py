"""The turn of one call at a time."""

import os
from threading import Lock
from typing import Final
from weakref import WeakSet

from rangebar_polars.errors import RangeBarError

_TURNS: Final = WeakSet["Turn"]()


class Turn:
    """A turn that one call at a time has; a second call is refused.

    It does not wait: the second call may be made by what the first one reads, which would never
    end, and the order of the trades of two threads would be left to chance.

    A call enters ``lock`` by ``with``, which Ctrl-C cannot separate from its end, and sets
    ``taken`` inside. What the call reads finds it taken, and so never comes to wait for the lock.

    Attributes
    ----------
    lock
        What two threads that begin at once wait for.
    taken
        Whether a call has the turn.
    """

    __slots__ = ("__weakref__", "lock", "taken")

    def __init__(self) -> None:
        self.begin_anew()
        _TURNS.add(self)

    def begin_anew(self) -> None:
        """Forget who has the turn."""
        self.lock = Lock()
        self.taken = False

    def check(self) -> None:
        """Refuse a call while another has the turn.

        Raises
        ------
        RangeBarError
            Naming what to do.
        """
        if self.taken:
            raise RangeBarError(
                "the processor is in the middle of another call, of another thread or of what that "
                "call reads (give it trades from one thread, one call after another)"
            )


def _begin_anew() -> None:
    """Free the turns of threads that a forked process does not have."""
    for turn in list(_TURNS):
        turn.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
