"""What all rules have in common, and the limits that they take."""

import math
from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, field, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Final

from rangebar_polars._core.arguments import check_flags, integer_of, number_of

SCALE: Final = 10**8
"""Units of a limit in 1."""

_LARGEST: Final = 10**18
_DECIMALS: Final = 8


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Rule(ABC):
    """When a bar ends: the type of every rule.

    Rules are frozen and hashable, and two are equal if they end the same bars: ``VolumeRule(10)``
    is ``VolumeRule(10.0)``. ``str(rule)`` is the text of a rule, from which `parse_rule` makes it
    again.

    Attributes
    ----------
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Examples
    --------
    >>> import rangebar_polars as rb
    >>> isinstance(rb.DollarRule(1e6), rb.Rule)
    True
    >>> str(rb.DollarRule(1e6))
    'dollar-1000000'
    """

    GUARDED: ClassVar[bool] = False

    prevent_same_timestamp_close: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        check_flags(prevent_same_timestamp_close=self.prevent_same_timestamp_close)

    @property
    @abstractmethod
    def _body(self) -> str:
        """The text without its end."""

    def __str__(self) -> str:
        if self.prevent_same_timestamp_close == self.GUARDED:
            return self._body
        return self._body + ("-gate" if self.prevent_same_timestamp_close else "-nogate")

    def __repr__(self) -> str:
        name_of_guard = "prevent_same_timestamp_close"
        given = [
            (field.name, getattr(self, field.name))
            for field in fields(self)
            if field.name != name_of_guard
            # An expression has no default, and compared with one it would be another expression.
            and (field.default is MISSING or getattr(self, field.name) != field.default)
        ]
        if self.prevent_same_timestamp_close != self.GUARDED:
            given.append((name_of_guard, self.prevent_same_timestamp_close))
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def units_of(name: str, limit: object) -> int:
    """Return a limit in units of 1e-8: an integer exactly, any other number rounded as prices are.

    Raises
    ------
    TypeError
        It is not a number.
    ValueError
        It is not finite, or is not from 1e-8 to 1e18.

    Examples
    --------
    >>> units_of("limit", 0.3)
    30000000
    >>> units_of("limit", 0)
    Traceback (most recent call last):
    ValueError: limit is 0: expected 0.00000001 to 1e18
    """
    if (whole := integer_of(limit)) is not None:
        units = whole * SCALE
    elif isinstance(limit, Decimal):
        is_near = limit.is_finite() and limit <= _LARGEST
        scaled = limit.scaleb(_DECIMALS) if is_near else Decimal(0)
        units = int(scaled.to_integral_value(ROUND_HALF_UP))
    elif (number := number_of(limit)) is not None:
        units = _nearest(number * SCALE) if math.isfinite(number * SCALE) else 0
    else:
        raise TypeError(f"{name} is {limit!r}: expected a number")
    if not 1 <= units <= _LARGEST * SCALE:
        raise ValueError(f"{name} is {limit!r}: expected 0.00000001 to 1e18")
    return units


def _nearest(scaled: float) -> int:
    """Return the nearest integer, a half away from zero, as the kernel rounds a quantity."""
    whole = int(scaled)
    return whole + (scaled - whole >= 0.5)  # noqa: PLR2004 - a half


def limit_text(name: str, limit: object) -> str:
    """Return a limit as a decimal without an exponent or zeros at the end.

    Raises
    ------
    TypeError, ValueError
        As `units_of`.

    Examples
    --------
    >>> limit_text("limit", 2.50)
    '2.5'
    """
    units = units_of(name, limit)
    return plain(Decimal(units).scaleb(-_DECIMALS))


def plain(number: Decimal) -> str:
    """Return a decimal without an exponent or zeros at the end.

    Examples
    --------
    >>> plain(Decimal("1E+3")), plain(Decimal("0.10"))
    ('1000', '0.1')
    """
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
