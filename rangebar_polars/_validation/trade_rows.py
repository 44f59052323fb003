"""Which rows of the trades a bar is made of, found from its times, its count or its volume."""

from bisect import bisect_left
from collections import defaultdict
from typing import Final

import polars as pl

from rangebar_polars._core.fixed import SCALE
from rangebar_polars._validation.asked import is_complete
from rangebar_polars._validation.fixed import EXACT
from rangebar_polars.schema import IS_COMPLETE

FIRST: Final = "first row of the bar"
LAST: Final = "last row of the bar"
FOUND: Final = "found"


def located(bars: pl.DataFrame, trades: pl.DataFrame, *, counted: bool) -> pl.DataFrame:
    """Return the bars of one chain with the first and last row of their trades.

    A bar begins at the row after the one before it, or, where trades were left out before it, at
    the first row of its opening time: whichever is later. It ends as many rows later as it counts;
    bars without a count end where their volume is used up. `FOUND` is false for a bar whose first
    or last row has another time or price.
    """
    time = trades["timestamp"].to_physical()
    opened = bars["open_time"].to_physical()
    earliest = time.search_sorted(opened, side="left").cast(pl.Int64)
    latest = time.search_sorted(opened, side="right").cast(pl.Int64) - 1
    if counted:
        number = bars["agg_record_count"].fill_null(0)
        first = _starts(number, earliest, latest)
        last = first + number - 1
    else:
        first, last = _by_volume(bars, trades, earliest)
    placed = bars.with_columns(first.alias(FIRST), last.alias(LAST))
    ends = trades.select(pl.row_index().cast(pl.Int64).alias("at"), "timestamp", "price")
    for row, at, price in ((FIRST, "open_time", "open"), (LAST, "close_time", "close")):
        placed = placed.join(ends, how="left", left_on=row, right_on="at", maintain_order="left")
        same = (pl.col("timestamp") == pl.col(at)) & (pl.col("price") == pl.col(price))
        placed = placed.with_columns(same.fill_null(value=False).alias(f"{row} fits"))
        placed = placed.drop("timestamp", "price")
    fits = pl.col(f"{FIRST} fits") & pl.col(f"{LAST} fits") & (pl.col(LAST) >= pl.col(FIRST))
    taken = pl.when(fits).then(pl.col(LAST)).shift(1).cum_max().forward_fill().fill_null(-1)
    after = pl.col(FIRST) > taken
    return placed.with_columns((fits & after).alias(FOUND)).drop(f"{FIRST} fits", f"{LAST} fits")


def _starts(length: pl.Series, earliest: pl.Series, latest: pl.Series) -> pl.Series:
    """Return where each of several pieces begins: after the one before, and not before its time.

    ``start = max(earliest, start before + length before)``, which is a running maximum once the
    lengths before are taken away. A piece that begins after its time shows that a length before it
    is wrong; `latest` keeps that from moving all pieces after it.
    """
    before = length.cum_sum() - length
    start = before + (earliest - before).cum_max()
    return pl.select(pl.min_horizontal(start, latest)).to_series()


def _by_volume(
    bars: pl.DataFrame, trades: pl.DataFrame, earliest: pl.Series
) -> tuple[pl.Series, pl.Series]:
    """Return the first and last rows of bars that have no count, one bar after another.

    Volume alone would not do: the trade that closes a bar, and others next to it, may be of 0.
    """
    traded = trades["fixed quantity"].cast(pl.Int128)
    through = traded.cum_sum()
    times = trades["timestamp"].to_physical()
    ends = trades.select(
        pl.row_index().alias("at"), times.alias("time"), "price", through.alias("through")
    ).filter(pl.col("time").is_in(bars["close_time"].to_physical().implode()))
    rows_of: defaultdict[tuple[int, float, int], list[int]] = defaultdict(list)
    for at, *key in ends.iter_rows():
        rows_of[key[0], key[1], key[2]].append(at)
    volumes = (bars["volume"] * SCALE).round().cast(pl.Int128, strict=False).fill_null(0)
    closes = bars.with_columns(is_complete(bars).alias(IS_COMPLETE))[IS_COMPLETE]
    firsts, lasts, following = list[int](), list[int | None](), 0
    for volume, time, price, opened, lowest, closed in zip(
        volumes,
        bars["close_time"].to_physical(),
        bars["close"],
        bars["open_time"].to_physical(),
        earliest,
        closes,
        strict=True,
    ):
        first = following if following < trades.height and times[following] == opened else lowest
        before = through[first] - traded[first] if first < trades.height else 0
        matching = rows_of[time, price, before + volume]
        # Of a bar that is open, or was cut off, no trade of its last time is left over.
        at = bisect_left(matching, first + 1) if closed else len(matching) - 1
        last = matching[at] if 0 <= at < len(matching) else None
        firsts.append(first)
        lasts.append(last)
        following = trades.height if last is None else last + 1
    return pl.Series(firsts, dtype=pl.Int64), pl.Series(lasts, dtype=pl.Int64)


def is_exact(bars: pl.DataFrame) -> bool:
    """Return whether each volume is one integer of 1e-8, as its float has room for it."""
    return bool((bars["volume"].fill_null(0) * SCALE < EXACT).all())


def bar_of_row(placed: pl.DataFrame, trades: pl.DataFrame) -> pl.Series:
    """Return which of the bars each row belongs to, by position; null for a row of none."""
    rows = pl.select(pl.int_range(trades.height, dtype=pl.Int64)).to_series()
    if placed.is_empty():
        return rows.clear().extend_constant(None, trades.height)
    at = placed[FIRST].search_sorted(rows, side="right").cast(pl.Int64) - 1
    last = placed[LAST].gather(pl.select(pl.max_horizontal(at, pl.lit(0))).to_series())
    return pl.select(pl.when((at >= 0) & (rows <= last)).then(at)).to_series()
