"""Bars of trades that arrive in batches, and the state between the batches.

A processor uses the same fold as every other entry point: however trades are batched, and even if
it is saved and restored in between, the bars are those of one pass over all trades.
"""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import polars as pl
import polars.selectors as cs

from rangebar_polars import _internal
from rangebar_polars._arguments import named_methods
from rangebar_polars._core.batch import Batch, dicts_of
from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_caller, warn_of
from rangebar_polars._core.fold import exportable, exported
from rangebar_polars._core.options import (
    Options,
    Reset,
    SingleThreshold,
    TimeUnit,
    check_symbol,
    check_threshold,
    check_time_unit,
)
from rangebar_polars._core.turn import Turn
from rangebar_polars._rangebar_py_names import missing
from rangebar_polars.errors import CheckpointError, RangeBarError
from rangebar_polars.schema import TradeColumns, is_arrow_stream

_JSON_FORMAT: Final = "rangebar-polars checkpoint"
_COLUMN_UNITS: Final[Mapping[str, str]] = {"s": "ms"}
"""The unit of a column of times, if it is not the unit of the whole numbers."""


_State = tuple[_internal.BarBuilder, str | None, int, frozenset[str]]
"""The state after a call, which is replaced and never changed: the builder, the symbol, the number
of gaps and the kinds of notices of earlier warnings."""


@named_methods("process_trades")
class RangeBarProcessor:
    """Range bars of batches of trades, with a state that can be saved.

    Parameters
    ----------
    threshold_decimal_bps
        How far the price must move from a bar's open: 1 to 100,000 decimal basis points.
    symbol
        The symbol of the trades, at most 128 bytes; it is saved in checkpoints.
    prevent_same_timestamp_close
        Whether a trade at the opening time of a bar cannot close it.
    reset
        The period at whose UTC borders a new chain begins.
    include_microstructure
        Add sums, counts, ids and the features.
    include_incomplete
        Also return bars that a reset cut off, with ``is_complete`` false. The open bar is never
        returned: see `get_incomplete_bar`.
    columns
        The names of the columns of the trades, and of the keys of dicts.
    time_unit
        Unit of times that are whole numbers in dicts: "s", "ms", "us" or "ns". Bars of dicts have
        times of Datetime(time_unit, "UTC"), for "s" in "ms". Frames have their own unit.
        Binance's spot archive has microseconds since 2025, and its sockets have milliseconds.

    Notes
    -----
    Every sum is computed, so that you can choose other columns when you continue from a checkpoint.
    So side and trade ids are read and checked if they exist.

    Trades must come in order, so only one thread at a time may pass them. A second call at the same
    time raises RangeBarError and changes nothing. All other methods may be called from any thread
    at any time, and show the state after the last finished call.

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
        threshold_decimal_bps: SingleThreshold,
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
        self._time_unit = check_time_unit(time_unit)
        self._state = self._begin(None, check_symbol(symbol))
        self._no_bar: pl.DataFrame | None = None
        self._turn = Turn()

    def __repr__(self) -> str:
        return f"RangeBarProcessor({self.threshold_decimal_bps}, {self.symbol!r})"

    if not TYPE_CHECKING:
        # Type checkers would take it for a promise that every name is there.
        def __getattr__(self, name: str) -> NoReturn:
            raise missing(name, self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.create_checkpoint(), self._options.columns, self._time_unit)

    def _begin(self, checkpoint: bytes | None, symbol: str | None) -> _State:
        """Return the state before any trade, or that of a checkpoint."""
        options = self._options.kwargs(every_sum=True)
        builder = _internal.BarBuilder(options, checkpoint, self._time_unit)
        return builder, symbol, 0, frozenset()

    @property
    def threshold_decimal_bps(self) -> int:
        """The threshold."""
        return self._options.thresholds[0]

    @property
    def symbol(self) -> str | None:
        """The symbol of the trades."""
        return self._state[1]

    @property
    def prevent_same_timestamp_close(self) -> bool:
        """Whether a trade at the opening time of a bar cannot close it."""
        return self._options.prevent_same_timestamp_close

    @property
    def time_unit(self) -> TimeUnit:
        """Unit of times that are whole numbers in dicts."""
        return self._time_unit

    def process_trades(self, trades: Batch) -> pl.DataFrame:
        """Process the next trades and return the bars that ended with them.

        Parameters
        ----------
        trades
            A DataFrame; a LazyFrame, which is streamed; anything with ``__arrow_c_stream__``; or
            dicts: any iterable of mappings, which is read to its end first, or a single mapping.

            The keys of dicts are the names of the columns: ``timestamp``, ``price``, ``quantity``
            (or ``volume``) and, if known, ``is_buyer_maker``, ``agg_trade_id``, ``first_trade_id``,
            ``last_trade_id``. Of these optional keys, those of the first dict are read in all; one
            that is missing later is null, but one that you name must exist. A time is a whole
            number of ``time_unit`` from 1990 to 2100, or a ``datetime`` (a naive one is in UTC)
            that the unit can represent exactly. Prices, quantities, ids and whole numbers of time
            may be text.

        Returns
        -------
        DataFrame
            As in `rangebar_polars.bars`; without rows if no bar ended.

        Raises
        ------
        TypeError
            It is none of these.
        RangeBarError
            Trades are bad, or another call is running. Time that goes back, or an id that repeats,
            is also an error between two batches. The state is then the same as before the call, as
            after any exception that the trades themselves raise.

        Warns
        -----
        RangeBarWarning
            ``agg_trade_id`` jumps between two calls: see `gaps`.
        """
        turn = self._turn
        if turn.taken:
            turn.check()
        with turn.lock:
            turn.taken = True
            try:
                return self._take_in(trades)
            finally:
                turn.taken = False

    def _take_in(self, trades: Batch) -> pl.DataFrame:
        before, symbol, gaps, warned = self._state
        # The batch is folded into a copy, so that a bad batch changes nothing.
        builder = before.next()
        try:
            ended = self._push(builder, trades)
        except pl.exceptions.ComputeError as error:
            raise RangeBarError(str(error)) from error
        if texts := builder.gap_texts(gaps):
            for text in texts:
                warn_caller(text)
            gaps += len(texts)
        if notices := builder.notices():
            known = set(warned)
            warn_of(notices, known)
            warned = frozenset(known)
        if ended is None:
            if self._no_bar is None:
                self._no_bar = builder.empty()
            ended = self._no_bar.clone()
        self._state = builder, symbol, gaps, warned
        return ended

    def _push(self, builder: _internal.BarBuilder, trades: Batch) -> pl.DataFrame | None:
        if isinstance(trades, list):
            return builder.push_records(trades)
        if isinstance(trades, dict):
            return builder.push_records([trades])
        if isinstance(trades, pl.DataFrame):
            return builder.push(exported(trades, self._options))
        if isinstance(trades, pl.LazyFrame):
            given = trades.collect_schema()
            builder.bind(exportable(given, self._options).to_frame())
            read = [name for name in given if name in self._options.columns.names().values()]
            schema = pl.Schema({name: given[name] for name in read})
            rows = batches(trades.select(cs.by_name(*read)), schema)
            ended = [bars for batch in rows if (bars := builder.push(batch)) is not None]
            return pl.concat(ended) if ended else None
        if is_arrow_stream(trades):
            return builder.push(trades)
        return builder.push_records(dicts_of(trades))

    def get_incomplete_bar(self) -> pl.DataFrame | None:
        """Return the bar that is still open, with its features so far, or None.

        Returns
        -------
        DataFrame or None
            One row with all columns of ``include_microstructure=True``.
        """
        bar = self._state[0].open_bar()
        return bar if bar.height > 0 else None

    @property
    def has_incomplete_bar(self) -> bool:
        """Whether a bar is open: `get_incomplete_bar` returns one."""
        return self.get_incomplete_bar() is not None

    @property
    def position(self) -> pl.DataFrame:
        """The last time and id, in the dtype of the input; without rows before the first trade.

        Columns: ``timestamp``, the last time, and ``agg_trade_id``, the last id that was not null.
        """
        return self._state[0].position()

    @property
    def gaps(self) -> pl.DataFrame:
        """The jumps of ``agg_trade_id`` between two calls of `process_trades`, one row each.

        Columns: ``last_agg_trade_id``, ``next_agg_trade_id``, ``missing`` (how many ids), and
        ``last_time``, ``next_time``. Only gaps that this object saw are listed; a checkpoint does
        not save them.
        """
        return self._state[0].gaps()

    def create_checkpoint(self, symbol: str | None = None) -> bytes:
        """Return the state: rule, reset, every sum of the open bar, last time and id, symbol.

        Parameters
        ----------
        symbol
            The symbol of the trades, for a processor without one.

        Returns
        -------
        bytes
            Less than 1 kB, with a version and a checksum.

        Raises
        ------
        ValueError, TypeError
            The processor has another symbol, or it is none.
        """
        builder, own, *_ = self._state
        if own is not None and symbol not in {None, own}:
            raise ValueError(
                f"symbol is {symbol!r}: expected {own!r}, which the processor has (leave it out)"
            )
        return builder.checkpoint(check_symbol(symbol) if own is None else own)

    @classmethod
    def from_checkpoint(
        cls,
        data: bytes,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit | None = None,
    ) -> Self:
        """Return a processor that continues from a checkpoint of another.

        Parameters
        ----------
        data
            The bytes of `create_checkpoint`.
        symbol, threshold_decimal_bps
            The values that the checkpoint must have; None: any.
        columns
            The names of the columns of the trades, if they are not the default ones.
        time_unit
            Unit of times that are whole numbers in dicts. None: the unit of earlier times, or "ms"
            if there were none. The bytes do not hold "s".

        Raises
        ------
        CheckpointError
            The bytes are damaged or have an unknown version, the symbol or threshold differs, or
            earlier times do not fit ``time_unit``.

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
        return cls._restore(
            data,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            columns=columns,
            time_unit=time_unit,
        )

    @classmethod
    def _restore(
        cls,
        data: bytes,
        *,
        columns: TradeColumns | None,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        time_unit: TimeUnit | None = None,
        known: TimeUnit | None = None,
    ) -> Self:
        """Return the processor of a checkpoint; see `from_checkpoint` and `from_json`."""
        if not isinstance(data, bytes):
            hint = " (one of rangebar-py has no exact sums: process its trades again)"
            raise TypeError(
                f"data is a {type(data).__name__}: expected the bytes of a checkpoint"
                f"{hint if isinstance(data, dict) else ''}"
            )
        checkpoint = _internal.read_checkpoint(data)
        of, threshold, same_time_gate, reset, microstructure, incomplete, unit = checkpoint
        if threshold_decimal_bps is not None:
            expected = check_threshold(threshold_decimal_bps)
            if expected != threshold:
                raise CheckpointError(
                    f"the checkpoint is of threshold_decimal_bps {threshold}: expected {expected}"
                )
        if time_unit is not None:
            check_time_unit(time_unit)
            if unit not in {None, _COLUMN_UNITS.get(time_unit, time_unit)}:
                raise CheckpointError(
                    f"the checkpoint is of times in {unit}: expected {time_unit} (leave out "
                    f"time_unit, and give dicts times in {unit} or datetimes)"
                )
        processor = cls(
            threshold,
            of if symbol is None else symbol,
            prevent_same_timestamp_close=same_time_gate,
            reset=reset,
            include_microstructure=microstructure,
            include_incomplete=incomplete,
            columns=columns,
            time_unit=time_unit or known or unit or "ms",
        )
        processor.resume(data)
        return processor

    def resume(self, data: bytes) -> None:
        """Replace the state by that of a checkpoint.

        Raises
        ------
        CheckpointError
            The checkpoint is damaged, or has another symbol, rule or reset. A processor without
            a symbol takes that of the checkpoint.
        """
        of = _internal.read_checkpoint(data)[0]
        turn = self._turn
        turn.check()
        with turn.lock:
            turn.taken = True
            try:
                if self.symbol is not None and self.symbol != of:
                    raise CheckpointError(
                        f"the checkpoint is of symbol {of!r}: expected {self.symbol!r}"
                    )
                state = self._begin(data, of)
                self._no_bar = None
                self._state = state
            finally:
                turn.taken = False

    def to_json(self) -> str:
        """Return the checkpoint as JSON: its settings, and its bytes in base64."""
        builder, symbol, *_ = self._state
        return json.dumps(
            {
                "format": _JSON_FORMAT,
                "symbol": symbol,
                "threshold_decimal_bps": self.threshold_decimal_bps,
                "time_unit": self._time_unit,
                "checkpoint": base64.b64encode(builder.checkpoint(symbol)).decode(),
            }
        )

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit | None = None,
    ) -> Self:
        """Return a processor that continues from the `to_json` of another.

        The parameters are those of `from_checkpoint`; the text also has the ``time_unit``.

        Raises
        ------
        CheckpointError
            As in `from_checkpoint`; or the text is invalid or contradicts its bytes.

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
            stated = (fields["format"], fields["symbol"], fields["threshold_decimal_bps"])
            unit = check_time_unit(fields["time_unit"])
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                "the checkpoint is damaged: its text is not what to_json wrote "
                "(go back to an older one, or read the trades again)"
            ) from error
        processor = cls._restore(
            data,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            columns=columns,
            time_unit=time_unit,
            known=unit,
        )
        if stated != (_JSON_FORMAT, processor.symbol, processor.threshold_decimal_bps):
            raise CheckpointError(
                "the checkpoint is damaged: its text contradicts its bytes "
                "(go back to an older one, or read the trades again)"
            )
        return processor


def _restored(data: bytes, columns: TradeColumns, time_unit: TimeUnit) -> RangeBarProcessor:
    """Return a processor that was pickled or copied."""
    return RangeBarProcessor._restore(data, columns=columns, known=time_unit)  # noqa: SLF001
