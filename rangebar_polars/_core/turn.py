"""A lock for calls that must not overlap and must not wait."""

import os
from threading import Lock
from typing import Final
from weakref import WeakSet

from rangebar_polars.errors import RangeBarError

_TURNS: Final = WeakSet["Turn"]()


class Turn:
    """Allows one call at a time and refuses a second one.

    The second call does not wait. If it came from an iterable that the first call reads, it would
    wait forever; if it came from another thread, the order of the trades would be random.

    A call enters ``lock`` by ``with``, so that Ctrl-C cannot prevent its release, and sets
    ``taken`` inside. A call from an iterable that the first call reads sees ``taken``, and does not
    wait.

    Attributes
    ----------
    lock
        Makes two threads that begin at the same time wait for each other.
    taken
        Whether a call is running.
    """

    __slots__ = ("__weakref__", "lock", "taken")

    def __init__(self) -> None:
        self.begin_anew()
        _TURNS.add(self)

    def begin_anew(self) -> None:
        """Forget a running call."""
        self.lock = Lock()
        self.taken = False

    def check(self) -> None:
        """Refuse a call while another is running.

        Raises
        ------
        RangeBarError
            Another call is running.
        """
        if self.taken:
            raise RangeBarError(
                "the processor is in the middle of another call, of another thread or of what that "
                "call reads (give it trades from one thread, one call after another)"
            )


def _begin_anew() -> None:
    """Release the turns of threads that do not exist in a forked process."""
    for turn in list(_TURNS):
        turn.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
