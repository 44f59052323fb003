"""Bars of trades that come piece by piece, and the state that survives between the pieces.

A processor is the fold behind every other door, held open: however trades are cut into batches, and
whether it was saved and restored between two, the bars are those of one pass over all of them.
"""

import base64
import json
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final, Self, SupportsIndex

import polars as pl

from rangebar_polars import _internal, _plugin
from rangebar_polars.bars import bars
from rangebar_polars.errors import CheckpointError, RangeBarError, RangeBarWarning
from rangebar_polars.schema import (
    ArrowStream,
    Options,
    Reset,
    TradeColumns,
    check_symbol,
    check_threshold,
)

Batch = pl.DataFrame | pl.LazyFrame | ArrowStream | list[dict[str, Any]]
"""What a processor takes: a frame, a plan, a table of another library, or a list of dicts."""

_JSON_FORMAT: Final = "rangebar-polars checkpoint"


class RangeBarProcessor:
    """Range bars of batches of trades, with a state that can be saved.

    Parameters
    ----------
    threshold_decimal_bps
        How far the price must move from a bar's open: 1 to 100,000 decimal basis points.
    symbol
        Whose trades these are, at most 128 bytes; kept in checkpoints.
    prevent_same_timestamp_close
        Let no trade of a bar's opening time close it.
    reset
        Begin a new chain at every UTC border of this period.
    include_microstructure
        Add sums, counts, ids and the ten features.
    include_incomplete
        Return bars that a reset cut off too, with ``is_complete`` false. The bar that is still open
        is never returned: see `get_incomplete_bar`.
    columns
        What the columns of the trades are called.

    Notes
    -----
    Every sum is kept, so that a checkpoint serves any later question; side and trade ids are
    therefore read and checked whenever they are there.

    Examples
    --------
    >>> from rangebar_polars import RangeBarProcessor
    >>> processor = RangeBarProcessor(250, symbol="BTCUSDT")
    >>> trades = [
    ...     {"timestamp": 0, "price": 50000.0, "quantity": 1.0},
    ...     {"timestamp": 1000, "price": 50125.0, "quantity": 2.0},
    ...     {"timestamp": 2000, "price": 50500.0, "quantity": 0.5},
    ... ]
    >>> processor.process_trades(trades[:1]).height
    0
    >>> processor.process_trades(trades[1:])["close"].item()
    50125.0
    >>> saved = processor.create_checkpoint()
    >>> restored = RangeBarProcessor.from_checkpoint(saved, symbol="BTCUSDT")
    >>> restored.get_incomplete_bar()["open"].item()
    50500.0
    """

    def __init__(
        self,
        threshold_decimal_bps: SupportsIndex,
        symbol: str | None = None,
        *,
        prevent_same_timestamp_close: bool = True,
        reset: Reset | None = None,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        columns: TradeColumns | None = None,
    ) -> None:
        self._options = Options.check(
            check_threshold(threshold_decimal_bps),
            columns=columns,
            reset=reset,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
        )
        self._symbol = check_symbol(symbol)
        self._builder = _internal.BarBuilder(self._options.kwargs(every_sum=True))
        self._no_bar: pl.DataFrame | None = None

    def __repr__(self) -> str:
        return f"RangeBarProcessor({self.threshold_decimal_bps}, {self._symbol!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.create_checkpoint(), self._options.columns)

    @property
    def threshold_decimal_bps(self) -> int:
        """The threshold."""
        return self._options.thresholds[0]

    @property
    def symbol(self) -> str | None:
        """Whose trades these are."""
        return self._symbol

    def process_trades(self, trades: Batch) -> pl.DataFrame:
        """Take in the next trades and return the bars that ended with them.

        Parameters
        ----------
        trades
            A DataFrame; a LazyFrame, which is streamed; anything with ``__arrow_c_stream__``; or a
            list of dicts with ``timestamp`` (int, milliseconds), ``price``, ``quantity`` or
            ``volume``, and where known ``is_buyer_maker``, ``agg_trade_id``, ``first_trade_id``,
            ``last_trade_id``. The times of bars of dicts are Datetime("ms", "UTC").

        Returns
        -------
        DataFrame
            As `rangebar_polars.bars`; no row where no bar ended.

        Raises
        ------
        TypeError
            For what is none of these.
        RangeBarError
            For bad trades. Time that goes back, or an id that repeats, is judged across batches as
            inside one. The state is then that of before the call.

        Warns
        -----
        RangeBarWarning
            Where ``agg_trade_id`` leaps between two calls: see `gaps`.
        """
        # The copy is what the batch is folded into, so that a bad one leaves nothing behind.
        builder = self._builder.copy()
        builder.mark_seam()
        try:
            ended = self._push(builder, trades)
        except pl.exceptions.ComputeError as error:
            raise RangeBarError(str(error)) from error
        known = self._builder.gap_count()
        if builder.gap_count() > known:
            _warn_of(builder.gaps()[known:])
        self._builder = builder
        if ended is not None:
            return ended
        if self._no_bar is None:
            self._no_bar = builder.empty()
        return self._no_bar.clone()

    def _push(self, builder: _internal.BarBuilder, trades: Batch) -> pl.DataFrame | None:
        if isinstance(trades, list):
            return builder.push_records(trades)
        if isinstance(trades, pl.LazyFrame):
            given = trades.collect_schema()
            builder.bind(given.to_frame())
            read = [name for name in given if name in self._options.columns.names().values()]
            batches = _plugin.batches(trades.select(read))
            ended = [bars for batch in batches if (bars := builder.push(batch)) is not None]
            return pl.concat(ended) if ended else None
        if isinstance(trades, ArrowStream):
            return builder.push(trades)
        raise TypeError(
            f"trades is a {type(trades).__name__}: expected a DataFrame, a LazyFrame, an object "
            "with __arrow_c_stream__ or a list of dicts"
        )

    def get_incomplete_bar(self) -> pl.DataFrame | None:
        """Return the bar that is still open, with its features so far, or None.

        Returns
        -------
        DataFrame or None
            One row with all columns of ``include_microstructure=True``.
        """
        bar = self._builder.open_bar()
        return bar if bar.height > 0 else None

    @property
    def position(self) -> pl.DataFrame:
        """Where the trades stand, in the dtype of the input: no row before the first trade.

        Columns: ``timestamp``, the last time, and ``agg_trade_id``, the last id that was not null.
        """
        return self._builder.position()

    @property
    def gaps(self) -> pl.DataFrame:
        """The leaps of ``agg_trade_id`` between two calls of `process_trades`, a row each.

        Columns: ``last_agg_trade_id``, ``next_agg_trade_id``, ``missing`` (how many ids), and
        ``last_time``, ``next_time``. Gaps are those of this object; a checkpoint does not hold
        them.
        """
        return self._builder.gaps()

    def create_checkpoint(self) -> bytes:
        """Return the state: rule, reset, every sum of the open bar, last time and id, symbol.

        Returns
        -------
        bytes
            Less than 1 kB, with a version and a checksum.
        """
        return self._builder.checkpoint(self._symbol)

    @classmethod
    def from_checkpoint(
        cls,
        data: bytes,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: SupportsIndex | None = None,
        columns: TradeColumns | None = None,
    ) -> Self:
        """Return a processor that goes on where another was saved.

        Parameters
        ----------
        data
            What `create_checkpoint` returned.
        symbol, threshold_decimal_bps
            What the checkpoint must be of; None: anything.
        columns
            What the columns of the trades are called, if not as by default.

        Raises
        ------
        CheckpointError
            For bytes that are damaged or of an unknown version, or for another symbol or threshold.

        Examples
        --------
        >>> from rangebar_polars import RangeBarProcessor
        >>> saved = RangeBarProcessor(250, symbol="BTCUSDT").create_checkpoint()
        >>> RangeBarProcessor.from_checkpoint(saved, symbol="ETHUSDT")
        Traceback (most recent call last):
        rangebar_polars.errors.CheckpointError: the checkpoint is of symbol 'BTCUSDT': expected
        'ETHUSDT'
        >>> RangeBarProcessor.from_checkpoint(saved[:-1])
        Traceback (most recent call last):
        rangebar_polars.errors.CheckpointError: the checkpoint is damaged: its checksum does not
        match (go back to an older one, or read the trades again)
        """
        if not isinstance(data, bytes):
            raise TypeError(f"data is a {type(data).__name__}: expected the bytes of a checkpoint")
        of, threshold, gate, reset, microstructure, incomplete = _internal.read_checkpoint(data)
        if threshold_decimal_bps is not None:
            expected = check_threshold(threshold_decimal_bps)
            if expected != threshold:
                raise CheckpointError(
                    f"the checkpoint is of threshold_decimal_bps {threshold}: expected {expected}"
                )
        processor = cls(
            threshold,
            of if symbol is None else symbol,
            prevent_same_timestamp_close=gate,
            reset=reset,
            include_microstructure=microstructure,
            include_incomplete=incomplete,
            columns=columns,
        )
        processor._resume(data)
        return processor

    def _resume(self, data: bytes) -> None:
        """Go on from a checkpoint, which must be of this symbol and rule."""
        of = _internal.read_checkpoint(data)[0]
        if self._symbol is not None and self._symbol != of:
            raise CheckpointError(f"the checkpoint is of symbol {of!r}: expected {self._symbol!r}")
        self._symbol = of
        self._builder = _internal.BarBuilder(self._options.kwargs(every_sum=True), data)

    def to_json(self) -> str:
        """Return the checkpoint as text: what it is of, readable, and its bytes in base64."""
        return json.dumps(
            {
                "format": _JSON_FORMAT,
                "symbol": self._symbol,
                "threshold_decimal_bps": self.threshold_decimal_bps,
                "checkpoint": base64.b64encode(self.create_checkpoint()).decode(),
            }
        )

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: SupportsIndex | None = None,
        columns: TradeColumns | None = None,
    ) -> Self:
        """Return a processor that goes on where another was saved by `to_json`.

        Raises
        ------
        CheckpointError
            As `from_checkpoint`, and for text that is none or contradicts its bytes.

        Examples
        --------
        >>> from rangebar_polars import RangeBarProcessor
        >>> text = RangeBarProcessor(250, symbol="BTCUSDT").to_json()
        >>> RangeBarProcessor.from_json(text).symbol
        'BTCUSDT'
        """
        try:
            fields = json.loads(text)
            data = base64.b64decode(fields["checkpoint"], validate=True)
            told = (fields["format"], fields["symbol"], fields["threshold_decimal_bps"])
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                "the checkpoint is damaged: its text is not what to_json wrote "
                "(go back to an older one, or read the trades again)"
            ) from error
        processor = cls.from_checkpoint(
            data, symbol=symbol, threshold_decimal_bps=threshold_decimal_bps, columns=columns
        )
        if told != (_JSON_FORMAT, processor.symbol, processor.threshold_decimal_bps):
            raise CheckpointError(
                "the checkpoint is damaged: its text contradicts its bytes "
                "(go back to an older one, or read the trades again)"
            )
        return processor


def _restored(data: bytes, columns: TradeColumns) -> RangeBarProcessor:
    """Return a processor that was pickled or copied."""
    return RangeBarProcessor.from_checkpoint(data, columns=columns)


def _warn_of(gaps: pl.DataFrame) -> None:
    for gap in gaps.iter_rows(named=True):
        warnings.warn(
            f"{gap['missing']} records are missing between agg_trade_id "
            f"{gap['last_agg_trade_id']} at {gap['last_time']} and {gap['next_agg_trade_id']} at "
            f"{gap['next_time']} (the bars run over the gap)",
            RangeBarWarning,
            stacklevel=3,
        )


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
    """Return the bars of trades at once: `bars`, collected, by the name of rangebar-py.

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
        As `bars`.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As `bars`.

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
    threshold_decimal_bps: SupportsIndex = 250,
    *,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
) -> Iterator[pl.DataFrame]:
    """Return the bars of batches of trades, a frame for each batch.

    No bar is lost between batches: together the frames are the bars of all trades in one piece.

    Parameters
    ----------
    batches
        Frames of trades, in order, that agree in columns, time unit and zone.
    threshold_decimal_bps, prevent_same_timestamp_close, reset, include_microstructure, columns
        As in `bars`.
    include_incomplete
        As in `bars`: the bar that is still open comes in a last frame of its own.

    Returns
    -------
    Iterator of DataFrame
        The bars that ended in each batch, perhaps none.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, when called.
    polars.exceptions.ComputeError
        For bad trades, when their batch is reached; frames before it were right.

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
        check_threshold(threshold_decimal_bps),
        columns=columns,
        reset=reset,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    if isinstance(batches, pl.DataFrame | pl.LazyFrame):
        raise TypeError(
            f"batches is a {type(batches).__name__}: expected an iterable of batches (for one "
            "frame: process_trades_polars)"
        )
    return _chunked(batches, _internal.BarBuilder(options.kwargs()))


def _chunked(
    batches: Iterable[pl.DataFrame | ArrowStream], builder: _internal.BarBuilder
) -> Iterator[pl.DataFrame]:
    for number, batch in enumerate(batches):
        if not isinstance(batch, ArrowStream):
            raise TypeError(
                f"batch {number} is a {type(batch).__name__}: expected a DataFrame or an object "
                "with __arrow_c_stream__"
            )
        ended = builder.push(batch)
        yield builder.empty() if ended is None else ended
    left = builder.finish()
    if left.height > 0:
        yield left


def bars_with_state(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream,
    threshold_decimal_bps: SupportsIndex = 250,
    *,
    state: bytes | None = None,
    symbol: str | None = None,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    columns: TradeColumns | None = None,
) -> tuple[pl.DataFrame, bytes]:
    """Return the bars of trades, and a checkpoint of the state behind them.

    With the checkpoint, more trades can be added without reading these again.

    Parameters
    ----------
    trades
        A DataFrame, a LazyFrame, which is streamed, or anything with ``__arrow_c_stream__``.
    threshold_decimal_bps, prevent_same_timestamp_close, reset, include_microstructure, columns
        As in `bars`.
    include_incomplete
        Add bars that a reset cut off; the bar that is still open is in the checkpoint.
    state
        A checkpoint to begin from; its threshold, gate and reset must be those asked for.
    symbol
        Whose trades these are, at most 128 bytes; a checkpoint of another is refused.

    Returns
    -------
    tuple of DataFrame and bytes
        The bars, and what `RangeBarProcessor.from_checkpoint` and ``state`` take.

    Raises
    ------
    TypeError, ValueError
        For a bad argument.
    CheckpointError
        For a checkpoint that is damaged or of something else.
    RangeBarError
        For bad trades.

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
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        columns=columns,
    )
    if state is not None:
        processor._resume(state)  # noqa: SLF001 - this module's own class
    return processor.process_trades(trades), processor.create_checkpoint()
