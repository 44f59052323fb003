"""Bars of batches of trades that come one after another, with a user's own aggregations.

The compiled half folds each batch into bars. Aggregations of Polars know no open state, so for them
the trades of a bar are held back until it ends: memory is bounded by the longest bar of each key
and threshold, not by the number of trades.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import polars as pl

from rangebar_polars._internal import OPENED, BarBuilder
from rangebar_polars.caller import warn_of
from rangebar_polars.options import Options, check_names
from rangebar_polars.schema import IS_COMPLETE, THRESHOLD

_KEY = [THRESHOLD, OPENED]


def columns_read(schema: pl.Schema, options: Options, wanted: list[str] | None) -> list[str]:
    """Return the columns of trades that bars and aggregations read, of those that are there."""
    read = set(options.reads(wanted))
    for agg in _wanted_aggs(options, wanted):
        # A selector or a wildcard may mean any column.
        read.update(schema if agg.meta.has_multiple_outputs() else agg.meta.root_names())
    return [name for name in schema if name in read]


def _wanted_aggs(options: Options, wanted: list[str] | None) -> list[pl.Expr]:
    """Return the aggregations of which a column is wanted, or may be."""
    return [
        agg
        for agg in options.aggs
        if wanted is None
        or agg.meta.has_multiple_outputs()
        or agg.meta.output_name(raise_if_undetermined=False) in {None, *wanted}
    ]


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
    builder.bind(schema.to_frame())
    warned = set[str]()
    for batch in batches:
        ended = builder.push(batch)
        del batch  # or it would live on while the next one is made
        warn_of(builder.notices(), warned)
        if ended is not None:
            yield ended
    yield builder.finish()


class _Held:
    """Trades of bars of one threshold that have not ended."""

    def __init__(self, schema: pl.Schema) -> None:
        self._frames = [pl.DataFrame(schema={**schema, OPENED: pl.Int64})]

    def add(self, trades: pl.DataFrame, opened: pl.Series) -> None:
        self._frames.append(trades.with_columns(opened.alias(OPENED)))

    def take(self, ended: pl.DataFrame) -> pl.DataFrame:
        """Take out the trades of bars that have ended; ``ended`` names the bars."""
        trades = pl.concat(self._frames)
        self._frames = [trades.join(ended, on=OPENED, how="anti")]
        return trades.join(ended, on=OPENED, how="semi")


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
        self._builder.bind(schema.to_frame())
        self._options = options
        self._held = {threshold: _Held(schema) for threshold in options.thresholds}

    def fold(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        warned = set[str]()
        for batch in batches:
            ended = self._builder.push(batch)
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
                # With one key alone Polars sums in another way where it happens to be sorted.
                key = pl.lit(threshold, pl.Int64).alias(THRESHOLD)
                trades = held.take(bars.select(OPENED))
                parts.append(trades.group_by(key, OPENED).agg(self._aggs))
        aggregated = pl.concat(parts)
        check_names([*ended.columns, *aggregated.drop(_KEY).columns])
        bars = ended.join(aggregated, on=_KEY, how="left", maintain_order="left")
        if self._options.include_incomplete:
            bars = bars.select(pl.exclude(IS_COMPLETE), IS_COMPLETE)
        else:
            bars = bars.filter(IS_COMPLETE).drop(IS_COMPLETE)
        return bars.drop(_KEY[self._options.threshold_column :])
