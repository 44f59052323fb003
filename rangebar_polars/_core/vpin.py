"""Which buckets of volume are measured before a bar."""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from rangebar_polars._argument_names import named_methods
from rangebar_polars._core.arguments import integer_of, number_of
from rangebar_polars._core.fixed import DECIMAL, SCALE, parse_units, units_of, units_text

MOST_BUCKETS: Final = 10_000
"""The most buckets."""

_MOST_VOLUME: Final = 9e10
"""The greatest volume of a bucket: 64 bits hold it at 8 decimals."""

_TEXT: Final = re.compile(rf"({DECIMAL})-([0-9]{{1,5}})")


@named_methods()
@dataclass(frozen=True, slots=True)
class Vpin:
    """The volume-synchronised probability of informed trading, for ``vpin`` of `bars`.

    From the first trade on, the trades of known side fill buckets of one volume, one after another;
    a trade is split exactly where a bucket becomes full. The value before a bar is the sum of the
    absolute differences of what was bought and sold in the last full buckets, over their volume
    (Easley, López de Prado and O'Hara 2012, with the sides that the exchange reports).

    Parameters
    ----------
    bucket_volume
        The volume of a bucket, in units of the quantity, at 8 decimals.
    buckets
        How many full buckets the value is of: 1 to 10,000.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> import rangebar_polars as rb
    >>> rb.Vpin(10.0, 50)
    Vpin(bucket_volume=10.0, buckets=50)
    >>> rb.Vpin(0, 50)
    Traceback (most recent call last):
    ValueError: bucket_volume is 0: expected a volume from 0.00000001 to 90000000000, in units of
    the quantity
    """

    bucket_volume: float
    buckets: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket_volume", _check_volume(self.bucket_volume))
        object.__setattr__(self, "buckets", _check_buckets(self.buckets))

    @classmethod
    def of_units(cls, bucket_volume: int, buckets: int) -> "Vpin":
        """Return the buckets whose volume has so many units of 1e-8."""
        near = bucket_volume / SCALE
        # Above 2^53 units, the float that was given may be a neighbour of the quotient.
        several = (near, math.nextafter(near, 0), math.nextafter(near, math.inf))
        return cls(
            next((each for each in several if units_of(each) == bucket_volume), near), buckets
        )

    def kwargs(self) -> dict[str, Any]:
        """Return the options of the compiled extension."""
        return {"bucket_volume": units_of(self.bucket_volume), "buckets": self.buckets}


def check_vpin(vpin: object) -> Vpin | None:
    """Return which buckets are measured, or None for none.

    Raises
    ------
    TypeError
        It is anything else.
    """
    if vpin is None or isinstance(vpin, Vpin):
        return vpin
    raise TypeError(f"vpin is {vpin!r}: expected a Vpin (Vpin(bucket_volume=10.0, buckets=50))")


def vpin_text(vpin: Vpin | None) -> str | None:
    """Return how buckets are written in the key of a chain.

    Examples
    --------
    >>> vpin_text(Vpin(0.5, 50)), vpin_text(Vpin(10, 1)), vpin_text(None)
    ('0.5-50', '10-1', None)
    """
    if vpin is None:
        return None
    return f"{units_text(units_of(vpin.bucket_volume))}-{vpin.buckets}"


def parse_vpin(text: str) -> Vpin:
    """Return the buckets from `vpin_text`.

    Raises
    ------
    ValueError
        It is no such text.

    Examples
    --------
    >>> parse_vpin("0.5-50")
    Vpin(bucket_volume=0.5, buckets=50)
    >>> parse_vpin("10")
    Traceback (most recent call last):
    ValueError: vpin is '10': expected the volume of a bucket and the number of buckets, such as
    '0.5-50'
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"vpin is {text!r}: expected the volume of a bucket and the number of buckets, such as "
            "'0.5-50'"
        )
    volume, buckets = found.groups()
    return Vpin.of_units(parse_units(volume), int(buckets))


def _check_volume(given: object) -> float:
    volume = number_of(given)
    if volume is None:
        raise TypeError(f"bucket_volume is {given!r}: expected a number, the volume of a bucket")
    if not (math.isfinite(volume) and 0 < volume <= _MOST_VOLUME and units_of(volume) > 0):
        raise ValueError(
            f"bucket_volume is {given!r}: expected a volume from 0.00000001 to "
            f"{_MOST_VOLUME:.0f}, in units of the quantity"
        )
    return volume


def _check_buckets(given: object) -> int:
    buckets = integer_of(given)
    if buckets is None:
        raise TypeError(f"buckets is {given!r}: expected a number of buckets, such as 50")
    if not 1 <= buckets <= MOST_BUCKETS:
        raise ValueError(f"buckets is {buckets}: expected 1 to {MOST_BUCKETS}")
    return buckets
