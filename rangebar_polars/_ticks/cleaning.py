"""Cleaning a day of trades, and the report that says what was done.

Nothing is repaired in silence: whatever `clean` drops or finds is counted in the `DayReport`
it returns, and what no rule puts right is refused with the rows named. Trades are ordered
by id, never by time, since most neighbours of a busy market share a timestamp; time is then
the proof of that order. A day that is already in order is only read, in slices, so that its
cleaning needs little memory beside the day.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._disk.strict_json import HIGHEST_ID
from rangebar_polars._ticks.report import DayReport, Gap, Origin
from rangebar_polars._ticks.spill import row_place
from rangebar_polars.errors import QualityError

SLICE_ROWS = 1 << 18
SPIKE = 0.01
NEAR = dt.timedelta(hours=1)
"""How far outside of its day a time may lie."""


@dataclass(frozen=True)
class _File:
    """What messages call a file, and say of where its rows are."""

    name: str
    place: Callable[[int], str]

    def __str__(self) -> str:
        return self.name


def clean(
    rows: pl.DataFrame,
    day: dt.date,
    origin: Origin,
    *,
    name: str,
    contiguous_ids: bool = True,
    row_numbers: Callable[[], pl.Series] | None = None,
    place: Callable[[int], str] = row_place,
) -> tuple[pl.DataFrame, DayReport]:
    """Return the trades of a day in order and without the known defects, and the report.

    Parameters
    ----------
    rows
        Trades in the order of the file they come from.
    day
        The UTC day they are of.
    origin
        Where they come from.
    name
        What messages call the file.
    contiguous_ids
        Whether agg_trade_id rises by one from record to record, so that a jump is a gap.
    row_numbers
        Returns which rows of the file these are, from 0 on, where they are not all of it.
    place
        Says where a row of such a number is.

    Raises
    ------
    QualityError
        Two different records have one id, a record repeats a part of an earlier one, time
        goes back although ids rise, no trade lies in the day, or one lies more than an hour
        outside of it.

    """
    file = _File(name, place)
    rows_before = rows.height
    counts: dict[str, Any] = {}
    if not _is_orderly(rows):
        numbered = rows.with_columns(_numbers(rows, row_numbers))
        rows, counts = _repaired(numbered, file, is_own=origin.archive is None)
        del numbered
    _refuse_wrong_times(rows, day, file, row_numbers)
    rows = rows.drop("row", strict=False)
    report = DayReport(
        day=day,
        fingerprint=fingerprint(rows),
        origin=origin,
        rows_before=rows_before,
        rows_after=rows.height,
        **counts,
        **_counts(rows, day),
    )
    if rows.height:
        report = replace(report, **_ends(rows))
    if contiguous_ids:
        gaps = tuple(_gaps(rows))
        missing = min(sum(gap.missing for gap in gaps), HIGHEST_ID)
        report = replace(report, gaps=gaps, missing_ids=missing)
    return rows, report


def _numbers(rows: pl.DataFrame, row_numbers: Callable[[], pl.Series] | None) -> pl.Series:
    """Return which rows of the file these are."""
    if row_numbers is None:
        return pl.int_range(rows.height, eager=True).alias("row")
    return row_numbers().alias("row")


def _slices(rows: pl.DataFrame, *, after: int = 0) -> Iterator[pl.DataFrame]:
    """Cut a frame into slices that each begin with the last row of the slice before.

    With `after`, a slice also ends with that many rows of the next.
    """
    for start in range(0, rows.height, SLICE_ROWS):
        before = min(start, 1)
        yield rows.slice(start - before, SLICE_ROWS + before + after)


def _usable() -> pl.Expr:
    price, quantity = pl.col("price"), pl.col("quantity")
    return pl.all_horizontal(
        pl.col("timestamp").is_not_null(),
        price.is_finite().fill_null(value=False),
        (quantity.is_finite() & (quantity >= 0)).fill_null(value=False),
    )


def _is_orderly(rows: pl.DataFrame) -> bool:
    id_, first, last = (pl.col(f"{name}_trade_id") for name in ("agg", "first", "last"))
    orderly = pl.all_horizontal(
        _usable().all(),
        (pl.col("price") > 0).all(),
        # A difference of two ids may exceed 64 bits, and would be a negative number.
        (id_ > id_.shift()).all(),
        (first > last.shift()).all(),
        (first >= 0).all(),
        (last >= first).all(),
        (pl.col("timestamp").diff() >= pl.duration()).all(),
        (id_.null_count() == 0) | ((id_.null_count() == pl.len()) & _whole(first)),
    )
    return all(part.select(orderly).item() for part in _slices(rows))


def _whole(column: pl.Expr) -> pl.Expr:
    """Return whether a column is there in every row or in none."""
    return (column.null_count() == 0) | (column.null_count() == pl.len())


def _repaired(
    rows: pl.DataFrame, name: _File, *, is_own: bool
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return the rows in order, still with their numbers as `row`, and what was done.

    What a user can do about a day that is refused depends on whether the trades are their own.
    """
    unusable = rows.filter(~_usable())
    if unusable.height:
        raise QualityError(
            f"a time, price or quantity in {name} is missing, not finite, or negative: "
            f"{_named(unusable, name)} (the record cannot be restored)",
        )
    key = "first_trade_id" if rows["agg_trade_id"].null_count() == rows.height else "agg_trade_id"
    without = rows.filter(pl.col(key).is_null())
    if 0 < without.height < rows.height:
        raise QualityError(
            f"{key} is null in {without.height} of {rows.height} records of {name}, the first at "
            f"{name.place(without['row'][0])} (give it for all of them, or leave it out: "
            f"columns=TradeColumns({key}=None))",
        )
    dead = pl.col("price") <= 0
    tombstone = (pl.col("price") == 0) & (pl.col("quantity") == 0) & (pl.col("first_trade_id") < 0)
    counts: dict[str, Any] = {"tombstones": rows.select(tombstone.sum()).item() or 0}
    counts["nonpositive_prices"] = rows.select(dead.sum()).item() - counts["tombstones"]
    rows = rows.filter(~dead)

    counts |= _disorder(rows[key])
    rows = rows.sort(key, "first_trade_id", maintain_order=True)

    rows, counts["duplicates"] = _without_duplicates(rows, key, name, is_own=is_own)
    rows, counts["repeated_trades"] = _without_repeated_trades(rows, name)
    _refuse_time_going_back(rows, key, name, is_own=is_own)
    return rows, counts


def _disorder(ids: pl.Series) -> dict[str, Any]:
    """Count descents, and whether two rising halves were shuffled row by row.

    The ids at their running maximum rise in any case; where the others rise too, the file
    is two rising runs, and where they take turns about as often as they can, the two are
    interleaved rather than swapped.
    """
    frame = ids.to_frame("id").with_columns(top=pl.col("id").cum_max())
    descents = frame.select((pl.col("id") < pl.col("id").shift()).sum()).item()
    below = frame.filter(pl.col("id") < pl.col("top"))["id"]
    interleaved = bool((below > below.shift()).all()) and 3 * descents >= ids.len() > 0
    return {"out_of_order": descents, "interleaved": interleaved}


def _without_duplicates(
    rows: pl.DataFrame, key: str, name: _File, *, is_own: bool
) -> tuple[pl.DataFrame, int]:
    same_key = (
        (pl.col(key) == pl.col(key).shift())
        & pl.col("first_trade_id").eq_missing(pl.col("first_trade_id").shift())
    ).fill_null(value=False)
    values = [column for column in rows.columns if column != "row"]
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift()) for c in values)
    marked = rows.with_columns(same_key=same_key, duplicate=same_key & same)
    conflicts = marked.filter(pl.col("same_key") & ~pl.col("duplicate"))
    if conflicts.height:
        remedy = (
            "import each of several venues under its own symbol; leave out an id that is not the "
            f"record's alone, columns=TradeColumns({key}=None)"
            if is_own
            else "one of them is wrong, and which is unknown"
        )
        raise QualityError(
            f"two different records of {name} have one id: {_named(conflicts, name, key)} "
            f"({remedy})",
        )
    kept = marked.filter(~pl.col("duplicate")).drop("same_key", "duplicate")
    return kept, rows.height - kept.height


def _without_repeated_trades(rows: pl.DataFrame, name: _File) -> tuple[pl.DataFrame, int]:
    first, last = pl.col("first_trade_id"), pl.col("last_trade_id")
    reversed_ids = rows.filter(last < first)
    if reversed_ids.height:
        raise QualityError(
            f"last_trade_id lies below first_trade_id in {name}: {_named(reversed_ids, name)}",
        )
    seen = last.cum_max().shift()
    torn = rows.filter((first <= seen) & (last > seen))
    if torn.height:
        raise QualityError(
            f"records of {name} repeat a part of an earlier record's trades: {_named(torn, name)} "
            "(neither keeping nor dropping them would be right)",
        )
    kept = rows.filter((last > seen).fill_null(value=True))
    return kept, rows.height - kept.height


def _refuse_time_going_back(rows: pl.DataFrame, key: str, name: _File, *, is_own: bool) -> None:
    step = pl.col("timestamp").diff()
    back = rows.filter(step < pl.duration())
    if back.is_empty():
        return
    if not is_own:
        how, remedy = (
            "time goes back in {name} although ids rise",
            "the day is refused: re-timing or dropping them would invent trades",
        )
    else:
        how, remedy = (
            "time goes back in {name} although ids rise",
            (
                "import each of several venues under its own symbol; leave out an id that does not "
                f"rise with time, columns=TradeColumns({key}=None), and give the trades in order"
            ),
        )
    raise QualityError(f"{how.format(name=name)}: {_named(back, name, key)} ({remedy})")


def _refuse_wrong_times(
    rows: pl.DataFrame,
    day: dt.date,
    name: _File,
    row_numbers: Callable[[], pl.Series] | None,
) -> None:
    """Refuse times that no clock's error explains: bars would run from them or never after them."""
    time, near = pl.col("timestamp"), pl.lit(NEAR)
    midnight, end = _borders(day)
    if rows.height and not rows.select(time.is_between(midnight, end, closed="left").any()).item():
        first, last = rows["timestamp"][[0, -1]].dt.to_string("%F %T")
        raise QualityError(
            f"no trade of {name} lies in {day}: the first is at {first}, the last at {last} "
            "(the file is of another day or time unit)",
        )
    is_wrong = ~time.is_between(midnight - near, end + near)
    if rows.select(is_wrong.any()).item():
        numbered = rows if "row" in rows.columns else rows.with_columns(_numbers(rows, row_numbers))
        wrong = numbered.filter(is_wrong)
        raise QualityError(
            f"a time in {name} lies more than an hour outside of {day}: {_named(wrong, name)} "
            "(the day is refused: the right time is unknown)",
        )


def _borders(day: dt.date) -> tuple[pl.Expr, pl.Expr]:
    """Return the beginning and the end of a day; Python has no end of the last one."""
    midnight = pl.lit(dt.datetime.combine(day, dt.time(), dt.UTC))
    return midnight, midnight + pl.duration(days=1)


def _named(rows: pl.DataFrame, file: _File, key: str = "agg_trade_id") -> str:
    """Name up to three rows by their number in the file, their id and their time."""
    time = pl.col("timestamp").dt.to_string("%F %T%.6f")
    shown = [
        f"{file.place(row)} ({'' if id_ is None else f'{key} {id_}, '}{at or 'no time'})"
        for row, id_, at in rows.select("row", key, time).head(3).iter_rows()
    ]
    rest = rows.height - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _counts(rows: pl.DataFrame, day: dt.date) -> dict[str, Any]:
    within = pl.col("timestamp").is_between(*_borders(day), closed="left")
    counts = rows.select(
        zero_quantities=(pl.col("quantity") == 0).sum(),
        outside_day=(~within).sum(),
    ).row(0, named=True)
    price = pl.col("price")
    from_before, from_after = price / price.shift() - 1, price / price.shift(-1) - 1
    spike = (
        pl.int_range(pl.len()).is_between(pl.lit(1), pl.len() - 2)
        & (pl.min_horizontal(from_before.abs(), from_after.abs()) > SPIKE)
        & (from_before.sign() == from_after.sign())
    )
    off_market = sum(part.select(spike.sum()).item() for part in _slices(rows, after=1))
    return {"off_market": off_market, **counts}


def _ends(rows: pl.DataFrame) -> dict[str, Any]:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)
    return {
        "first_agg_trade_id": first["agg_trade_id"],
        "last_agg_trade_id": last["agg_trade_id"],
        "first_time": first["timestamp"],
        "last_time": last["timestamp"],
    }


def _gaps(rows: pl.DataFrame) -> Iterator[Gap]:
    id_, time = pl.col("agg_trade_id"), pl.col("timestamp")
    neighbours = (id_.shift().alias("i"), time.shift().alias("t"), id_, time)
    for part in _slices(rows):
        before = pl.col("i").clip(upper_bound=HIGHEST_ID - 1)
        jumps = part.select(neighbours).filter(id_ > before + 1)
        yield from (Gap(*row) for row in jumps.iter_rows())
