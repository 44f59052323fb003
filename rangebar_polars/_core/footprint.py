"""How the footprint of a bar is made."""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from rangebar_polars._argument_names import named_methods
from rangebar_polars._core.arguments import integer_of, number_of
from rangebar_polars._core.fixed import DECIMAL, SCALE, parse_units, units_of, units_text

MAX_TICK: Final = 10_000_000
"""The greatest tick: a float of it and its integer at 8 decimals name each other."""

MAX_IMBALANCE: Final = 1_000_000
"""The greatest ratio of an imbalance, in percent."""

_TEXT: Final = re.compile(rf"({DECIMAL})-([0-9]{{1,3}})-([0-9]{{1,7}})")


@named_methods()
@dataclass(frozen=True, slots=True)
class Footprint:
    """What was bought and sold at each price of a bar, for ``footprint`` of `bars`.

    Parameters
    ----------
    tick
        The height of a level, in units of the price: the tick of the exchange, or a multiple of it.
        The price ``p`` is in the level ``floor(p / tick)``, both at 8 decimals.
    value_area
        How many percent of the volume the value area holds: 1 to 100.
    imbalance
        How many percent of the opposite volume, one level away, make an imbalance: 100 to
        1,000,000.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> import rangebar_polars as rb
    >>> rb.Footprint(0.5)
    Footprint(tick=0.5, value_area=70, imbalance=300)
    >>> rb.Footprint(0)
    Traceback (most recent call last):
    ValueError: tick is 0: expected a height of levels from 0.00000001 to 10000000, in units of the
    price
    """

    tick: float
    value_area: int = 70
    imbalance: int = 300

    def __post_init__(self) -> None:
        object.__setattr__(self, "tick", _check_tick(self.tick))
        object.__setattr__(self, "value_area", _percent("value_area", self.value_area, 1, 100))
        imbalance = _percent("imbalance", self.imbalance, 100, MAX_IMBALANCE)
        object.__setattr__(self, "imbalance", imbalance)

    @classmethod
    def of_units(cls, tick: int, value_area: int, imbalance: int) -> "Footprint":
        """Return the footprint whose tick has so many units of 1e-8."""
        return cls(tick / SCALE, value_area, imbalance)

    def kwargs(self) -> dict[str, Any]:
        """Return the options of the compiled extension."""
        return {
            "tick": units_of(self.tick),
            "value_area": self.value_area,
            "imbalance": self.imbalance,
        }


def check_footprint(footprint: object) -> Footprint | None:
    """Return how a footprint is made, or None for none.

    Raises
    ------
    TypeError
        It is anything else.
    """
    if footprint is None or isinstance(footprint, Footprint):
        return footprint
    given = footprint if isinstance(footprint, int | float) else 0.5
    raise TypeError(f"footprint is {footprint!r}: expected a Footprint (Footprint(tick={given!r}))")


def footprint_text(footprint: Footprint | None) -> str | None:
    """Return how the settings of footprints are written in the key of a chain and in SQL.

    Examples
    --------
    >>> footprint_text(Footprint(0.5)), footprint_text(Footprint(10, 80, 400))
    ('0.5-70-300', '10-80-400')
    """
    if footprint is None:
        return None
    tick = units_text(units_of(footprint.tick))
    return f"{tick}-{footprint.value_area}-{footprint.imbalance}"


def parse_footprint(text: str) -> Footprint:
    """Return the footprint from `footprint_text`.

    Raises
    ------
    ValueError
        It is no such text.

    Examples
    --------
    >>> parse_footprint("0.5-70-300")
    Footprint(tick=0.5, value_area=70, imbalance=300)
    >>> parse_footprint("0.5")
    Traceback (most recent call last):
    ValueError: footprint is '0.5': expected the tick, the percent of the value area and that of an
    imbalance, such as '0.5-70-300'
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"footprint is {text!r}: expected the tick, the percent of the value area and that of "
            "an imbalance, such as '0.5-70-300'"
        )
    tick, value_area, imbalance = found.groups()
    return Footprint.of_units(parse_units(tick), int(value_area), int(imbalance))


def _check_tick(tick: object) -> float:
    value = number_of(tick)
    if value is None:
        raise TypeError(f"tick is {tick!r}: expected a number, the height of a level")
    if not (math.isfinite(value) and 0 < value <= MAX_TICK and units_of(value) > 0):
        raise ValueError(
            f"tick is {tick!r}: expected a height of levels from 0.00000001 to {MAX_TICK}, in "
            "units of the price"
        )
    return value


def _percent(name: str, given: object, least: int, most: int) -> int:
    percent = integer_of(given)
    if percent is None:
        raise TypeError(f"{name} is {given!r}: expected a whole number of percent")
    if not least <= percent <= most:
        raise ValueError(f"{name} is {percent}: expected {least} to {most} percent")
    return percent
