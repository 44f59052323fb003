"""The functions of rangebar-py for all trades at once, in batches, or from a state."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, SupportsIndex

import polars as pl
import polars.selectors as cs

from rangebar_polars import _internal
from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import (
    SingleThreshold,
    Threshold,
    TimeUnit,
    check_columns,
    check_count,
    check_threshold,
    check_time_unit,
)
from rangebar_polars._core.bars import bars
from rangebar_polars._core.batch import Batch, items_of
from rangebar_polars._core.batches import batches
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.caller import warn_of
from rangebar_polars._core.fold import exported
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._core.whole_times import plan_with_datetimes, with_datetimes
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import ArrowStream, is_arrow_stream

CHUNK: Final = 100_000
"""How many dicts are read at a time."""

Batches = Batch | Iterable[pl.DataFrame | ArrowStream | Sequence[Mapping[str, Any]]]
"""Trades, or batches of them."""


@named
def process_trades_polars(
    trades: Batch,
    threshold_decimal_bps: SingleThreshold = 250,
    *,
    prevent_same_timestamp_close: bool = True,
    reset: Borders | None = None,
    include_microstructure: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
    time_unit: TimeUnit = "ms",
) -> pl.DataFrame:
    """Return the bars of trades as a frame: `bars`, collected, under the name of rangebar-py.

    Parameters
    ----------
    trades
        A DataFrame; a LazyFrame, which is streamed; anything with ``__arrow_c_stream__``; or dicts:
        any iterable of mappings with the keys of `RangeBarProcessor.process_trades`.
    threshold_decimal_bps, prevent_same_timestamp_close, reset, include_microstructure
        As in `bars`.
    features, footprint, lookback, vpin, include_incomplete, columns
        As in `bars`.
    time_unit
        Unit of times that are whole numbers, in a column or in dicts: "s", "ms", "us" or "ns". Bars
        then have times of Datetime(time_unit, "UTC"), for "s" in "ms".

    Returns
    -------
    DataFrame
        As in `bars`.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As in `bars`. Whole numbers must be times from 1990 to 2100.

    Examples
    --------
    >>> import polars as pl
    >>> from rangebar_polars import process_trades_polars
    >>> trades = pl.LazyFrame(
    ...     {
    ...         "timestamp": [1_704_067_200_000, 1_704_067_210_000],
    ...         "price": [42000.0, 42105.0],
    ...         "quantity": [1.5, 2.3],
    ...     }
    ... )
    >>> process_trades_polars(trades, "medium")["close"].to_list()
    [42105.0]
    >>> process_trades_polars(trades.collect().to_dicts())["close"].to_list()
    [42105.0]
    """
    check_time_unit(time_unit)
    name = check_columns(columns).timestamp
    given: pl.DataFrame | pl.LazyFrame
    if isinstance(trades, pl.LazyFrame):
        given = plan_with_datetimes(trades, name, time_unit)
    elif is_arrow_stream(trades):
        roots = reset.meta.root_names() if isinstance(reset, pl.Expr) else []
        read = [*check_columns(columns).names().values(), *roots]
        given = with_datetimes(_frame_of(trades, read), name, time_unit)
    else:
        # The first batch has no trade, and makes a frame of bars without a row.
        frames = process_trades_chunked(
            chain([[]], items_of(trades)),
            check_threshold(threshold_decimal_bps),
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            include_incomplete=include_incomplete,
            columns=columns,
            time_unit=time_unit,
        )
        return pl.concat(frames)
    result = bars(
        given,
        check_threshold(threshold_decimal_bps),
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        include_microstructure=include_microstructure,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        include_incomplete=include_incomplete,
        columns=columns,
    )
    return result.collect(engine="streaming") if isinstance(result, pl.LazyFrame) else result


@named
def process_trades_chunked(
    trades_iterator: Batches,
    threshold_decimal_bps: SingleThreshold | None = None,
    chunk_size: SupportsIndex = CHUNK,
    *,
    rule: Rule | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
    time_unit: TimeUnit = "ms",
) -> Iterator[pl.DataFrame]:
    """Return the bars of trades that are read in chunks, a frame for each chunk.

    No bar is lost between chunks: together the frames are the bars of one pass over all trades.

    Parameters
    ----------
    trades_iterator
        Dicts: any iterable of mappings with the keys of `RangeBarProcessor.process_trades`. Or
        batches of trades, in order, that agree in columns, time unit and zone: frames, objects with
        ``__arrow_c_stream__``, or lists of dicts, each of which is a chunk. Or one DataFrame or
        LazyFrame, which is streamed.
    threshold_decimal_bps, rule, prevent_same_timestamp_close, reset, max_gap, columns
        As in `bars`; one rule.
    include_microstructure, features, footprint, lookback, vpin
        As in `bars`.
    chunk_size
        How many trades of an iterable of dicts, or of one frame, are a chunk at most.
    include_incomplete
        As in `bars`; the open bar comes in a separate last frame.
    time_unit
        As in `process_trades_polars`.

    Returns
    -------
    Iterator of DataFrame
        The bars that ended in each chunk, perhaps none.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call.
    TypeError, RangeBarError, polars.exceptions.ComputeError
        Trades are bad; raised when their chunk is reached. Earlier frames are correct.

    Examples
    --------
    >>> from rangebar_polars import process_trades_chunked
    >>> trades = [
    ...     {"timestamp": 1_704_067_200_000, "price": 42000.0, "quantity": 1.5},
    ...     {"timestamp": 1_704_067_205_000, "price": 42050.0, "quantity": 0.5},
    ...     {"timestamp": 1_704_067_210_000, "price": 42105.0, "quantity": 2.3},
    ... ]
    >>> [bars.height for bars in process_trades_chunked(iter(trades), 250, chunk_size=2)]
    [0, 1]
    """
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        one="batches make bars",
        in_batches=True,
        columns=columns,
        reset=reset,
        max_gap=max_gap,
        include_microstructure=include_microstructure,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        include_incomplete=include_incomplete,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    builder = _internal.BarBuilder(options.kwargs(), None, check_time_unit(time_unit))
    size = check_count(chunk_size, "chunk_size")
    if not is_arrow_stream(trades_iterator) and not isinstance(trades_iterator, pl.LazyFrame):
        items_of(trades_iterator)
    return _chunked(_batches_of(trades_iterator, options, size), builder, options, time_unit)


def _frame_of(table: ArrowStream, read: Iterable[str]) -> pl.DataFrame:
    """Return a frame itself, or the columns that are read of a table of another library."""
    return table if isinstance(table, pl.DataFrame) else _internal.read_table(table, [*read])


def _batches_of(
    trades: Batches, options: Options, chunk_size: int
) -> Iterator[pl.DataFrame | list[Any]]:
    """Yield the batches of trades, as frames or lists of dicts."""
    if isinstance(trades, pl.LazyFrame):
        plan = trades.select(cs.by_name(*options.reads_at_most, require_all=False))
        schema = plan.collect_schema()
        rows = None
        for rows in batches(plan, schema):
            yield from rows.iter_slices(chunk_size)
        if rows is None:
            # The columns may be wrong even so.
            yield schema.to_frame()
    elif is_arrow_stream(trades):
        yield from _frame_of(trades, options.reads_at_most).iter_slices(chunk_size)
    else:
        items = iter(items_of(trades))
        for item in items:
            if is_arrow_stream(item):
                yield _frame_of(item, options.reads_at_most)
            elif isinstance(item, list):
                yield item
            else:
                yield [item, *islice(items, chunk_size - 1)]


def _chunked(
    trades: Iterable[pl.DataFrame | list[Any]],
    builder: _internal.BarBuilder,
    options: Options,
    time_unit: TimeUnit,
) -> Iterator[pl.DataFrame]:
    warned, count = set[str](), 0
    for batch in trades:
        if isinstance(batch, list):
            ended = builder.push_records(batch)
        else:
            name = options.columns.timestamp
            frame = with_datetimes(batch, name, time_unit, first=count)
            ended = builder.push(exported(frame, options))
        count += len(batch)
        warn_of(builder.notices(), warned)
        yield builder.empty() if ended is None else ended
    left = builder.finish()
    warn_of(builder.notices(), warned)
    if left.height > 0:
        yield left


@named
def bars_with_state(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    state: bytes | None = None,
    symbol: str | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: Borders | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
) -> tuple[pl.DataFrame, bytes]:
    """Return the bars of trades, and a checkpoint of the state after them.

    With the checkpoint, more trades can be added without reading these again.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, which is streamed, or anything with ``__arrow_c_stream__``.
    threshold_decimal_bps, rule, by, prevent_same_timestamp_close, reset, max_gap, columns
        As in `bars`, also several rules.
    include_microstructure, features, footprint, lookback, vpin
        As in `bars`.
    include_incomplete
        Add bars that a reset cut off; the bar that is still open is in the checkpoint.
    state
        A checkpoint to start from; it must have the same rule, reset and ``by``.
    symbol
        The symbol of the trades, at most 128 bytes; a checkpoint of another symbol is refused.

    Returns
    -------
    tuple of DataFrame and bytes
        The bars, and a checkpoint for `RangeBarProcessor.from_checkpoint` or ``state``.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.
    CheckpointError
        The checkpoint is damaged or has another symbol, rule, reset or ``by``.
    RangeBarError
        Trades are bad.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.1, 101.0, 101.0],
    ...         "quantity": [1.0, 1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> first, state = rb.bars_with_state(trades.head(2), 250)
    >>> second, _ = rb.bars_with_state(trades.tail(2), 250, state=state)
    >>> pl.concat([first, second]).equals(rb.bars(trades, 250))
    True
    """
    processor = RangeBarProcessor(
        threshold_decimal_bps,
        symbol,
        rule=rule,
        by=by,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        max_gap=max_gap,
        include_microstructure=include_microstructure,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        include_incomplete=include_incomplete,
        columns=columns,
    )
    if state is not None:
        processor.resume(state)
    return processor.process_trades(trades), processor.create_checkpoint()
