"""Trades with the bars that they are cut into: what a picture of cuts is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._core.bar_schema import schema_of
from rangebar_polars._core.bars import bar_id, bars
from rangebar_polars._core.fixed import to_fixed
from rangebar_polars._core.fold import no_table, read_table
from rangebar_polars._core.rules.expressions import SumRule, WhenRule
from rangebar_polars._core.rules.totals import ENDLESS, TickRule
from rangebar_polars._core.sides import with_read_columns
from rangebar_polars._core.tick_rule import tick_rule
from rangebar_polars._plot.measure import Measure, has_memory, measure_of
from rangebar_polars._plot.number_axis import NUMBER, short_time, whole_time
from rangebar_polars.schema import IS_COMPLETE, is_arrow_stream

if TYPE_CHECKING:
    from rangebar_polars._core.options import Options
    from rangebar_polars._core.rules.rule import Rule
    from rangebar_polars._trade_columns import TradeColumns
    from rangebar_polars.schema import ArrowStream

OPENS: Final = "opens a bar"
CLOSES: Final = "closes it"
CLOSES_UP: Final = "closes it at the upper limit"
CLOSES_DOWN: Final = "closes it at the lower limit"
BLOCKED: Final = "cannot close it at the opening time"
CUT_OFF: Final = "is the last before a reset or gap"

ABOVE: Final = "above"
BELOW: Final = "below"
AT: Final = "at"
"""The fields of what is measured, where it is not the price, and where its mark is."""

_BAR: Final = "rangebar bar of the row"
_CHAIN: Final = "rangebar chain of the row"
"""Columns of our own among those of the trades."""

_MOST: Final = 4_000
"""Trades of which each is drawn; of more, the lowest and the highest of every few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutTrades:
    """Trades and bars that are drawn.

    Attributes
    ----------
    measure
        What the rule compares with which limits.
    trades
        ``number`` (the row, from 0), ``label`` and ``time`` (text), ``price``, ``bar``, ``role``,
        which is null for most, and, where the rule measures something else than the price,
        ``above``, ``below`` and ``at``, the one of both that its mark is at.
    bars
        ``bar`` (from 0), ``begin`` and ``end`` (the rows of its first and last trade), ``open``,
        ``complete``, and ``ended``, which is false for the open bar.
    limits
        Pieces of bars in which the limits stand still: ``bar``, ``begin``, ``end``, ``lower`` and
        ``upper``, which are null where there is none.
    times
        The times of all trades of these bars, those included that are not drawn.
    bar_count
        How many bars all trades give, with the open one.
    """

    measure: Measure
    trades: pl.DataFrame
    bars: pl.DataFrame
    limits: pl.DataFrame
    times: pl.Series
    bar_count: int


def collected(
    trades: "pl.DataFrame | pl.LazyFrame | ArrowStream", options: "Options"
) -> pl.DataFrame:
    """Return trades as a frame, with the column of the rule; of a plan or table, what a bar reads.

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
        raise no_table(trades)
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
    rule = _of_a_column(options)
    # An expression has become a column.
    column = options.reset_column
    reset = options.reset if column is None else pl.col(column)
    asked: dict[str, Any] = {"reset": reset, "columns": options.columns}
    asked |= {} if options.max_gap is None else {"max_gap": f"{options.max_gap}ns"}
    whole = bars(trades, rule=rule, include_incomplete=True, **asked)
    if trades.is_empty():
        raise ValueError("there is nothing to draw: the frame has no trades")
    chains = bar_id(rule=ENDLESS, reset=reset, columns=options.columns)
    places = {_BAR: bar_id(rule=rule, **asked), _CHAIN: chains}
    rows = _rows(trades.with_columns(**places), options.columns, rule)
    drawn = _bars(whole, rows)
    rows = rows.join(drawn, on="bar", how="left", maintain_order="left")
    measure = measure_of(rule, drawn)
    first = 0 if last is None else max(0, whole.height - last)
    of_last = pl.col("bar") >= first
    if not has_memory(rule):
        rows = rows.filter(of_last)
    rows = _measured(rows, measure).filter(of_last)
    times = rows["timestamp"]
    rows = _with_roles(rows, measure, prevented=rule.prevent_same_timestamp_close)
    fields = (
        [] if measure.axis is None else [_as_float(name, measure) for name in (ABOVE, BELOW, AT)]
    )
    lines = ["price"] if measure.axis is None else ["price", ABOVE, BELOW]
    thinned = _thin(rows, lines[: 3 if measure.two_sided else 2]).select(
        NUMBER,
        short_time("timestamp", times),
        whole_time("timestamp", times.dtype).alias("time"),
        "price",
        "bar",
        "role",
        *fields,
    )
    return CutTrades(
        measure=measure,
        trades=thinned,
        bars=drawn.filter(of_last).drop("chain", "follows", "records"),
        limits=_limits(rows, measure),
        times=times,
        bar_count=whole.height,
    )


def _of_a_column(options: "Options") -> "Rule":
    """Return the rule; its expression is a column of the trades by now."""
    (rule,) = options.rules
    if isinstance(rule, WhenRule | SumRule):
        return replace(rule, expr=pl.col(options.extras[0]))
    return rule


def _rows(trades: pl.DataFrame, columns: "TradeColumns", rule: "Rule") -> pl.DataFrame:
    """Return what the rule measures of trades that have their bars and chains."""
    trades, columns = with_read_columns(trades, columns)
    names = columns.names()
    price = pl.col(names["price"]).cast(pl.Float64)
    rows = {
        NUMBER: pl.int_range(pl.len()),
        "timestamp": pl.col(names["timestamp"]),
        "price": price,
        "bar": pl.col(_BAR),
        "chain": pl.col(_CHAIN),
        "fixed": to_fixed(price),
        "size": to_fixed(pl.col(names["quantity"]).cast(pl.Float64)),
    }
    if isinstance(rule, TickRule) and rule.individual:
        first, last = (pl.col(names[role]) for role in ("first_trade_id", "last_trade_id"))
        rows["trades"] = (last.cast(pl.Int64) - first.cast(pl.Int64) + 1).fill_null(1)
    side = getattr(rule, "side", None)
    if side == "is_buyer_maker":
        rows["sold"] = pl.col(names["is_buyer_maker"])
    elif side is not None:
        rows["sold"] = tick_rule(price).over(_CHAIN)
    if isinstance(rule, WhenRule | SumRule):
        rows["given"] = rule.expr
    return trades.select(**rows)


def _bars(whole: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return all bars, with their rows."""
    places = rows.group_by("bar", maintain_order=True).agg(
        pl.col("chain").first(),
        begin=pl.col(NUMBER).first(),
        end=pl.col(NUMBER).last(),
        records=pl.len(),
    )
    found = pl.concat([places, whole.select("open", complete=IS_COMPLETE)], how="horizontal")
    same_chain = pl.col("chain") == pl.col("chain").shift(1)
    return found.with_columns(
        # What comes after an incomplete bar came after a reset or a gap.
        ended=pl.col("complete") | (pl.int_range(pl.len()) < pl.len() - 1),
        follows=(same_chain & pl.col("complete").shift(1)).fill_null(value=False),
    )


def _measured(rows: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """Return rows with what the rule measures, and the limits in force when each comes."""
    forgets = (pl.col(NUMBER) == pl.col("begin")) & ~pl.col("follows")
    known = {"before": pl.when(forgets).then("fixed").otherwise(pl.col("fixed").shift(1))}
    if "sold" in rows.columns:
        # A record of no side does not end a run.
        known["run"] = pl.col("sold").forward_fill().over("bar").rle_id()
    return rows.with_columns(**known).with_columns(
        measure.above.alias(ABOVE),
        measure.below.alias(BELOW),
        measure.lower.alias("lowest"),
        measure.upper.alias("highest"),
    )


def _as_float(name: str, measure: Measure) -> pl.Expr:
    return (pl.col(name).cast(pl.Float64) / float(measure.scale)).alias(name)


def _with_roles(rows: pl.DataFrame, measure: Measure, *, prevented: bool) -> pl.DataFrame:
    """Return trades with what each is to its bar."""
    is_above = (pl.col(ABOVE) >= pl.col("highest")).fill_null(value=False)
    is_below = (pl.col(BELOW) <= pl.col("lowest")).fill_null(value=False)
    is_last = pl.col(NUMBER) == pl.col("end")
    closes = is_last & pl.col("complete")
    has_two = measure.names[1] != ""
    at = pl.when(is_below & ~is_above).then(BELOW).otherwise(ABOVE)
    is_blocked = pl.col("timestamp") == pl.col("timestamp").first().over("bar")
    return rows.with_columns(
        at.alias(AT),
        role=pl.when(closes & is_above & has_two)
        .then(pl.lit(CLOSES_UP))
        .when(closes & is_below & has_two)
        .then(pl.lit(CLOSES_DOWN))
        .when(closes)
        .then(pl.lit(CLOSES))
        .when(pl.col(NUMBER) == pl.col("begin"))
        .then(pl.lit(OPENS))
        .when((is_above | is_below) & is_blocked & prevented)
        .then(pl.lit(BLOCKED))
        .when(is_last & pl.col("ended"))
        .then(pl.lit(CUT_OFF)),
    )


def _limits(rows: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """Return the pieces in which the limits stand still."""
    piece = pl.struct("bar", "lowest", "highest").rle_id()
    pieces = rows.group_by(piece.alias("piece"), maintain_order=True).agg(
        pl.col("bar").first(),
        pl.col("lowest", "highest").first(),
        begin=pl.col(NUMBER).first(),
        end=pl.col(NUMBER).last(),
    )
    # Polars divides by a constant as it multiplies by the inverse, which is not always the nearest.
    lower, upper = (
        [None if limit is None else limit / measure.scale for limit in pieces[name]]
        for name in ("lowest", "highest")
    )
    return pieces.select(
        "bar",
        "begin",
        "end",
        pl.Series("lower", lower, pl.Float64),
        pl.Series("upper", upper, pl.Float64),
    )


def _thin(rows: pl.DataFrame, lines: Sequence[str]) -> pl.DataFrame:
    """Return the trades that are drawn: all, or those that show every extreme, open and close.

    Of every few trades the lowest and the highest of each line stay, and so do those at round
    numbers, which the axis labels with their times.
    """
    if rows.height <= _MOST:
        return rows
    few, number = -(-2 * len(lines) * rows.height // _MOST), pl.col(NUMBER)
    ends = [
        number.get(end).alias(f"{line} {at}")
        for line in lines
        for at, end in enumerate((pl.col(line).arg_min(), pl.col(line).arg_max()))
    ]
    extremes = rows.group_by("bar", number.alias("few") // few).agg(ends)
    kept = pl.concat([extremes[end.meta.output_name()].alias(NUMBER) for end in ends])
    label_step = 10 ** (len(str(rows.height // 20)) - 1)
    return rows.filter(
        (pl.col("role") != BLOCKED)  # of which there may be any number
        | number.is_in(kept.implode())
        | (number == pl.col("end"))
        | (number % label_step == 0)
    )
