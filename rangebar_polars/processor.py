"""Bars of trades that come piece by piece, and the state that survives between the pieces.

A processor is the fold behind every other door, held open: however trades are cut into batches, and
whether it was saved and restored between two, the bars are those of one pass over all of them.
"""

import base64
import json
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self, SupportsIndex

import polars as pl
import polars.selectors as cs

from rangebar_polars import _internal
from rangebar_polars.batches import batches
from rangebar_polars.caller import warn_caller, warn_of
from rangebar_polars.errors import CheckpointError, RangeBarError
from rangebar_polars.fold import exportable, exported
from rangebar_polars.options import (
    Options,
    Reset,
    TimeUnit,
    check_symbol,
    check_threshold,
    check_time_unit,
)
from rangebar_polars.schema import ArrowStream, TradeColumns, is_arrow_stream

Record = Mapping[str, Any]
"""A trade as a mapping, in rangebar-py's form."""

Batch = pl.DataFrame | pl.LazyFrame | ArrowStream | Record | Iterable[Record]
"""What a processor takes: a frame, a plan, a table of another library, or mappings."""

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
        What the columns of the trades, or the keys of dicts, are called.
    time_unit
        The unit of times of dicts that are whole numbers: "s", "ms", "us" or "ns". The times of
        bars are of that unit, or of milliseconds for "s". Binance's spot archive has microseconds
        since 2025, and its sockets have milliseconds.

    Notes
    -----
    The trades of a processor have one order, so one thread at a time may give it trades. A second
    call at the same time is a RangeBarError and changes nothing. Everything else may be asked from
    any thread at any time, and is that of the last call that has ended.

    Every sum is kept, so that a checkpoint serves any later question; side and trade ids are
    therefore read and checked whenever they are there.

    Examples
    --------
    >>> from rangebar_polars import RangeBarProcessor
    >>> processor = RangeBarProcessor(250, symbol="BTCUSDT")
    >>> trades = [
    ...     {"timestamp": 1_704_067_200_000, "price": 50000.0, "quantity": 1.0},
    ...     {"timestamp": 1_704_067_201_000, "price": 50125.0, "quantity": 2.0},
    ...     {"timestamp": 1_704_067_202_000, "price": "50500.00", "quantity": "0.5"},
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
        time_unit: TimeUnit = "ms",
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
        self._time_unit = check_time_unit(time_unit)
        self._names = self._options.columns.names()
        self._turn = _Turn()
        self._builder = _internal.BarBuilder(self._options.kwargs(every_sum=True))
        self._no_bar: pl.DataFrame | None = None
        self._gaps = 0
        self._warned = set[str]()

    def __repr__(self) -> str:
        return f"RangeBarProcessor({self.threshold_decimal_bps}, {self._symbol!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.create_checkpoint(), self._options.columns, self._time_unit)

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
            A DataFrame; a LazyFrame, which is streamed; anything with ``__arrow_c_stream__``; or
            dicts (any mappings, in any iterable, or a single one) with ``timestamp``, ``price``,
            ``quantity`` or ``volume``, and where known ``is_buyer_maker``, ``agg_trade_id``,
            ``first_trade_id``, ``last_trade_id``. A time is a datetime (without a zone: UTC), or a
            whole number of `time_unit` from 1990 to 2100. Numbers may be text, as sockets send
            them. The times of bars of dicts are UTC.

        Returns
        -------
        DataFrame
            As `rangebar_polars.bars`; no row where no bar ended.

        Raises
        ------
        TypeError
            For what is none of these.
        RangeBarError
            For bad trades, and while another call is running. Time that goes back, or an id that
            repeats, is judged across batches as inside one. The state is then that of before the
            call.

        Warns
        -----
        RangeBarWarning
            Where ``agg_trade_id`` leaps between two calls: see `gaps`.
        """
        with self._turn:
            return self._process(trades)

    def _process(self, trades: Batch) -> pl.DataFrame:
        # The copy is what the batch is folded into, so that a bad one leaves nothing behind.
        builder = self._builder.copy()
        builder.mark_seam()
        try:
            ended = self._push(builder, trades)
        except pl.exceptions.ComputeError as error:
            raise RangeBarError(str(error)) from error
        told = builder.gap_texts(self._gaps)
        for text in told:
            warn_caller(text)
        self._gaps += len(told)
        warn_of(builder.notices(), self._warned)
        self._builder = builder
        if ended is not None:
            return ended
        if self._no_bar is None:
            self._no_bar = builder.empty()
        return self._no_bar.clone()

    def _push(self, builder: _internal.BarBuilder, trades: Batch) -> pl.DataFrame | None:
        if isinstance(trades, list):
            return builder.push_records(trades, self._names, self._time_unit)
        if isinstance(trades, pl.LazyFrame):
            given = trades.collect_schema()
            builder.bind(exportable(given, self._options).to_frame())
            read = [name for name in given if name in self._options.columns.names().values()]
            schema = pl.Schema({name: given[name] for name in read})
            rows = batches(trades.select(cs.by_name(*read)), schema)
            ended = [bars for batch in rows if (bars := builder.push(batch)) is not None]
            return pl.concat(ended) if ended else None
        if isinstance(trades, pl.DataFrame):
            return builder.push(exported(trades, self._options))
        if is_arrow_stream(trades):
            return builder.push(trades)
        if isinstance(trades, Mapping):
            return builder.push_records([trades], self._names, self._time_unit)
        if isinstance(trades, Iterable) and not isinstance(trades, str | bytes):
            return builder.push_records([*trades], self._names, self._time_unit)
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
        time_unit: TimeUnit | None = None,
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
        time_unit
            The unit of times of dicts that are whole numbers; by default that of the times of the
            trades so far, or "ms".

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
            time_unit="ms" if time_unit is None else time_unit,
        )
        processor.resume(data)
        time = processor.position.schema["timestamp"]
        if time_unit is None and isinstance(time, pl.Datetime) and processor.position.height > 0:
            processor._time_unit = time.time_unit
        return processor

    def resume(self, data: bytes) -> None:
        """Go on from a checkpoint instead of from the trades so far.

        Raises
        ------
        CheckpointError
            For a checkpoint that is damaged, or not of this symbol, threshold, gate and reset. A
            processor without a symbol takes that of the checkpoint.
        """
        with self._turn:
            self._resume(data)

    def _resume(self, data: bytes) -> None:
        of = _internal.read_checkpoint(data)[0]
        if self._symbol is not None and self._symbol != of:
            raise CheckpointError(f"the checkpoint is of symbol {of!r}: expected {self._symbol!r}")
        self._symbol = of
        self._gaps = 0
        self._warned.clear()
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
        time_unit: TimeUnit | None = None,
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
            data,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            columns=columns,
            time_unit=time_unit,
        )
        if told != (_JSON_FORMAT, processor.symbol, processor.threshold_decimal_bps):
            raise CheckpointError(
                "the checkpoint is damaged: its text contradicts its bytes "
                "(go back to an older one, or read the trades again)"
            )
        return processor


def _restored(data: bytes, columns: TradeColumns, time_unit: TimeUnit) -> RangeBarProcessor:
    """Return a processor that was pickled or copied."""
    return RangeBarProcessor.from_checkpoint(data, columns=columns, time_unit=time_unit)


class _Turn:
    """The turn of one call at a time; a context manager that refuses a second one.

    It does not wait: the second call may be made by what the first one reads, which would never
    end, and the order of the trades of two threads would be left to chance.
    """

    def __init__(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            # The thread that had the turn when the process was forked is not in the child.
            self._lock, self._process = threading.Lock(), os.getpid()
        if not self._lock.acquire(blocking=False):
            raise RangeBarError(
                "the processor is in the middle of another call, of another thread or of what that "
                "call reads (give it trades from one thread, one call after another)"
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()
