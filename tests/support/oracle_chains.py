"""What the oracle says of several chains of bars at once: thresholds by keys, cut at resets.

One chain is one threshold over the trades of one key in one period; this module takes trades apart
into chains, asks the oracle of each, and puts the bars in the order of the specification.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple

import hypothesis.strategies as st
import polars as pl
from hypothesis import HealthCheck, settings

import rangebar_polars as rb
from support.entry_points import (
    BASE,
    assert_same,
    collect_streaming,
    frame_of,
    one_chunk_a_row,
    parquet,
)
from support.reference import Trade, cuts
from support.strategies import frames
from support.trades import PER_SECOND, rows

Reset = Literal["day", "week", "month", "year"]
RESETS: tuple[Reset, ...] = ("day", "week", "month", "year")
some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(some, max_examples=25)


CHAIN_ENTRY_POINTS: Mapping[str, Callable[..., pl.DataFrame]] = {
    "eager": rb.bars,
    "eager, one chunk a row": lambda frame, **options: rb.bars(one_chunk_a_row(frame), **options),
    "lazy": lambda frame, **options: rb.bars(frame.lazy(), **options).collect(),
    "lazy, streaming": lambda frame, **options: collect_streaming(rb.bars(frame.lazy(), **options)),
    "lazy, batches of one row": lambda frame, **options: collect_streaming(
        rb.bars(parquet(frame, 1), **options)
    ),
    "namespace": lambda frame, **options: frame.rangebar.bars(**options),
}
"""Entry points that take several thresholds, keys, resets and aggregations."""

ASKS: Mapping[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "one column": lambda bars: bars.select("close"),
    "two columns in another order": lambda bars: bars.select("is_complete", "ofi"),
    "a column renamed": lambda bars: bars.select(pl.col("close_time").alias("open")),
    "no column": lambda bars: bars.select(pl.len()),
    "a filter on a column that is dropped": lambda bars: bars.filter(pl.col("ofi") > 0).select(
        "vwap", "open_time"
    ),
    "the head of a filter": lambda bars: bars.filter(pl.col("ofi") > 0).head(3),
    "a filter of the head": lambda bars: bars.head(5).filter(pl.col("close") > pl.col("open")),
    "a slice from the middle": lambda bars: bars.slice(2, 4).select("open"),
    "the tail": lambda bars: bars.tail(3),
    "bars that are open": lambda bars: bars.filter(~pl.col("is_complete")),
}
"""What a plan may ask of bars with microstructure and incomplete ones."""


class Piece(NamedTuple):
    """A bar of the oracle, by the rows of the frame."""

    place: tuple[int, int, int]
    first_of_key: int
    threshold: int
    trades: list[Trade]
    complete: bool = True


@dataclass(frozen=True, kw_only=True)
class Question:
    """The options of a call with several chains."""

    thresholds: tuple[int, ...] = (250,)
    threshold_column: bool = False
    by: tuple[str, ...] = ()
    reset: Reset | None = None
    include_microstructure: bool = True
    include_incomplete: bool = True
    prevent_same_timestamp_close: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """The arguments."""
        several = list(self.thresholds)
        return {
            "threshold_decimal_bps": several if self.threshold_column else several[0],
            "by": self.by or None,
            "reset": self.reset,
            "include_microstructure": self.include_microstructure,
            "include_incomplete": self.include_incomplete,
            "prevent_same_timestamp_close": self.prevent_same_timestamp_close,
        }

    def ask(self, trades: pl.DataFrame, entry_point: str = "eager") -> pl.DataFrame:
        """Return the bars that come out of an entry point."""
        return CHAIN_ENTRY_POINTS[entry_point](trades, **self.options)

    def pieces(self, frame: pl.DataFrame) -> list[Piece]:
        """Return every bar of the oracle, the open ones too, in order."""
        found = list[Piece]()
        for number, of_key in enumerate(rows_of_keys(frame, self.by)):
            for threshold in self.thresholds:
                found += self._chain(frame, of_key, threshold, number)
        return sorted(found, key=lambda piece: piece.place)

    def _chain(
        self, frame: pl.DataFrame, of_key: list[int], threshold: int, number: int
    ) -> list[Piece]:
        """Return the bars of one threshold over the trades of one key."""
        pieces, every = list[Piece](), rows(frame)
        time = frame.schema["timestamp"]
        assert isinstance(time, pl.Datetime)
        per_second = PER_SECOND[time.time_unit]
        periods = [
            list(rows_of_period)
            for _, rows_of_period in groupby(
                of_key, lambda row: self.reset and period(every[row].time, per_second, self.reset)
            )
        ]
        # Bars still open come after all that ended, by key and then threshold.
        at_the_end = (frame.height, number, threshold)
        for here, following in zip(periods, [*periods[1:], None], strict=True):
            trades = [every[row] for row in here]
            ends = cuts(trades, threshold, prevented=self.prevent_same_timestamp_close)
            starts = [0, *(end + 1 for end in ends)]
            for start, end in zip(starts, ends, strict=False):
                place = (here[end], threshold, 0)
                pieces.append(Piece(place, of_key[0], threshold, trades[start : end + 1]))
            if left := trades[starts[-1] :]:
                place = (following[0], threshold, 0) if following else at_the_end
                pieces.append(Piece(place, of_key[0], threshold, left, complete=False))
        return pieces

    def expected(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the bars of the oracle, in the shape of a frame of bars."""
        pieces = [
            piece for piece in self.pieces(frame) if piece.complete or self.include_incomplete
        ]
        bars = frame_of([piece.trades for piece in pieces], frame.schema)
        if not self.include_microstructure:
            bars = bars.select(BASE)
        firsts = pl.Series([piece.first_of_key for piece in pieces], dtype=pl.UInt32)
        columns = [frame[name].gather(firsts) for name in self.by]
        if self.threshold_column:
            reported = [piece.threshold for piece in pieces]
            columns.append(pl.Series("threshold_decimal_bps", reported, pl.Int64))
        columns += bars.get_columns()
        if self.include_incomplete:
            mark = [piece.complete for piece in pieces]
            columns.append(pl.Series("is_complete", mark, pl.Boolean))
        return pl.DataFrame(columns)


def rows_of_keys(frame: pl.DataFrame, by: tuple[str, ...]) -> list[list[int]]:
    """Return the rows of each key, keys in the order in which they first appear."""
    if not by:
        return [list(range(frame.height))] if frame.height else []
    of_key: dict[object, list[int]] = {}
    for row, key in enumerate(frame.select(by).iter_rows()):
        of_key.setdefault(key, []).append(row)
    return list(of_key.values())


def period(time: int, per_second: int, reset: Reset) -> tuple[int, ...]:
    """Return what is the same for all times of a period, by the calendar of Python."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time // per_second)
    week = moment.isocalendar()
    return {
        "day": (moment.year, moment.month, moment.day),
        "week": (week.year, week.week),
        "month": (moment.year, moment.month),
        "year": (moment.year,),
    }[reset]


# Around borders of every period, before and after 1970; 1969-12-29 and 2024-01-01 were Mondays.
_BORDERS = tuple(
    int(datetime(*day, tzinfo=UTC).timestamp())
    for day in (
        (1968, 2, 29),
        (1969, 12, 29),
        (1970, 1, 1),
        (1970, 1, 5),
        (1999, 12, 31),
        (2000, 1, 1),
        (2000, 3, 1),
        (2024, 1, 1),
        (2024, 2, 29),
        (2024, 3, 1),
        (2024, 3, 4),
        (2024, 12, 30),
    )
)


@st.composite
def across_periods(draw: st.DrawFn, threshold: int = 250, most: int = 40) -> pl.DataFrame:
    """Draw trades of which many stand at the border of a period, or one unit before it."""
    frame = draw(frames(threshold, most))
    dtype = frame.schema["timestamp"]
    assert isinstance(dtype, pl.Datetime)
    per_second = PER_SECOND[dtype.time_unit]
    before = frame["timestamp"].to_physical().to_list()
    distinct = len(set(before))
    near = st.builds(
        lambda border, hours, off: border * per_second + hours * 3_600 * per_second + off,
        st.sampled_from(_BORDERS),
        st.sampled_from([0, 0, 0, 5, 18, 24 * 7, -24 * 3]),
        st.sampled_from([0, 0, -1, 1, per_second]),
    )
    drawn = draw(st.lists(near, min_size=distinct, max_size=distinct, unique=True))
    # Ties stay ties and order stays order, so that ids remain good.
    later = dict(zip(sorted(set(before)), sorted(drawn), strict=True))
    times = pl.Series("timestamp", [later[time] for time in before], pl.Int64).cast(dtype)
    return frame.with_columns(times)


@st.composite
def questions(draw: st.DrawFn, by: tuple[str, ...] = ()) -> Question:
    """Draw any combination of options."""
    several = st.lists(
        st.sampled_from([1, 7, 250, 1_000, 25_000, 100_000]), min_size=1, max_size=3, unique=True
    )
    thresholds = tuple(sorted(draw(several)))
    return Question(
        thresholds=thresholds,
        threshold_column=len(thresholds) > 1 or draw(st.booleans()),
        by=by,
        reset=draw(st.none() | st.sampled_from(RESETS)),
        include_microstructure=draw(st.booleans()),
        include_incomplete=draw(st.booleans()),
        prevent_same_timestamp_close=draw(st.booleans()),
    )


@st.composite
def keyed(draw: st.DrawFn, threshold: int = 250, most: int = 40) -> pl.DataFrame:
    """Draw trades of several keys, null among them, in two columns of keys."""
    frame = draw(across_periods(threshold, most))
    size = frame.height
    names = st.lists(st.sampled_from(["A", "B", "", None]), min_size=size, max_size=size)
    numbers = st.lists(st.sampled_from([0, -1, None]), min_size=size, max_size=size)
    return frame.with_columns(
        pl.Series("symbol", draw(names), pl.String), pl.Series("venue", draw(numbers), pl.Int16)
    )


def check_chains_are_as_alone(data: st.DataObject, **asked: Any) -> None:  # noqa: ANN401
    """Check that chains that are made in one pass are those that are made each alone."""
    frame = data.draw(keyed())
    entry_point = data.draw(st.sampled_from(sorted(CHAIN_ENTRY_POINTS)))
    options: dict[str, Any] = {
        "reset": data.draw(st.sampled_from([None, "day"])),
        "max_gap": data.draw(st.sampled_from([None, "500ms"])),
        "include_incomplete": True,
        **asked,
    }
    thresholds = [7, 250, 1_000]

    bars = CHAIN_ENTRY_POINTS[entry_point](
        frame, threshold_decimal_bps=thresholds, by="symbol", **options
    )

    for (symbol,), of_key in frame.group_by("symbol", maintain_order=True):
        is_of_key = pl.col("symbol").eq_missing(pl.lit(symbol, frame.schema["symbol"]))
        for threshold in thresholds:
            alone = rb.bars(of_key, threshold, **options)
            of_chain = bars.filter(is_of_key & (pl.col("threshold_decimal_bps") == threshold))
            assert_same(alone, of_chain.select(alone.columns))
