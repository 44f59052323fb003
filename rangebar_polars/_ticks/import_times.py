"""Times of trades that are imported: whole numbers of a unit, or times of any precision.

The cache has microseconds. A number that makes no sense in its unit is refused with its row, and
what is cut is counted. The times of a file of text are read here too, since Polars cuts them to
microseconds without a word.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
import polars.selectors as cs

from rangebar_polars import _internal
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._ticks.import_values import stripped
from rangebar_polars._ticks.spill import ROW, row_place
from rangebar_polars.errors import QualityError

CUT = "rangebar cut"
NUMBER = "rangebar number"
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
_TO_MICROSECONDS: Final[dict[TimeUnit, str]] = {
    "s": " * 1_000_000",
    "ms": " * 1_000",
    "us": "",
    "ns": " / 1_000",
}
_NAMES: Final[dict[TimeUnit, str]] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_DATE: Final = r"\d{4}-\d{1,2}-\d{1,2}"
# With the year first: of 08/07/2024 nobody knows which is the month.
_TIME: Final = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]\d"
_NANOSECONDS: Final = r"[.,]\d{6}\d*[1-9]"


def times_of(
    frame: pl.LazyFrame,
    name: str,
    time_unit: TimeUnit | None,
    *,
    what: str,
    is_text: bool,
    place: Callable[[int], str] = row_place,
) -> "Times":
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
    is_text
        Whether they are a file of text, of which no column has a dtype.
    place
        Says where a row is.

    Raises
    ------
    TypeError
        The column is neither a Datetime nor whole numbers of a unit.
    """
    got = frame.collect_schema()[name]
    if isinstance(got, pl.Datetime):
        return Times(name, got, got.time_unit, what, is_text, place)
    some = _first(frame, name, got)
    if is_text:
        got = _dtype_of_text(str(some or ""))
    if got.is_integer() and time_unit is not None:
        return Times(name, got, time_unit, what, is_text, place)
    if got == pl.Datetime("us"):
        return Times(name, got, "us", what, is_text, place)
    remedy = _remedy(name, got, some, is_text=is_text)
    raise TypeError(f"column {name!r} is {got}, expected a Datetime ({remedy})")


def _first(frame: pl.LazyFrame, name: str, got: pl.DataType) -> object:
    column = cs.by_name(name).as_expr()
    there = column.is_not_null()
    if got == pl.String:
        there &= column.str.strip_chars() != ""
    found = frame.select(column).filter(there).head(1).collect().to_series()
    return found.item() if found.len() else None


def _dtype_of_text(text: str) -> pl.DataType:
    """Return what the first time of a file of text is."""
    text = text.strip()
    forms: dict[str, pl.DataType] = {
        r"[+-]?\d+": pl.Int64(),
        r"[+-]?\d*\.?\d*([eE][+-]?\d+)?": pl.Float64(),
        _DATE: pl.Date(),
    }
    for form, dtype in forms.items():
        if text and re.fullmatch(form, text):
            return dtype
    return pl.Datetime("us") if re.match(_TIME, text) else pl.String()


def _remedy(name: str, got: pl.DataType, some: object, *, is_text: bool) -> str:
    column = f"pl.col({json.dumps(name, ensure_ascii=False)})"
    number = _number(some)
    fits = None if number is None else _internal.fitting_time_unit(number)
    if got.is_integer():
        unit = f"{fits!r}, in which {some} lies between 1990 and 2100" if fits else None
        return f"give time_unit={unit}" if unit else "give time_unit: 's', 'ms', 'us' or 'ns'"
    if got.is_float():
        counts = f"it counts {_NAMES[fits]}" if fits else "where it counts seconds"
        read = f"pl.scan_csv(..., schema_overrides={{{name!r}: pl.Float64}})" if is_text else ""
        give = f"read the file with {read}, and give" if is_text else "give"
        return (
            f"{counts}: {give} whole microseconds, ({column}{_TO_MICROSECONDS[fits or 's']})"
            ".round().cast(pl.Int64), and time_unit='us'"
        )
    if got == pl.Date():
        return (
            f"it has no time of day: give the column that has one, or {column}.cast(pl.Datetime), "
            "with which all trades of a day share a time"
        )
    return _remedy_of_text(column, some, fits) if got == pl.String() else "cast it first"


def _remedy_of_text(column: str, some: object, fits: TimeUnit | None) -> str:
    text = "" if some is None else str(some).strip()
    if fits and re.fullmatch(r"[+-]?\d+", text):
        return f"give whole numbers, {column}.cast(pl.Int64), and time_unit={fits!r}"
    if re.match(_TIME, text):
        return f'parse it first: {column}.str.to_datetime(time_unit="ns", time_zone="UTC")'
    like = f", with the format of {text!r}" if text else ""
    return f"parse it first: {column}.str.to_datetime(...){like}"


def _number(some: object) -> int | None:
    """Return a value as a whole number of 64 bits, if it is one."""
    try:
        number = int(some) if isinstance(some, int) else int(float(str(some)))
    except (ValueError, OverflowError):
        return None
    return number if -(2**63) <= number < 2**63 else None


@dataclass(frozen=True)
class Times:
    """The times of trades as they are given: whole numbers, or of a dtype of times."""

    name: str
    dtype: pl.DataType
    unit: TimeUnit
    what: str
    is_text: bool
    place: Callable[[int], str]

    def in_microseconds(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield trades with times of the cache; they have the numbers of their rows in `ROW`.

        Column `NUMBER` has the times as they were given, `CUT` is true where one was cut.
        """
        return map(self._converted, batches)

    def _converted(self, batch: pl.DataFrame) -> pl.DataFrame:
        rows = batch[ROW]
        given = batch["timestamp"]
        given = stripped(given) if self.is_text else given
        if given.null_count() > 0:
            row = rows[int(given.is_null().arg_true()[0])]
            raise self._refusal(row, "is missing", "drop such rows")
        number = self._numbers(given, rows)
        per_second = _PER_SECOND[self.unit]
        whole = self.dtype.is_integer()
        earliest, latest = _PLAUSIBLE if whole else _CALENDAR
        earliest, latest = (max(-(2**63), earliest * per_second), min(2**63, latest * per_second))
        wrong = ~number.is_between(earliest, latest - 1).fill_null(value=False)
        if wrong.any():
            at = int(wrong.arg_true()[0])
            value, years = given[at] if whole else number[at], "of the years 1 to 9999"
            fits, years = (None, years) if not whole else (_fitting(value), "from 1990 to 2100")
            remedy = f"give time_unit={fits!r}" if fits else "repair or drop such rows"
            how = f"{value} {self.unit} since 1970, is no time {years}"
            raise self._refusal(rows[at], how, remedy, comma=",")
        if self.is_text and not whole:
            cut = given.str.contains(_NANOSECONDS)
        elif self.unit == "ns":
            cut = number % 1_000 != 0
        else:
            cut = pl.repeat(value=False, n=number.len(), dtype=pl.Boolean, eager=True)
        micros = number // 1_000 if self.unit == "ns" else number * (1_000_000 // per_second)
        times = micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return batch.with_columns(times.alias("timestamp"), cut.alias(CUT), number.alias(NUMBER))

    def _numbers(self, given: pl.Series, rows: pl.Series) -> pl.Series:
        """Return the times as numbers of the unit; null where one is beyond 64 bits."""
        if not self.is_text:
            return given.to_physical().cast(pl.Int64, strict=False)
        if self.dtype.is_integer():
            wrong = ~given.str.contains(r"^[+-]?\d+$")
            expected = f"a whole number of {_NAMES[self.unit]}"
        else:
            wrong = ~given.str.contains(_TIME)
            expected = "a time such as 2024-08-08T09:30:00.123456"
        if not wrong.any():
            if self.dtype.is_integer():
                return given.cast(pl.Int64, strict=False)
            times = given.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
            wrong, number = times.is_null(), times.to_physical()
            if not wrong.any():
                return number
        at = int(wrong.arg_true()[0])
        remedy = "repair or drop such rows"
        if self.dtype.is_integer() and _number(given[at]) is not None:
            remedy = _remedy(self.name, pl.Float64(), given[at], is_text=True)
        raise self._refusal(rows[at], f"is {given[at]!r}", remedy, f", expected {expected}")

    def _refusal(
        self, row: int, how: str, remedy: str, expected: str = "", *, comma: str = ""
    ) -> QualityError:
        return QualityError(
            f"column {self.name!r} of {self.what}{comma} {how} at {self.place(row)}{expected} "
            f"({remedy})"
        )


def _fitting(value: object) -> TimeUnit | None:
    number = _number(value)
    return None if number is None else _internal.fitting_time_unit(number)
