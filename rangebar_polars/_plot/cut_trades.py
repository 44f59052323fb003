"""Trades with the bars that they are cut into: what a picture of cuts is drawn from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from rangebar_polars._core.bar_schema import schema_of
from rangebar_polars._core.bars import bar_id, bars
from rangebar_polars._core.fold import read_table
from rangebar_polars._plot.limits import as_prices, fixed, limits
from rangebar_polars._plot.number_axis import NUMBER, short_time, whole_time
from rangebar_polars.schema import IS_COMPLETE, is_arrow_stream

if TYPE_CHECKING:
    from rangebar_polars._core.options import Options
    from rangebar_polars.schema import ArrowStream

OPENS: Final = "opens a bar"
CLOSES_UP: Final = "closes it at the upper limit"
CLOSES_DOWN: Final = "closes it at the lower limit"
BLOCKED: Final = "is beyond a limit at the opening time"
CUT_OFF: Final = "is the last before a reset"

_MOST: Final = 4_000
"""Trades of which each is drawn; of more, the lowest and the highest of every few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutTrades:
    """Trades and bars that are drawn.

    Attributes
    ----------
    trades
        ``number`` (the row, from 0), ``label`` and ``time`` (text), ``price``, ``bar`` and
        ``role``, which is null for most.
    bars
        ``bar`` (from 0), ``begin`` and ``end`` (the rows of its first and last trade), ``open``,
        ``complete``, ``lower`` and ``upper``, the same as integers at scale 1e8 (``lowest``,
        ``highest``), and ``ended``, which is false for the open bar.
    times
        The times of all trades of these bars, those included that are not drawn.
    bar_count
        How many bars all trades give, with the open one.
    """

    trades: pl.DataFrame
    bars: pl.DataFrame
    times: pl.Series
    bar_count: int


def collected(
    trades: "pl.DataFrame | pl.LazyFrame | ArrowStream", options: "Options"
) -> pl.DataFrame:
    """Return trades as a frame; of a plan or table, the columns that a bar reads.

    Raises
    ------
    TypeError
        For what is no frame and no table.
    polars.exceptions.ComputeError
        The plan has no such columns, or of other dtypes.
    """
    if isinstance(trades, pl.DataFrame):
        return trades.with_columns(options.expressions)
    if isinstance(trades, pl.LazyFrame):
        trades = trades.with_columns(options.expressions)
        there, read = trades.collect_schema(), options.reads(["close"])
        # The error of a column that is missing names all that are there.
        schema_of(there, options)
        return trades.select([name for name in read if name in there]).collect()
    if not is_arrow_stream(trades):
        raise TypeError(
            f"trades is a {type(trades).__name__}: expected a DataFrame, a LazyFrame or an object "
            "with __arrow_c_stream__"
        )
    return read_table(trades, options).with_columns(options.expressions)


def cut(trades: pl.DataFrame, options: "Options", last: int | None) -> CutTrades:
    """Return the trades of the last bars, and these bars.

    Raises
    ------
    polars.exceptions.ComputeError
        For bad trades, as in `bars`.
    ValueError
        There are no trades.
    """
    names = options.columns
    (rule,) = options.rules
    # An expression has become a column.
    column = options.reset_column
    reset = options.reset if column is None else pl.col(column)
    whole = bars(trades, rule=rule, include_incomplete=True, reset=reset, columns=names)
    ids = bar_id(rule=rule, reset=reset, columns=names)
    if trades.is_empty():
        raise ValueError("there is nothing to draw: the frame has no trades")
    rows = trades.select(
        pl.int_range(pl.len()).alias(NUMBER),
        pl.col(names.timestamp).alias("timestamp"),
        pl.col(names.price).cast(pl.Float64).alias("price"),
        ids.alias("bar"),
    )
    first = 0 if last is None else max(0, whole.height - last)
    rows = rows.filter(pl.col("bar") >= first)
    drawn = _bars(whole, rows, first, options.thresholds[0])
    times = rows["timestamp"]
    thinned = _thin(_with_roles(rows, drawn)).select(
        NUMBER,
        short_time("timestamp", times),
        whole_time("timestamp", times.dtype).alias("time"),
        "price",
        "bar",
        "role",
    )
    return CutTrades(trades=thinned, bars=drawn, times=times, bar_count=whole.height)


def _bars(whole: pl.DataFrame, rows: pl.DataFrame, first: int, threshold: int) -> pl.DataFrame:
    """Return the bars that are drawn, with their rows and limits."""
    lower, upper = limits(pl.col("open"), threshold)
    found = whole.slice(first).select(
        "open",
        complete=IS_COMPLETE,
        lowest=lower,
        highest=upper,
    )
    found = found.with_columns(lower=as_prices(found["lowest"]), upper=as_prices(found["highest"]))
    places = rows.group_by("bar", maintain_order=True).agg(
        begin=pl.col(NUMBER).first(), end=pl.col(NUMBER).last()
    )
    # What follows an incomplete bar came after a reset.
    ended = pl.col("complete") | (pl.int_range(pl.len()) < pl.len() - 1)
    return pl.concat([places, found], how="horizontal").with_columns(ended=ended)


def _with_roles(rows: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    """Return trades with what each is to its bar."""
    joined = rows.join(drawn, on="bar", how="left", maintain_order="left")
    price = fixed(pl.col("price"))
    is_above, is_below = price >= pl.col("highest"), price <= pl.col("lowest")
    is_last = pl.col(NUMBER) == pl.col("end")
    closes = is_last & pl.col("complete")
    return joined.with_columns(
        role=pl.when(pl.col(NUMBER) == pl.col("begin"))
        .then(pl.lit(OPENS))
        .when(closes & is_above)
        .then(pl.lit(CLOSES_UP))
        .when(closes & is_below)
        .then(pl.lit(CLOSES_DOWN))
        .when(is_above | is_below)
        .then(pl.lit(BLOCKED))
        .when(is_last & pl.col("ended"))
        .then(pl.lit(CUT_OFF))
    )


def _thin(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the trades that are drawn: all, or those that show every extreme, open and close.

    Of every few trades the lowest and the highest stay, and so do those at round numbers, which the
    axis labels with their times.
    """
    if rows.height <= _MOST:
        return rows
    few = -(-2 * rows.height // _MOST)
    price, number = pl.col("price"), pl.col(NUMBER)
    extremes = rows.group_by("bar", number.alias("few") // few).agg(
        lowest_row=number.get(price.arg_min()), highest_row=number.get(price.arg_max())
    )
    kept = pl.concat([extremes["lowest_row"], extremes["highest_row"].rename("lowest_row")])
    label_step = 10 ** (len(str(rows.height // 20)) - 1)
    return rows.filter(
        (pl.col("role") != BLOCKED)  # of which there may be any number
        | number.is_in(kept.implode())
        | (number == pl.col("end"))
        | (number % label_step == 0)
    )
