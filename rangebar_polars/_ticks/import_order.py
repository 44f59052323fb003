"""The order of trades that have no ids: they stay as they are given, so time must not go back.

It is checked from the first row to the last, not day by day: that trades come newest first shows in
the whole of them, where a day may have all its trades at one time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from rangebar_polars._ticks.import_times import NUMBER
from rangebar_polars._ticks.spill import ROW, row_place
from rangebar_polars.errors import QualityError


@dataclass(frozen=True)
class _Seen:
    """A row and its time, as a number of some unit and as people read it."""

    row: int
    number: int
    time: str


@dataclass
class TimeOrder:
    """What is known of the order of the rows so far.

    Attributes
    ----------
    what
        What messages call the trades.
    column
        What their column of times is called.
    place
        Says where the row of a number is.
    given
        What a user gives to have them in another order; nobody can sort a file as it is.
    row_bits
        The numbers of rows of one file differ in so many of the lowest bits.

    """

    what: str
    column: str
    place: Callable[[int], str] = row_place
    given: str = "the frame"
    row_bits: int = 63
    _rises: bool = False
    _fall: tuple[_Seen, _Seen] | None = None
    _first: _Seen | None = None
    _last: _Seen | None = None

    def check(self, trades: pl.DataFrame) -> None:
        """Look at the next rows.

        Parameters
        ----------
        trades
            Their trades, with `NUMBER`, their times before any of them was cut, and `ROW`, where
            they are in the input.

        Raises
        ------
        QualityError
            Time goes back in some places and not in others.

        """
        ids = trades.select(pl.col("agg_trade_id", "first_trade_id").null_count()).row(0)
        if ids != (trades.height, trades.height):
            self._last = None
            return
        # A price of nothing is dropped, whatever its time.
        rows = trades.filter((pl.col("price") > 0).fill_null(value=True))
        if rows.is_empty():
            return
        change = rows[NUMBER].diff()
        start = _seen(rows, 0)
        if self._last is not None:
            change = change.scatter(0, start.number - self._last.number)
        self._rises = self._rises or bool((change > 0).any())
        falls = (change < 0).fill_null(value=False).arg_true()
        if self._fall is None and falls.len():
            at = int(falls[0])
            now = _seen(rows, at)
            before = self._last if at == 0 else _seen(rows, at - 1)
            self._fall = before or now, now
        self._first = self._first or start
        self._last = _seen(rows, rows.height - 1)
        if self._rises and self._fall is not None:
            raise self._refusal(*self._fall)

    def _refusal(self, before: _Seen, now: _Seen) -> QualityError:
        what = f"time goes back in {self.what} at {self.place(now.row)}: {now.time} after "
        if before.row >> self.row_bits != now.row >> self.row_bits:
            return QualityError(
                f"{what}{before.time} at {self.place(before.row)} (trades without ids stay in the "
                "order given: give a list of the files in the order of their times; of files that "
                "hold the same trades give one)"
            )
        return QualityError(
            f"{what}{before.time} (trades without ids stay in the order given: give {self.given} "
            f"with .sort({self.column!r}, maintain_order=True), if trades of one time are in the "
            "order in which they were made)"
        )

    def end(self) -> None:
        """Say that there are no more rows.

        Raises
        ------
        QualityError
            Time goes back and never rises.

        """
        first, last = self._first, self._last
        if self._fall is None or first is None or last is None:
            return
        raise QualityError(
            f"{self.what} come newest first, from {first.time} at {self.place(first.row)} to "
            f"{last.time} at {self.place(last.row)} (trades without ids stay in the order given: "
            f"give {self.given} with .reverse())"
        )


def _seen(rows: pl.DataFrame, at: int) -> _Seen:
    row, number, time = rows.select(ROW, NUMBER, "timestamp").row(at)
    return _Seen(row, number, f"{time:%F %T.%f}")
