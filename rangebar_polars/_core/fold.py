"""Bars of consecutive batches of trades, with the caller's own aggregations.

The compiled extension folds each batch into bars. Polars cannot continue an aggregation with later
rows, so the trades of a bar are held back until it ends: memory is bounded by the longest bar of
each key and threshold, not by the number of trades.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import polars as pl
import polars.selectors as cs
from polars._typing import PolarsDataType

from rangebar_polars import _internal
from rangebar_polars._core.arguments import check_names
from rangebar_polars._core.caller import warn_of
from rangebar_polars._core.labels import EVENT
from rangebar_polars._core.options import Options
from rangebar_polars._forks import has_lost_pool
from rangebar_polars.schema import IS_COMPLETE, RULE, THRESHOLD, ArrowStream

CLOSE_TIME: Final = "close_time"
"""The column in whose order bars come, if there is one key."""


def columns_read(schema: pl.Schema, options: Options, wanted: list[str] | None) -> list[str]:
    """Return the existing columns of trades that bars and aggregations read."""
    read = set(options.reads(wanted))
    for agg in _wanted_aggs(options, wanted):
        # A selector or a wildcard may mean any column.
        read.update(schema if agg.meta.has_multiple_outputs() else agg.meta.root_names())
    return [name for name in schema if name in read]


def read_table(table: ArrowStream, options: Options) -> pl.DataFrame:
    """Return the existing columns of a table that bars and aggregations read.

    Columns without a dtype in Polars are an error only if they are read.
    """
    if any(agg.meta.has_multiple_outputs() for agg in options.aggs):
        return _internal.read_table(table, None)
    read = [*options.aggs, *options.expressions]
    roots = (name for expr in read for name in expr.meta.root_names())
    return _internal.read_table(table, [*options.reads_at_most, *roots])


def no_table(trades: object) -> TypeError:
    """Return the error of trades that are no table."""
    rows = isinstance(trades, dict | list | tuple)
    return TypeError(
        f"trades is a {type(trades).__name__}: expected a DataFrame, a LazyFrame or an object "
        f"with __arrow_c_stream__{' (make a frame of it: pl.DataFrame(trades))' if rows else ''}"
    )


def _wanted_aggs(options: Options, wanted: list[str] | None) -> list[pl.Expr]:
    """Return the aggregations that have, or may have, a wanted column."""
    return [
        agg
        for agg in options.aggs
        if wanted is None
        or agg.meta.has_multiple_outputs()
        or agg.meta.output_name(raise_if_undetermined=False) in {None, *wanted}
    ]


def exportable(schema: pl.Schema, options: Options) -> pl.Schema:
    """Return a schema without unread columns whose names are not valid in C.

    Names are passed to the compiled extension as C strings. A zero in a name would end the process.

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
    """Return whether a dtype has a field with a zero in its name, or an array of width 0."""
    if isinstance(dtype, pl.Array) and 0 in dtype.shape:
        return True
    if isinstance(dtype, pl.Struct):
        return any(
            "\0" in field.name or _cannot_cross(_made(field.dtype)) for field in dtype.fields
        )
    inner = getattr(dtype, "inner", None)
    return inner is not None and _cannot_cross(_made(inner))


def _made(dtype: PolarsDataType) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


def exported(trades: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return trades without the columns that `exportable` leaves out."""
    if has_lost_pool():
        # Polars uses its thread pool to export several chunks, and to select columns.
        kept = exportable(trades.schema, options)
        return pl.DataFrame([trades.get_column(name).rechunk() for name in kept])
    if options.reads_at_most.issuperset(trades.columns) and not options.by:
        return trades
    schema = trades.schema
    kept = exportable(schema, options)
    return trades if len(kept) == len(schema) else trades.select(cs.by_name(*kept))


def flagged(bars: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return a frame of bars whose times of closing are flagged as sorted, where they are.

    Without keys every bar ends at the trade at which it comes, or one before it, in the order of
    time. Bars that are cut off or open together end with the same trade.
    """
    if not options.by:
        # In place, because an expression needs threads, which a forked process may lack.
        times = bars.get_column(CLOSE_TIME).set_sorted()
        bars.replace_column(bars.get_column_index(CLOSE_TIME), times)
    return bars


def fold(
    batches: Iterable[pl.DataFrame],
    schema: pl.Schema,
    options: Options,
    wanted: list[str] | None = None,
    *,
    whole: bool = True,
) -> Iterator[pl.DataFrame]:
    """Yield the bars as they end: a frame for each batch in which one ended, and a last frame.

    Parameters
    ----------
    batches
        Trades, in order.
    schema
        Their schema.
    options
        The arguments of ``bars()``.
    wanted
        The wanted columns of bars; None: all.
    whole
        Whether the trades have all their columns, or only those that are read.
    """
    if _wanted_aggs(options, wanted):
        yield from _Aggregated(schema, options, wanted, whole=whole).fold(batches)
        return
    if options.labels is not None and options.has_events:
        schema = pl.Schema({**schema, EVENT: pl.Boolean()})
        batches = options.labels.marked(batches)
    builder = _internal.BarBuilder(options.kwargs(wanted, whole=whole), options.state)
    builder.bind(exportable(schema, options).to_frame())
    warned, batches_seen = set[str](), False
    for batch in batches:
        batches_seen = True
        ended = builder.push(exported(batch, options))
        del batch  # frees it before the next batch is computed
        warn_of(builder.notices(), warned)
        if ended is not None:
            yield ended
    left = builder.finish()
    if options.include_incomplete and batches_seen:
        warn_of(builder.notices(), warned)
    yield left


class _Held:
    """The trades of open bars of one rule.

    They stay in the pieces in which they arrived. Only pieces with trades of an ending bar are
    read, so a bar that stays open costs nothing while others end. The bars of one key follow each
    other, so a piece is cut between them; those of several keys are picked out of it.
    """

    def __init__(self, schema: pl.Schema, *, of_one_key: bool) -> None:
        self._of_one_key = of_one_key
        self._nothing = pl.DataFrame(schema=schema), pl.Series(_internal.OPENING_ROW, [], pl.Int64)
        self._pieces: list[tuple[pl.DataFrame, pl.Series] | None] = []
        self._pieces_of: dict[int, list[int]] = {}
        self._trades = 0

    def take(
        self, ended: pl.Series, trades: pl.DataFrame | None = None, opened: pl.Series | None = None
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Add the next trades, and remove and return those of bars that have ended, in order.

        Parameters
        ----------
        ended
            The bars that have ended, by their opening trades.
        trades, opened
            The next trades, and the bar of each.

        Returns
        -------
        tuple of DataFrame and Series
            The trades of bars that have ended, and the bar of each.
        """
        older = ended.filter(ended < self._trades)
        touched = {piece for bar in older for piece in self._pieces_of.pop(bar, ())}
        taken = [self._nothing, *(self._split(piece, older) for piece in sorted(touched))]
        if trades is not None and opened is not None:
            self._trades += trades.height
            self._pieces.append((trades, opened))
            if ended.len() > 0:
                taken.append(self._split(-1, ended))
            left = self._pieces[-1]
            for bar in () if left is None else self._bars(left[1]):
                self._pieces_of.setdefault(bar, []).append(len(self._pieces) - 1)
        frames, bars = zip(*taken, strict=True)
        return pl.concat(frames), pl.concat(bars)

    def _bars(self, opened: pl.Series) -> pl.Series:
        """Return the bars of trades of which none has ended."""
        return opened[-1:] if self._of_one_key else opened.unique()

    def _split(self, piece: int, ended: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        """Remove the trades of bars that have ended from a piece, and return them."""
        trades, opened = self._pieces[piece] or self._nothing
        if self._of_one_key:
            rows = opened.search_sorted(ended.item(-1), "right")
            left = trades[rows:], opened[rows:]
            taken = trades[:rows], opened[:rows]
        else:
            is_ended = opened.is_in(ended.implode())
            left = trades.filter(~is_ended), opened.filter(~is_ended)
            taken = trades.filter(is_ended), opened.filter(is_ended)
        self._pieces[piece] = None if left[0].is_empty() else left
        return taken


class _Aggregated:
    """Bars with aggregations over their trades."""

    def __init__(
        self, schema: pl.Schema, options: Options, wanted: list[str] | None, *, whole: bool
    ) -> None:
        self._aggs = _wanted_aggs(options, wanted)
        for agg in self._aggs:
            for name in agg.meta.root_names():
                if name not in schema:
                    raise pl.exceptions.ColumnNotFoundError(
                        f"no column {name!r} for aggs among the trades: they have "
                        f"[{', '.join(schema)}]"
                    )
        # The trades of a bar that was cut off must be freed, so every bar that ends is requested.
        self._rule = options.rule_column or RULE
        every = replace(options, include_incomplete=True, rule_column=self._rule)
        only = None if wanted is None else [*wanted, self._rule, IS_COMPLETE]
        self._builder = _internal.BarBuilder(every.kwargs(only, trace=True, whole=whole))
        self._builder.bind(exportable(schema, options).to_frame())
        self._options = options
        self._brought = [expr.meta.output_name() for expr in options.expressions]
        kept = pl.Schema({name: schema[name] for name in schema if name not in self._brought})
        texts = [str(rule) for rule in options.rules]
        is_threshold = self._rule == THRESHOLD
        names = list[int | str](options.thresholds if is_threshold else texts)
        dtype = pl.Int64 if is_threshold else pl.String
        self._held = [
            (text, pl.lit(name, dtype).alias(self._rule), _Held(kept, of_one_key=not options.by))
            for text, name in zip(texts, names, strict=True)
        ]
        self._no_bar = pl.Series(_internal.OPENING_ROW, [], pl.Int64)

    def fold(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        warned, batches_seen = set[str](), False
        for batch in batches:
            batches_seen = True
            ended = self._builder.push(exported(batch, self._options))
            warn_of(self._builder.notices(), warned)
            bars = self._builder.trace()
            if ended is None:
                for text, _, held in self._held:
                    held.take(self._no_bar, self._kept(batch), bars[text])
            else:
                yield self._aggregate(ended, batch, bars)
        left = self._builder.finish()
        if self._options.include_incomplete and batches_seen:
            warn_of(self._builder.notices(), warned)
        yield self._aggregate(left if self._options.include_incomplete else left.clear())

    def _aggregate(
        self,
        ended: pl.DataFrame,
        trades: pl.DataFrame | None = None,
        bars_of_trades: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Add the next trades, and return the bars that have ended with their aggregations."""
        parts, key = [], [self._rule, _internal.OPENING_ROW]
        kept = None if trades is None else self._kept(trades)
        for text, rule, held in self._held:
            opened = None if bars_of_trades is None else bars_of_trades[text]
            openings = ended.filter(pl.col(self._rule) == rule)[_internal.OPENING_ROW]
            rows, bar_of_row = held.take(openings, kept, opened)
            if openings.len() > 0 or ended.height == 0:
                # A literal key is not a column of the trades, so that aggregations by position skip
                # it. It is computed, because Polars would sum in another order if it were marked
                # as sorted.
                opening = pl.lit(bar_of_row ^ 0).alias(_internal.OPENING_ROW)
                of_bars = rows.group_by(opening).agg(self._aggs)
                parts.append(of_bars.select(rule, pl.all()))
        aggregated = pl.concat(parts)
        check_names([*ended.columns, *aggregated.columns[len(key) :]])
        bars = ended.join(aggregated, on=key, how="left", maintain_order="left")
        unwanted = [_internal.OPENING_ROW] if self._options.rule_column else key
        if self._options.include_incomplete:
            return bars.select(pl.exclude(IS_COMPLETE, *unwanted), IS_COMPLETE)
        return bars.filter(IS_COMPLETE).drop(IS_COMPLETE, *unwanted)

    def _kept(self, trades: pl.DataFrame) -> pl.DataFrame:
        """Return trades without the columns that rules bring along."""
        return trades.drop(self._brought) if self._brought else trades
