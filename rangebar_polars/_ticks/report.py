"""What is known of one day of trades: where it came from and what was found in it.

A `DayReport` travels inside the day's cache file as JSON, holds no clock time of its own,
and becomes one row of the quality frame. Whatever concerns two days, such as ids missing
between them, is found when their reports are put side by side.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final, Literal

import polars as pl

from rangebar_polars._disk import strict_json
from rangebar_polars._disk.strict_json import (
    EPOCH,
    HIGHEST_ID,
    boolean,
    id_,
    integer,
    optional,
    text,
)
from rangebar_polars.errors import RangeBarError

_Reader = Callable[[object], object]
Status = Literal["ok", "hole", "not published", "not cached", "refused", "unreadable", "damaged"]


@dataclass(frozen=True)
class Gap:
    """Aggregate trade ids that no record has, between two that do."""

    after_id: int
    after_time: dt.datetime
    before_id: int
    before_time: dt.datetime

    @property
    def missing(self) -> int:
        """How many ids are missing, or the largest number that a column of them has."""
        return min(self.before_id - self.after_id - 1, HIGHEST_ID)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a day's rows came from, and how they were written there."""

    archive: str | None = None
    sha256: str | None = None
    verified: bool | None = None
    header: bool | None = None
    unit: str | None = None
    repeated_headers: int = 0


@dataclass(frozen=True, kw_only=True)
class DayReport:
    """What one UTC day of trades was made from, and what was found in it.

    Attributes
    ----------
    fingerprint
        What `fingerprint` makes of the rows after cleaning.
    origin
        The file the rows came from.
    rows_before, rows_after
        Rows before and after cleaning.
    out_of_order
        Rows whose id lies below that of the row before, as the file had them.
    interleaved
        Whether the file was two rising halves shuffled row by row.
    duplicates
        Exact repetitions dropped.
    tombstones
        Records without price, quantity and trade ids dropped.
    nonpositive_prices
        Other records with a price of zero or less dropped.
    repeated_trades
        Records dropped because every trade in them was part of an earlier record.
    zero_quantities
        Records of quantity zero; kept.
    off_market
        Records more than 1 % off both neighbours, on one side of both; kept.
    outside_day
        Records whose time is not in this day, by an hour at most; kept.
    times_cut
        Records whose time had nanoseconds, which the cache does not keep.
    missing_ids, gaps
        Holes between neighbouring agg_trade_ids.

    """

    day: dt.date
    fingerprint: str
    origin: Origin = Origin()
    rows_before: int = 0
    rows_after: int = 0
    out_of_order: int = 0
    interleaved: bool = False
    duplicates: int = 0
    tombstones: int = 0
    nonpositive_prices: int = 0
    repeated_trades: int = 0
    zero_quantities: int = 0
    off_market: int = 0
    outside_day: int = 0
    times_cut: int = 0
    missing_ids: int = 0
    gaps: tuple[Gap, ...] = ()
    first_agg_trade_id: int | None = None
    last_agg_trade_id: int | None = None
    first_time: dt.datetime | None = None
    last_time: dt.datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether an archive's file left no trades; a pause inside an import is no defect."""
        return self.rows_after == 0 and self.origin.archive is not None

    def defects(self) -> dict[str, int]:
        """Return what was found wrong, by name, without what was not found."""
        found = {name: int(getattr(self, name)) for name in DEFECTS}
        found["repeated_headers"] = self.origin.repeated_headers
        found["unverified"] = int(self.origin.verified is False)
        found["empty"] = int(self.is_empty)
        return {name: count for name, count in found.items() if count}

    @property
    def digest(self) -> str:
        """The day's trades in 64 hex digits: equal digests, equal trades.

        It depends on nothing else: not on which file a day is from or how it was written there,
        and not on when, in which order or by how many processes days were fetched.
        """
        made_of = [self.day.isoformat(), self.fingerprint]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def to_json(self) -> str:
        """Write the report as one line of JSON: equal reports give equal bytes."""
        return json.dumps(asdict(self), default=_plain, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, written: str) -> "DayReport":
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            It is something else, whatever.
        """
        values: dict[str, Any] = strict_json.fields(strict_json.loads(written), _READERS)
        return cls(**values)


DEFECTS = (
    "out_of_order",
    "interleaved",
    "duplicates",
    "tombstones",
    "nonpositive_prices",
    "repeated_trades",
    "zero_quantities",
    "off_market",
    "outside_day",
    "times_cut",
    "missing_ids",
)


def _of_gap(value: object) -> Gap:
    readers = {"after_id": id_, "after_time": strict_json.time}
    readers |= {"before_id": id_, "before_time": strict_json.time}
    values: dict[str, Any] = strict_json.fields(value, readers)
    return Gap(**values)


def _of_origin(value: object) -> Origin:
    values: dict[str, Any] = strict_json.fields(value, _ORIGIN_READERS)
    return Origin(**values)


_ORIGIN_READERS: Final[Mapping[str, _Reader]] = {
    "archive": partial(optional, text),
    "sha256": partial(optional, text),
    "verified": partial(optional, boolean),
    "header": partial(optional, boolean),
    "unit": partial(optional, text),
    "repeated_headers": integer,
}
_READERS: Final[Mapping[str, _Reader]] = {
    "day": strict_json.day,
    "fingerprint": text,
    "origin": _of_origin,
    "rows_before": integer,
    "rows_after": integer,
    **dict.fromkeys(DEFECTS, integer),
    "interleaved": boolean,
    "missing_ids": partial(integer, highest=HIGHEST_ID),
    "gaps": lambda value: tuple(map(_of_gap, strict_json.elements(value))),
    "first_agg_trade_id": partial(optional, id_),
    "last_agg_trade_id": partial(optional, id_),
    "first_time": partial(optional, strict_json.time),
    "last_time": partial(optional, strict_json.time),
}
"""How each part of a report is read, by name."""

TIME = pl.Datetime("us", "UTC")
GAP = pl.Struct(
    {
        "after_id": pl.Int64(),
        "after_time": TIME,
        "before_id": pl.Int64(),
        "before_time": TIME,
        "missing": pl.Int64(),
    },
)
QUALITY_SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "status": pl.String(),
        "archive": pl.String(),
        "sha256": pl.String(),
        "verified": pl.Boolean(),
        "unit": pl.String(),
        "header": pl.Boolean(),
        "rows_before": pl.Int64(),
        "rows_after": pl.Int64(),
        "out_of_order": pl.Int64(),
        "interleaved": pl.Boolean(),
        "duplicates": pl.Int64(),
        "tombstones": pl.Int64(),
        "nonpositive_prices": pl.Int64(),
        "repeated_trades": pl.Int64(),
        "repeated_headers": pl.Int64(),
        "zero_quantities": pl.Int64(),
        "off_market": pl.Int64(),
        "outside_day": pl.Int64(),
        "times_cut": pl.Int64(),
        "missing_ids": pl.Int64(),
        "gaps": pl.List(GAP),
        "overlaps_previous": pl.Boolean(),
        "first_agg_trade_id": pl.Int64(),
        "last_agg_trade_id": pl.Int64(),
        "first_time": TIME,
        "last_time": TIME,
        "message": pl.String(),
    },
)


@dataclass(frozen=True)
class DayStatus:
    """A requested day: its report where it is cached, and its error where there is one."""

    day: dt.date
    status: Status
    report: DayReport | None = None
    error: RangeBarError | None = None

    @property
    def message(self) -> str | None:
        """What the error says."""
        return None if self.error is None else str(self.error)


def joined(days: Iterable[DayStatus], *, contiguous_ids: bool) -> list[tuple[DayStatus, bool]]:
    """Put neighbouring days side by side.

    Each report gains the gap between the last id before it, however many days ago, and its
    own first id; the flag says whether it begins before the days before it end, by id or
    by time.
    """
    previous: DayReport | None = None
    result = []
    for entry in days:
        report, overlaps = entry.report, False
        if report is not None and report.rows_after:
            if previous is not None:
                report, overlaps = _after(previous, report, contiguous_ids=contiguous_ids)
            previous = report
        result.append((replace(entry, report=report), overlaps))
    return result


def _after(
    previous: DayReport, report: DayReport, *, contiguous_ids: bool
) -> tuple[DayReport, bool]:
    last, first = previous.last_agg_trade_id, report.first_agg_trade_id
    ended, began = previous.last_time, report.first_time
    if ended is None or began is None:
        return report, False
    if last is None or first is None:
        return report, began < ended
    if contiguous_ids and first > last + 1:
        gap = Gap(last, ended, first, began)
        missing = min(report.missing_ids + gap.missing, HIGHEST_ID)
        report = replace(report, gaps=(gap, *report.gaps), missing_ids=missing)
    return report, first <= last or began < ended


def quality_frame(days: Iterable[DayStatus], *, contiguous_ids: bool = True) -> pl.DataFrame:
    """Return the reports as a frame, a row for each day in the order given.

    Gaps between days are counted with the later one. Days without a report have nulls.
    """
    rows = []
    for entry, overlaps in joined(days, contiguous_ids=contiguous_ids):
        row: dict[str, object] = {
            "day": entry.day,
            "status": entry.status,
            "message": entry.message,
        }
        if entry.report is not None:
            report = entry.report
            gaps = [vars(gap) | {"missing": gap.missing} for gap in report.gaps]
            row |= vars(report.origin) | vars(report)
            row |= {"gaps": gaps, "overlaps_previous": overlaps}
        rows.append({name: row.get(name) for name in QUALITY_SCHEMA})
    return pl.DataFrame(rows, schema=QUALITY_SCHEMA, orient="row")


def describe(defects: Mapping[dt.date, Mapping[str, int]]) -> str:
    """Write the defects of days for people."""
    return "; ".join(
        f"{day}: " + ", ".join(f"{name} {count}" for name, count in found.items())
        for day, found in defects.items()
    )


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // dt.timedelta(microseconds=1)
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"a report holds a {type(value).__name__}, which JSON has no form for")
