"""Lengths of time: what a caller writes, and what is counted."""

import datetime as dt
import re
from typing import Final

Span = str | dt.timedelta
"""A length of time, such as "30m" or a timedelta."""

MaxGap = Span
"""The longest time between two trades of a bar."""

_LENGTH: Final = re.compile(r"([1-9]\d{0,18})(ns|us|ms|s|m|h|d|w)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 604_800 * 10**9,
}


def nanoseconds_of(span: Span) -> int:
    """Return a fixed length of time in nanoseconds; 0 if a text is none.

    Examples
    --------
    >>> nanoseconds_of("1m30s"), nanoseconds_of(dt.timedelta(seconds=90)), nanoseconds_of("1mo")
    (90000000000, 90000000000, 0)
    """
    if isinstance(span, dt.timedelta):
        return (span // dt.timedelta(microseconds=1)) * 1_000
    parts = _LENGTH.findall(span)
    is_length = "".join(map("".join, parts)) == span
    return sum(int(n) * _NANOSECONDS[unit] for n, unit in parts) if is_length else 0


def check_max_gap(max_gap: MaxGap | None) -> int | None:
    """Return the longest time between two trades of a bar, in nanoseconds.

    Raises
    ------
    TypeError
        It is neither a text nor a timedelta.
    ValueError
        It is not above 0, or is no fixed length.

    Examples
    --------
    >>> check_max_gap("1h30m")
    5400000000000
    >>> check_max_gap("1mo")
    Traceback (most recent call last):
    ValueError: max_gap is '1mo': expected a fixed length above 0, such as '30m', '1h30m' or
    timedelta(minutes=30)
    """
    if max_gap is None:
        return None
    if not isinstance(max_gap, Span):
        raise TypeError(f"max_gap is {max_gap!r}: expected a text such as '30m', or a timedelta")
    nanoseconds = nanoseconds_of(max_gap)
    if not 0 < nanoseconds < 1 << 63:
        raise ValueError(
            f"max_gap is {max_gap!r}: expected a fixed length above 0, such as '30m', '1h30m' or "
            "timedelta(minutes=30)"
        )
    return nanoseconds


def gap_text(nanoseconds: int | None) -> str | None:
    """Return a text for `check_max_gap`, which is the same for equal lengths; None for None.

    Parameters
    ----------
    nanoseconds
        What `check_max_gap` returned.
    """
    return None if nanoseconds is None else span_text(nanoseconds)


def span_text(nanoseconds: int) -> str:
    """Return the text of a length of time, the same for equal lengths.

    Examples
    --------
    >>> span_text(1_800_000_000_000), span_text(90_000_500_000)
    ('30m', '1m30s500us')
    """
    parts = list[str]()
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, _NANOSECONDS[unit])
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)
