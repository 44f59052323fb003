"""JSON that files state about themselves: whatever is in it is a value or a ValueError.

A file may be damaged, or made by another program. What it states then nests without end, has
numbers that no column holds, halves of characters, or a list where a number should be.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

T = TypeVar("T")

LOWEST_ID: Final = -(2**63)
HIGHEST_ID: Final = 2**63 - 1
HIGHEST_COUNT: Final = 2**40
"""What no count of a day reaches, so that the counts of all days add up to an Int64."""

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def loads(text: str) -> object:
    """Return what a text of JSON says; without floats, of which nothing stated is one.

    Raises
    ------
    ValueError
        It is no JSON, or nests too deep, or has a float.

    Examples
    --------
    >>> loads('[1, {"a": null}]')
    [1, {'a': None}]
    >>> loads("[NaN]")
    Traceback (most recent call last):
    ValueError: NaN is no value that is stated
    """
    try:
        value: object = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error
    return value


def _no_float(text: str) -> float:
    raise ValueError(f"{text} is no value that is stated")


def integer(value: object, lowest: int = 0, highest: int = HIGHEST_COUNT) -> int:
    """Return a whole number of a range; by default a count.

    Examples
    --------
    >>> integer(7)
    7
    >>> integer(True)
    Traceback (most recent call last):
    ValueError: True is no whole number from 0 to 1099511627776
    """
    # A bool is an int in Python, and none in JSON.
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{_shown(value)} is no whole number from {lowest} to {highest}")
    return value


def id_(value: object) -> int:
    """Return an id: a whole number of 64 bits."""
    return integer(value, LOWEST_ID, HIGHEST_ID)


def boolean(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is neither true nor false")  # noqa: TRY004 - of a file
    return value


def text(value: object) -> str:
    r"""Return a text of whole characters.

    Examples
    --------
    >>> text("\ud800")
    Traceback (most recent call last):
    ValueError: '\ud800' is no text
    """
    # UnicodeEncodeError is a ValueError too, but of another message.
    if not isinstance(value, str) or any("\ud800" <= each <= "\udfff" for each in value):
        raise ValueError(f"{_shown(value)} is no text")
    return value


def day(value: object) -> dt.date:
    """Return a day that is written as YYYY-MM-DD.

    Examples
    --------
    >>> day("2024-08-08")
    datetime.date(2024, 8, 8)
    """
    found = dt.date.fromisoformat(text(value))
    if str(found) != value:
        raise ValueError(f"{_shown(value)} is no day as YYYY-MM-DD")
    return found


def time(value: object) -> dt.datetime:
    """Return a time that is written as whole microseconds since 1970.

    Examples
    --------
    >>> time(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    try:
        return EPOCH + dt.timedelta(microseconds=id_(value))
    except OverflowError as error:
        raise ValueError(f"{_shown(value)} is no time of the years 1 to 9999") from error


def optional(read: Callable[[object], T], value: object) -> T | None:
    """Return a value that is read in a way; None for null."""
    return None if value is None else read(value)


def elements(value: object) -> list[object]:
    """Return the values of a list."""
    if not isinstance(value, list):
        raise ValueError(f"{_shown(value)} is no list")  # noqa: TRY004 - of a file
    return value


def members(value: object) -> Mapping[str, object]:
    """Return the members of an object, by name."""
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} is no object")  # noqa: TRY004 - of a file
    return value


def fields(value: object, readers: Mapping[str, Callable[[object], object]]) -> dict[str, object]:
    """Return the members of an object that has just these, each read in its way.

    Examples
    --------
    >>> fields({"a": 1}, {"a": integer})
    {'a': 1}
    >>> fields({"b": 1}, {"a": integer})
    Traceback (most recent call last):
    ValueError: it has the members b: expected a
    """
    given = members(value)
    if given.keys() != readers.keys():
        got, expected = (", ".join(sorted(names)) for names in (map(_plain, given), readers))
        raise ValueError(f"it has the members {got}: expected {expected}")
    return {name: read(given[name]) for name, read in readers.items()}


def _plain(name: str) -> str:
    return ascii(name)[1:-1]


def _shown(value: object) -> str:
    """Show the beginning of a value. A long whole number has no text, and a deep list no end."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    if type(value) is int and value.bit_length() > 64:  # noqa: PLR2004 - what a number has here
        return "a number of more than 64 bits"
    shown = ascii(value)
    longest = 60
    return shown if len(shown) <= longest else f"{shown[:longest]}..."
