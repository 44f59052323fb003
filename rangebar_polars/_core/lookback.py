"""How far is looked back before a bar."""

from dataclasses import dataclass
from typing import Any, Final, SupportsIndex

from rangebar_polars._core.arguments import integer_of
from rangebar_polars._core.spans import Span, nanoseconds_of, span_text

Lookback = SupportsIndex | Span
"""A number of trades, or a span of time, such as "5m" or a timedelta."""

MOST_TRADES: Final = 1_000_000
"""The most trades of a window."""

_MOST_DIGITS: Final = 20
"""Digits of the longest number that is read: Python has no integer of thousands."""

_EXPECTED: Final = (
    f"expected a number of trades, 1 to {MOST_TRADES}, or a span, such as '5m', '1h30m' or "
    "timedelta(minutes=5)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedLookback:
    """How far is looked back: one of both."""

    trades: int | None = None
    span: int | None = None
    """In nanoseconds."""

    def kwargs(self) -> dict[str, Any]:
        """Return the options of the compiled extension."""
        return {"trades": self.trades, "span": self.span}

    @property
    def given(self) -> int | str | None:
        """The argument that `check_lookback` takes for it."""
        return self.trades if self.span is None else span_text(self.span)


def lookback_text(lookback: CheckedLookback | None) -> str | None:
    """Return how a lookback is written in the key of a chain.

    >>> lookback_text(check_lookback(200)), lookback_text(check_lookback("90m"))
    ('200', '1h30m')
    """
    return None if lookback is None else str(lookback.given)


def parse_lookback(text: str) -> CheckedLookback | None:
    """Return the lookback from `lookback_text`.

    Raises
    ------
    ValueError
        It is no such text.
    """
    return check_lookback(given_lookback(text))


def given_lookback(text: str) -> int | str:
    """Return the argument of which this is the text.

    >>> given_lookback("200"), given_lookback("5m")
    (200, '5m')
    """
    is_number = text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else text


def check_lookback(lookback: Lookback | None) -> CheckedLookback | None:
    """Return how far is looked back, or None for not at all.

    Raises
    ------
    TypeError
        It is neither an integer, a text nor a timedelta.
    ValueError
        It is no number of trades that a window can have, or no fixed length of time above 0.

    Examples
    --------
    >>> check_lookback(200)
    CheckedLookback(trades=200, span=None)
    >>> check_lookback("1h30m").given
    '1h30m'
    >>> check_lookback("1mo")
    Traceback (most recent call last):
    ValueError: lookback is '1mo': expected a number of trades, 1 to 1000000, or a span, such as
    '5m', '1h30m' or timedelta(minutes=5)
    """
    if lookback is None:
        return None
    if isinstance(lookback, Span):
        span = nanoseconds_of(lookback)
        if not 0 < span < 1 << 63:
            raise ValueError(f"lookback is {lookback!r}: {_EXPECTED}")
        return CheckedLookback(span=span)
    trades = integer_of(lookback)
    if trades is None:
        raise TypeError(f"lookback is {lookback!r}: {_EXPECTED}")
    if not 1 <= trades <= MOST_TRADES:
        raise ValueError(f"lookback is {trades}: {_EXPECTED}")
    return CheckedLookback(trades=trades)
