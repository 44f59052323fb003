"""Bars of batches of trades that come one after another, with a user's own aggregations.

The compiled half folds each batch into bars. Aggregations of Polars know no open state, so for them
the trades of a bar are held back until it ends: memory is bounded by the longest bar of each key
and threshold, not by the number of trades.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl
import polars.selectors as cs
from polars._typing import PolarsDataType

from rangebar_polars import _internal
from rangebar_polars._internal import OPENED, BarBuilder
from rangebar_polars.caller import warn_of
from rangebar_polars.options import Options, check_names
from rangebar_polars.schema import IS_COMPLETE, THRESHOLD, ArrowStream

_KEY = [THRESHOLD, OPENED]


def columns_read(schema: pl.Schema, options: Options, wanted: list[str] | None) -> list[str]:
    """Return the columns of trades that bars and aggregations read, of those that are there."""
    read = set(options.reads(wanted))
    for agg in _wanted_aggs(options, wanted):
        # A selector or a wildcard may mean any column.
        read.update(schema if agg.meta.has_multiple_outputs() else agg.meta.root_names())
    return [name for name in schema if name in read]


def read_table(table: ArrowStream, options: Options) -> pl.DataFrame:
    """Return the columns of a table that bars and aggregations read, of those that are there.

    Columns that Polars has no dtype for do no harm unless they are read.
    """
    if any(agg.meta.has_multiple_outputs() for agg in options.aggs):
        return _internal.read_table(table, None)
    roots = (name for agg in options.aggs for name in agg.meta.root_names())
    return _internal.read_table(table, [*options.reads_at_most, *roots])


def _wanted_aggs(options: Options, wanted: list[str] | None) -> list[pl.Expr]:
    """Return the aggregations of which a column is wanted, or may be."""
    return [
        agg
        for agg in options.aggs
        if wanted is None
        or agg.meta.has_multiple_outputs()
        or agg.meta.output_name(raise_if_undetermined=False) in {None, *wanted}
    ]


def exportable(schema: pl.Schema, options: Options) -> pl.Schema:
    """Return a schema without columns that are not read and that C has no name for.

    Names cross to the compiled half as C strings. A zero in one of them would end the process.

    Raises
    ------
    polars.exceptions.ComputeError
        Such a column is read.
    """
    lost = [name for name, dtype in schema.items() if "\0" in name or _cannot_cross(dtype)]
    if not lost:
        return schema
    for name in lost:
        if name in options.reads_at_most:
            raise pl.exceptions.ComputeError(
                f"column {name!r} has a zero in its name or in that of a field: expected names "
                'without one (rename it: .rename({"...": "..."}))'
            )
    return pl.Schema({name: dtype for name, dtype in schema.items() if name not in lost})


def _cannot_cross(dtype: pl.DataType) -> bool:
    """Return whether the name of a field within a dtype has a zero, or an array no elements."""
    if isinstance(dtype, pl.Array) and 0 in dtype.shape:
        return True
    if isinstance(dtype, pl.Struct):
        return any("\0" in field.name or _cannot_cross(_made(field.dtype)) for field in dtype.fields)
    inner = getattr(dtype, "inner", None)
    return inner is not None and _cannot_cross(_made(inner))


def _made(dtype: PolarsDataType) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


def exported(trades: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return trades without the columns that `exportable` leaves out."""
    if options.reads_at_most.issuperset(trades.columns) and not options.by:
        return trades
    schema = trades.schema
    kept = exportable(schema, options)
    return trades if len(kept) == len(schema) else trades.select(cs.by_name(*kept))


def fold(
    batches: Iterable[pl.DataFrame],
    schema: pl.Schema,
    options: Options,
    wanted: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the bars as they end: a frame for every batch that ended one, and one of those left.

    Parameters
    ----------
    batches
        Trades, in order.
    schema
        Their schema.
    options
        The arguments of ``bars()``.
    wanted
        The columns of bars that are wanted, or None for all.
    """
    if _wanted_aggs(options, wanted):
        yield from _Aggregated(schema, options, wanted).fold(batches)
        return
    builder = BarBuilder(options.kwargs(wanted), options.state)
    builder.bind(exportable(schema, options).to_frame())
    warned = set[str]()
    for batch in batches:
        ended = builder.push(exported(batch, options))
        del batch  # or it would live on while the next one is made
        warn_of(builder.notices(), warned)
        if ended is not None:
            yield ended
    yield builder.finish()


class _Held:
    """Trades of bars of one threshold that have not ended.

    They lie in the pieces in which they came. Only pieces with trades of a bar that ends are looked
    at, so that a bar that stays open costs nothing while others end.
    """

    def __init__(self) -> None:
        self._pieces: dict[int, tuple[pl.DataFrame, pl.Series]] = {}
        self._pieces_of: dict[int, list[int]] = {}
        self._next = 0

    def add(self, trades: pl.DataFrame, opened: pl.Series) -> None:
        """Put trades after those before; ``opened`` names the bar of each."""
        if trades.height > 0:
            self._pieces[self._next] = trades, opened
            for bar in opened.unique():
                self._pieces_of.setdefault(bar, []).append(self._next)
            self._next += 1

    def take(self, ended: pl.Series) -> tuple[list[pl.DataFrame], list[pl.Series]]:
        """Take out the trades of bars that have ended, which ``ended`` names, with their bars."""
        touched = {piece for bar in ended for piece in self._pieces_of.pop(bar, ())}
        taken = [self._split(piece, ended) for piece in sorted(touched)]
        return [trades for trades, _ in taken], [opened for _, opened in taken]

    def _split(self, piece: int, ended: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        trades, opened = self._pieces.pop(piece)
        is_ended = opened.is_in(ended.implode())
        if not is_ended.all():
            self._pieces[piece] = trades.filter(~is_ended), opened.filter(~is_ended)
        return trades.filter(is_ended), opened.filter(is_ended)


class _Aggregated:
    """Bars with aggregations over their trades."""

    def __init__(self, schema: pl.Schema, options: Options, wanted: list[str] | None) -> None:
        self._aggs = _wanted_aggs(options, wanted)
        for agg in self._aggs:
            for name in agg.meta.root_names():
                if name not in schema:
                    raise pl.exceptions.ColumnNotFoundError(
                        f"no column {name!r} for aggs among the trades: they have "
                        f"[{', '.join(schema)}]"
                    )
        # Trades of a bar that was cut off must be let go, so every bar that ends is asked for.
        every = replace(options, include_incomplete=True, threshold_column=True)
        only = None if wanted is None else [*wanted, THRESHOLD, IS_COMPLETE]
        self._builder = BarBuilder(every.kwargs(only, trace=True))
        self._builder.bind(exportable(schema, options).to_frame())
        self._schema, self._options = schema, options
        self._held = {threshold: _Held() for threshold in options.thresholds}

    def fold(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        warned = set[str]()
        for batch in batches:
            ended = self._builder.push(exported(batch, self._options))
            warn_of(self._builder.notices(), warned)
            bars = self._builder.trace()
            for threshold, held in self._held.items():
                held.add(batch, bars[str(threshold)])
            if ended is not None:
                yield self._aggregate(ended)
        left = self._builder.finish()
        yield self._aggregate(left if self._options.include_incomplete else left.clear())

    def _aggregate(self, ended: pl.DataFrame) -> pl.DataFrame:
        """Aggregate the trades of these bars and put the results beside them."""
        parts = []
        for threshold, held in self._held.items():
            bars = ended.filter(pl.col(THRESHOLD) == threshold)
            if bars.height > 0 or ended.height == 0:
                frames, opened = held.take(bars[OPENED])
                trades = pl.concat([pl.DataFrame(schema=self._schema), *frames])
                # A literal is no column of the trades, so that aggregations by position mean those.
                # With one key alone Polars sums in another way where it happens to be sorted.
                keys = (
                    pl.lit(threshold, pl.Int64).alias(THRESHOLD),
                    pl.lit(pl.concat([pl.Series(OPENED, [], pl.Int64), *opened])).alias(OPENED),
                )
                parts.append(trades.group_by(*keys).agg(self._aggs))
        aggregated = pl.concat(parts)
        check_names([*ended.columns, *aggregated.drop(_KEY).columns])
        bars = ended.join(aggregated, on=_KEY, how="left", maintain_order="left")
        if self._options.include_incomplete:
            bars = bars.select(pl.exclude(IS_COMPLETE), IS_COMPLETE)
        else:
            bars = bars.filter(IS_COMPLETE).drop(IS_COMPLETE)
        return bars.drop(_KEY[self._options.threshold_column :])
