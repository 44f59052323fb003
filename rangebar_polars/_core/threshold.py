"""Thresholds: the names of common ones, and what a number in another unit would mean."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, Literal

THRESHOLD_DECIMAL_MIN: Final = 1
"""The smallest threshold in decimal basis points: 0.001 %."""

THRESHOLD_DECIMAL_MAX: Final = 100_000
"""The largest threshold in decimal basis points: 100 %."""

Preset = Literal["micro", "tight", "standard", "medium", "wide", "macro"]
"""The name of a common threshold."""

THRESHOLD_PRESETS: Final[Mapping[str, int]] = MappingProxyType(
    {"micro": 10, "tight": 50, "standard": 100, "medium": 250, "wide": 500, "macro": 1000}
)
"""The names of common thresholds, with their decimal basis points, as in rangebar-py."""

NAMES: Final = ", ".join(repr(name) for name in THRESHOLD_PRESETS)
"""The names of common thresholds, for messages."""


def readings(value: object) -> str:
    """Return what a number may mean as a threshold and how to write it; "" if it is no number.

    Examples
    --------
    >>> readings(0.25)
    '0.25 % is 250, a fraction of 0.25, 25 %, is 25000'
    >>> readings("25")
    '25 is 0.025 %, 25 basis points are 250, 25 % is 25000'
    """
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return ""
    return ", ".join(_readings(number)) if number.is_finite() and number > 0 else ""


def _readings(number: Decimal) -> Iterator[str]:
    """Yield the meanings of a number that are valid thresholds."""
    given, percent = _text(number), _text(number / 1_000)
    if _is_threshold(number):
        yield f"{given} is {percent} %"
    if _is_threshold(number * 10):
        yield f"{given} basis points are {_text(number * 10)}"
    if _is_threshold(number * 1_000):
        yield f"{given} % is {_text(number * 1_000)}"
    if number < 1 and _is_threshold(number * 100_000):
        yield f"a fraction of {given}, {_text(number * 100)} %, is {_text(number * 100_000)}"
    if number > THRESHOLD_DECIMAL_MAX and _is_threshold(number / 1_000):
        yield f"{given} is {percent} %, 0.25 % is 250"


def _is_threshold(number: Decimal) -> bool:
    is_whole = number == number.to_integral_value()
    return is_whole and THRESHOLD_DECIMAL_MIN <= number <= THRESHOLD_DECIMAL_MAX


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
