"""Columns of times that are whole numbers since 1970, as rangebar-py has them."""

from collections.abc import Iterator

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._core.batches import batches
from rangebar_polars._core.lazy_source import lazy_source


def with_datetimes(
    trades: pl.DataFrame, name: str, unit: TimeUnit, *, first: int = 0
) -> pl.DataFrame:
    """Return trades whose column of times is a Datetime; any other frame is returned unchanged.

    Parameters
    ----------
    trades
        The trades.
    name
        The column of times. It is converted if it has whole numbers.
    unit
        The unit of whole numbers. They become Datetime(unit, "UTC"), seconds in "ms".
    first
        How many trades came before these; messages count it in.

    Raises
    ------
    polars.exceptions.ComputeError
        A number is no time from 1990 to 2100 in this unit; the error names the unit that fits.

    Examples
    --------
    >>> with_datetimes(pl.DataFrame({"timestamp": [1_723_161_600]}), "timestamp", "s").item()
    datetime.datetime(2024, 8, 9, 0, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    >>> with_datetimes(pl.DataFrame({"timestamp": [1_723_161_600]}), "timestamp", "ms")
    Traceback (most recent call last):
    polars.exceptions.ComputeError: timestamp is 1723161600 at row 0: as ms that is not a time from
    1990 to 2100 (it is one in s: give time_unit="s")
    """
    if not _is_whole(trades.schema, name):
        return trades
    numbers = trades[name]
    # No number fits two units, so all fit if the extremes do.
    if any(
        _unit_of(number) != unit for number in (numbers.min(), numbers.max()) if number is not None
    ):
        row, number = next(
            (row, number)
            for row, number in enumerate(numbers)
            if number is not None and _unit_of(number) != unit
        )
        fits = _unit_of(number)
        remedy = (
            f' (it is one in {fits}: give time_unit="{fits}")'
            if fits
            else ", nor in another unit (give such times as a Datetime column)"
        )
        raise pl.exceptions.ComputeError(
            f"{name} is {number} at row {first + row}: as {unit} that is not a time from 1990 to "
            f"2100{remedy}"
        )
    numbers = numbers.cast(pl.Int64)
    column = "ms" if unit == "s" else unit
    times = (numbers * 1_000 if unit == "s" else numbers).cast(pl.Datetime(column, "UTC"))
    return trades.with_columns(times)


def plan_with_datetimes(trades: pl.LazyFrame, name: str, unit: TimeUnit) -> pl.LazyFrame:
    """Return a plan whose column of times is a Datetime, as `with_datetimes` does with a frame."""
    schema = trades.collect_schema()
    if not _is_whole(schema, name):
        return trades

    def frames(wanted: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        read = [column for column in schema if wanted is None or column in wanted]
        first = 0
        rows = batches(trades.select(read), pl.Schema({each: schema[each] for each in read}))
        for batch in rows:
            yield with_datetimes(batch, name, unit, first=first)
            first += batch.height

    return lazy_source(frames, lambda: with_datetimes(schema.to_frame(), name, unit).schema)


def _is_whole(schema: pl.Schema, name: str) -> bool:
    """Return whether a column of times has whole numbers."""
    return name in schema and schema[name].is_integer()


def _unit_of(number: object) -> TimeUnit | None:
    """Return the unit in which a number is a time from 1990 to 2100."""
    if isinstance(number, int) and -(2**63) <= number < 2**63:
        return _internal.fitting_time_unit(number)
    return None
