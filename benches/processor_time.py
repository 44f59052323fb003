"""The processor time of a call, which other work on the machine changes least."""

from collections.abc import Callable
from time import process_time


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    begin = process_time()
    call()
    return process_time() - begin
