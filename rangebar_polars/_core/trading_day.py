"""Days that begin at a time of day in a time zone."""

import re
from dataclasses import dataclass
from typing import Final

from rangebar_polars import _internal
from rangebar_polars._argument_names import named_methods

_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


@named_methods()
@dataclass(frozen=True, slots=True)
class TradingDay:
    """A day from one border to the next, for ``reset``: at each border a new chain begins.

    The border of a date is the first instant at which the clocks of the zone show the time of that
    date or a later one. So a time that clocks skip is the instant at which they jump, and one that
    they show twice is the first.

    Parameters
    ----------
    time
        The time of day at which days begin, as "HH:MM" from "00:00" to "23:59".
    zone
        The name of a zone in the IANA database, such as "America/New_York" or "UTC".

    Raises
    ------
    TypeError
        An argument is not a str.
    ValueError
        It is no time or no zone.

    Notes
    -----
    The times of trades are instants: those without a zone are in UTC. The zones are those compiled
    into this package, not those of the machine, so the same trades have the same bars everywhere;
    only a release of the package changes them. They know changes of the clocks up to 2100.

    Days are frozen and hashable; two are equal if their time and the name of their zone are.
    ``str(day)`` is ``"17:00@America/New_York"``.

    Examples
    --------
    Futures whose day begins at 17:00 in Chicago:

    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> day = rb.TradingDay("17:00", "America/Chicago")
    >>> str(day)
    '17:00@America/Chicago'
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series(["2024-03-11 21:59", "2024-03-11 22:00"]).str.to_datetime(),
    ...         "price": [100.0, 100.1],
    ...         "quantity": [1.0, 1.0],
    ...     }
    ... )
    >>> rb.bars(trades, reset=day, include_incomplete=True)["open"].to_list()
    [100.0, 100.1]
    """

    time: str
    zone: str

    def __post_init__(self) -> None:
        """Refuse what is no time or no zone."""
        for name in ("time", "zone"):
            if not isinstance(given := getattr(self, name), str):
                raise TypeError(f"{name} is {given!r}: expected a str")
        if _TIME.fullmatch(self.time) is None:
            raise ValueError(f'time is {self.time!r}: expected "HH:MM" from "00:00" to "23:59"')
        if not _internal.has_zone(self.zone):
            raise ValueError(
                f"zone is {self.zone!r}: expected the name of a zone in the IANA database, such as "
                '"America/New_York" or "UTC"'
            )

    def __str__(self) -> str:
        return f"{self.time}@{self.zone}"
