"""Times of trades that are imported: whole numbers of a unit, or times of any precision.

The cache has microseconds. A number that makes no sense in its unit is refused with its row, and
what is cut is counted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
import polars.selectors as cs

from rangebar_polars._internal import fitting_time_unit
from rangebar_polars.errors import QualityError
from rangebar_polars.options import TimeUnit

CUT = "rangebar cut"
_PER_SECOND: Final[dict[TimeUnit, int]] = {
    "s": 1,
    "ms": 1_000,
    "us": 1_000_000,
    "ns": 1_000_000_000,
}
# In seconds since 1970: whole numbers outside of 1990 to 2100 are of another unit, and a Datetime
# outside of the years 1 to 9999 is of no day.
_PLAUSIBLE: Final = (631_152_000, 4_102_444_800)
_CALENDAR: Final = (-62_135_596_800, 253_402_300_800)


def times_of(frame: pl.LazyFrame, name: str, time_unit: TimeUnit | None, *, what: str) -> "Times":
    """Return what a column of times is, or say what it should be.

    Parameters
    ----------
    frame
        The trades.
    name
        The column.
    time_unit
        The unit of whole numbers.
    what
        What messages call the trades.

    Raises
    ------
    TypeError
        The column is neither a Datetime nor whole numbers of a unit.
    """
    got = frame.collect_schema()[name]
    if got.is_integer() and time_unit is not None:
        return Times(name, got, time_unit, what)
    if isinstance(got, pl.Datetime):
        return Times(name, got, got.time_unit, what)
    remedy = "parse it first"
    if got.is_integer():
        remedy = "give time_unit: 's', 'ms', 'us' or 'ns'"
        some = frame.select(cs.by_name(name)).head(1).collect().to_series()
        fits = fitting_time_unit(some.item()) if some.len() and some.item() is not None else None
        if fits is not None:
            remedy = f"give time_unit={fits!r}, in which {some.item()} lies between 1990 and 2100"
    elif got.is_float():
        remedy = (
            f"where it counts seconds, give whole microseconds, (pl.col({name!r}) * "
            "1_000_000).round().cast(pl.Int64), and time_unit='us'"
        )
    raise TypeError(f"column {name!r} is {got}, expected a Datetime ({remedy})")


@dataclass(frozen=True)
class Times:
    """The times of trades as they are given: whole numbers, or of a dtype of times."""

    name: str
    dtype: pl.DataType
    unit: TimeUnit
    what: str

    def in_microseconds(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield trades with times of the cache, and a mark where a time was cut for it."""
        first = 0
        for batch in batches:
            yield self._converted(batch, first)
            first += batch.height

    def _converted(self, batch: pl.DataFrame, first: int) -> pl.DataFrame:
        given = batch["timestamp"]
        if given.null_count() > 0:
            row = first + int(given.is_null().arg_true()[0])
            raise self._refusal(row, None, "is missing at row ROW (drop such rows)")
        number = given.to_physical().cast(pl.Int64, strict=False)
        per_second = _PER_SECOND[self.unit]
        whole = self.dtype.is_integer()
        earliest, latest = _PLAUSIBLE if whole else _CALENDAR
        earliest, latest = (max(-(2**63), earliest * per_second), min(2**63, latest * per_second))
        wrong = ~number.is_between(earliest, latest - 1).fill_null(value=False)
        if wrong.any():
            at = int(wrong.arg_true()[0])
            value, years = number[at], "from 1990 to 2100" if whole else "of the years 1 to 9999"
            fits = None if value is None or not whole else fitting_time_unit(value)
            remedy = f"give time_unit={fits!r}" if fits else "repair or drop such rows"
            raise self._refusal(first + at, value, f"is no time {years} at row ROW ({remedy})")
        cut = (
            number % 1_000 != 0
            if self.unit == "ns"
            else pl.repeat(value=False, n=number.len(), dtype=pl.Boolean, eager=True)
        )
        micros = number // 1_000 if self.unit == "ns" else number * (1_000_000 // per_second)
        times = micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return batch.with_columns(times.alias("timestamp"), cut.alias(CUT))

    def _refusal(self, row: int, value: int | None, how: str) -> QualityError:
        shown = "" if value is None else f", {value} {self.unit} since 1970,"
        return QualityError(
            f"column {self.name!r} of {self.what}{shown} {how}".replace("ROW", f"{row}")
        )
