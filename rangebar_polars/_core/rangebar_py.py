"""The functions of rangebar-py for all trades at once, in batches, or from a state."""

from collections.abc import Iterable, Iterator, Sequence
from typing import SupportsIndex

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._core.arguments import MaxGap, Reset, Threshold, check_threshold
from rangebar_polars._core.bars import bars
from rangebar_polars._core.caller import warn_of
from rangebar_polars._core.fold import exported
from rangebar_polars._core.options import Options
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars.schema import ArrowStream, TradeColumns, is_arrow_stream


def process_trades_polars(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: SupportsIndex = 250,
    *,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
) -> pl.DataFrame:
    """Return the bars of trades as a frame: `bars`, collected, under the name of rangebar-py.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, which is streamed, or anything with ``__arrow_c_stream__``.
    threshold_decimal_bps, prevent_same_timestamp_close, reset, include_microstructure
        As in `bars`.
    include_incomplete, columns
        As in `bars`.

    Returns
    -------
    DataFrame
        As in `bars`.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As in `bars`.

    Examples
    --------
    >>> import polars as pl
    >>> from rangebar_polars import process_trades_polars
    >>> trades = pl.LazyFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0],
    ...         "quantity": [1.0, 1.0],
    ...     }
    ... )
    >>> process_trades_polars(trades, 250)["close"].to_list()
    [101.0]
    """
    result = bars(
        trades,
        check_threshold(threshold_decimal_bps),
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        columns=columns,
    )
    return result.collect(engine="streaming") if isinstance(result, pl.LazyFrame) else result


def process_trades_chunked(
    batches: Iterable[pl.DataFrame | ArrowStream],
    threshold_decimal_bps: SupportsIndex | None = None,
    *,
    rule: Rule | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: Reset | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
) -> Iterator[pl.DataFrame]:
    """Return the bars of batches of trades, a frame for each batch.

    No bar is lost between batches: together the frames are the bars of one pass over all trades.

    Parameters
    ----------
    batches
        Frames of trades, in order, that agree in columns, time unit and zone.
    threshold_decimal_bps, rule, prevent_same_timestamp_close, reset, max_gap, columns
        As in `bars`; one rule.
    include_microstructure
        As in `bars`.
    include_incomplete
        As in `bars`; the open bar comes in a separate last frame.

    Returns
    -------
    Iterator of DataFrame
        The bars that ended in each batch, perhaps none.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call.
    polars.exceptions.ComputeError
        Trades are bad; raised when their batch is reached. Earlier frames are correct.

    Examples
    --------
    >>> import polars as pl
    >>> from rangebar_polars import process_trades_chunked
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.1, 101.0],
    ...         "quantity": [1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> [bars.height for bars in process_trades_chunked(trades.iter_slices(1), 250)]
    [0, 0, 1]
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
        include_incomplete=include_incomplete,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    if isinstance(batches, pl.DataFrame | pl.LazyFrame):
        raise TypeError(
            f"batches is a {type(batches).__name__}: expected an iterable of batches (for one "
            "frame: process_trades_polars)"
        )
    return _chunked(batches, _internal.BarBuilder(options.kwargs()), options)


def _chunked(
    batches: Iterable[pl.DataFrame | ArrowStream], builder: _internal.BarBuilder, options: Options
) -> Iterator[pl.DataFrame]:
    warned = set[str]()
    for number, batch in enumerate(batches):
        if not is_arrow_stream(batch):
            raise TypeError(
                f"batch {number} is a {type(batch).__name__}: expected a DataFrame or an object "
                "with __arrow_c_stream__"
            )
        table = exported(batch, options) if isinstance(batch, pl.DataFrame) else batch
        ended = builder.push(table)
        warn_of(builder.notices(), warned)
        yield builder.empty() if ended is None else ended
    left = builder.finish()
    warn_of(builder.notices(), warned)
    if left.height > 0:
        yield left


def bars_with_state(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: Threshold | None = None,
    *,
    rule: Rule | Sequence[Rule] | None = None,
    by: str | Sequence[str] | None = None,
    state: bytes | None = None,
    symbol: str | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: Reset | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = False,
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
    include_microstructure
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
        include_incomplete=include_incomplete,
        columns=columns,
    )
    if state is not None:
        processor.resume(state)
    return processor.process_trades(trades), processor.create_checkpoint()
