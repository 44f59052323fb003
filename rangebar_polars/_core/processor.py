"""Bars of trades that arrive in batches, and the state between the batches.

A processor uses the same fold as every other entry point: however trades are batched, and even if
it is saved and restored in between, the bars are those of one pass over all trades.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._argument_names import named_methods
from rangebar_polars._core import checkpoint_text
from rangebar_polars._core.arguments import Threshold, TimeUnit, check_symbol, check_time_unit
from rangebar_polars._core.batch import Batch, Overlap, check_overlap, push
from rangebar_polars._core.borders import Borders
from rangebar_polars._core.caller import warn_caller, warn_of
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.processed import Processed, State
from rangebar_polars._core.restored import arguments_of
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.turn import Turn
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._forks import use_own_threads
from rangebar_polars._rangebar_py_names import missing
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import CheckpointError, RangeBarError


@named_methods("process_trades")
class RangeBarProcessor(Processed):
    """Range bars of batches of trades, with a state that can be saved.

    Parameters
    ----------
    threshold_decimal_bps
        How far the price must move from a bar's open: 1 to 100,000 decimal basis points. Several
        take one pass over the trades, and add a leading column ``threshold_decimal_bps``. None is
        250, or what ``rule`` says.
    symbol
        The symbol of the trades, at most 128 bytes; it is saved in checkpoints.
    rule
        Another rule for when a bar ends, such as ``DollarRule(1e6)``, or several. A rule with an
        expression must read a column that the trades have, such as ``WhenRule(pl.col("flag"))``.
    by
        One or several key columns, as in `bars`: each key has its own chain of bars, and the key
        columns come first in the output. In dicts, keys are text, whole numbers, True or False, and
        None is a key too.
    prevent_same_timestamp_close
        Whether a trade at the opening time of a bar cannot close it; None is True. A rule has its
        own.
    reset
        As in `bars`. An expression must be a column that the trades have, such as
        ``pl.col("session")``; in dicts its values are text, integers, True or False, dates,
        datetimes or None.
    max_gap
        As in `bars`.
    include_microstructure
        Add sums, counts, ids and the features.
    features
        As in `bars`; a checkpoint has what these columns need of the open bar.
    footprint
        As in `bars`; a checkpoint has the levels of the open bar, and continues with the same tick.
    lookback
        As in `bars`; a checkpoint has the trades that the next bars look back at.
    vpin
        As in `bars`; a checkpoint has the buckets that are full.
    include_incomplete
        Also return bars that a reset cut off, with ``is_complete`` false. The open bar is never
        returned: see `get_incomplete_bar`.
    columns
        The names of the columns of the trades, and of the keys of dicts.
    time_unit
        Unit of times that are whole numbers in dicts: "s", "ms", "us" or "ns". Bars of dicts have
        times of Datetime(time_unit, "UTC"), for "s" in "ms". Frames have their own unit. Times of
        a coarser unit continue a chain of a finer one, which keeps its unit.
        Binance's spot archive has microseconds since 2025, and its sockets have milliseconds.

    Notes
    -----
    Every sum is computed, so that you can choose other columns when you continue from a checkpoint;
    of the statistics of ``features``, those that the checkpoint has, or fewer.
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

    Several symbols live, with a single checkpoint:

    >>> live = RangeBarProcessor([250, 500], by="symbol")
    >>> for symbol in ("BTCUSDT", "ETHUSDT"):
    ...     ended = live.process_trades([trade | {"symbol": symbol} for trade in trades[:2]])
    >>> ended.select("symbol", "threshold_decimal_bps", "close").rows()
    [('ETHUSDT', 250, 50125.0)]
    >>> live.limits[("ETHUSDT", 500)]
    (49750.00000000499, 50249.999999995)
    >>> RangeBarProcessor.from_checkpoint(live.create_checkpoint()).by
    ['symbol']
    """

    def __init__(
        self,
        threshold_decimal_bps: Threshold | None = None,
        symbol: str | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
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
    ) -> None:
        self._options = Options.check(
            threshold_decimal_bps,
            rule=rule,
            in_batches=True,
            columns=columns,
            by=by,
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
        self._time_unit = check_time_unit(time_unit)
        self._state = self._begin(None, check_symbol(symbol))
        self._no_bar: pl.DataFrame | None = None
        self._turn = Turn()

    if not TYPE_CHECKING:
        # Type checkers would take it for a promise that every name is there.
        def __getattr__(self, name: str) -> NoReturn:
            raise missing(name, self)

    def __repr__(self) -> str:
        by = f", by={self.by}" if self.by else ""
        threshold = self.threshold_decimal_bps
        what = f"rule={self.rule!r}" if threshold is None else threshold
        return f"RangeBarProcessor({what}, symbol={self.symbol!r}{by})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The checkpoint has every rule and reset but the expression of one.
        given = {
            "rule": self.rule if self._options.extras else None,
            "reset": self._options.reset,
            "columns": self._options.columns,
            "known": self._time_unit,
        }
        return _restored, (self.create_checkpoint(), given)

    def _begin(self, checkpoint: bytes | None, symbol: str | None) -> State:
        """Return the state before any trade, or that of a checkpoint."""
        options = self._options.kwargs(every_sum=True)
        builder = _internal.BarBuilder(options, checkpoint, self._time_unit)
        return builder, symbol, 0, frozenset()

    def process_trades(self, trades: Batch, *, overlap: Overlap = "raise") -> pl.DataFrame:
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
            may be text. With ``by``, every dict has the keys of that name too.
        overlap
            What becomes of trades at the begin of the call that were counted already, as a venue
            sends them again after a reconnect. "raise": they are an error like any trade out of
            order. "skip": those whose ``agg_trade_id`` is at or below the last one of their key are
            left out, up to the first one above it. Ids must rise with time.

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
            after any exception that the trades themselves raise. With ``overlap="skip"`` it is also
            an error if ids do not show which trades were counted: there are none, a trade before
            the first new one has none, or a trade is later than the last one and its id is not.
        ValueError
            ``overlap`` is neither "raise" nor "skip".

        Warns
        -----
        RangeBarWarning
            ``agg_trade_id`` jumps between two calls: see `gaps`.

        Notes
        -----
        With ``overlap="skip"``, a trade is known by its id alone: the price and the quantity of one
        that is left out are not compared with those that were counted. A trade of a gap (see
        `gaps`) that arrives later is left out too, because bars have run over the gap, and so is
        one from before the first trade of the processor.

        Examples
        --------
        >>> from rangebar_polars import RangeBarProcessor
        >>> trades = [
        ...     {
        ...         "timestamp": 1_704_067_200_000 + n,
        ...         "price": 100.0,
        ...         "quantity": 1.0,
        ...         "agg_trade_id": n,
        ...     }
        ...     for n in range(5)
        ... ]
        >>> processor = RangeBarProcessor(250)
        >>> bars = processor.process_trades(trades[:3])
        >>> bars = processor.process_trades(trades[1:], overlap="skip")
        >>> processor.open_bar()["volume"]
        5.0
        """
        check_overlap(overlap)
        turn = self._turn
        if turn.taken:
            turn.check()
        with turn.lock:
            turn.taken = True
            try:
                return self._take_in(trades, overlap)
            finally:
                turn.taken = False

    def _take_in(self, trades: Batch, overlap: Overlap) -> pl.DataFrame:
        if self._options.by:
            use_own_threads()
        before, symbol, gaps, warned = self._state
        # The batch is folded into a copy, so that a bad batch changes nothing.
        builder = before.next(overlap == "skip")
        try:
            ended = push(builder, trades, self._options)
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

    @classmethod
    def from_checkpoint(
        cls,
        data: bytes,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: Threshold | None = None,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit | None = None,
    ) -> Self:
        """Return a processor that continues from a checkpoint of another.

        Parameters
        ----------
        data
            The bytes of `create_checkpoint`.
        symbol, threshold_decimal_bps, rule, by, reset
            The values that the checkpoint must have; None: any. A rule with an expression, and the
            column of ``reset``, must be given, since a checkpoint does not hold them.
        columns
            The names of the columns of the trades, if they are not the default ones.
        time_unit
            Unit of times that are whole numbers in dicts. None: the unit of earlier times, or "ms"
            if there were none. The bytes do not hold "s".

        Raises
        ------
        CheckpointError
            The bytes are damaged or have an unknown version, the symbol, the thresholds, the keys
            or the reset differ, or earlier times do not fit ``time_unit``.

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
            rule=rule,
            by=by,
            reset=reset,
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
        threshold_decimal_bps: Threshold | None = None,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
        time_unit: TimeUnit | None = None,
        known: TimeUnit | None = None,
    ) -> Self:
        """Return the processor of a checkpoint; see `from_checkpoint` and `from_json`."""
        arguments = arguments_of(
            data,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            rule=rule,
            by=by,
            reset=reset,
            time_unit=time_unit,
            known=known,
        )
        processor = cls(**arguments, columns=columns)
        processor.resume(data)
        return processor

    def resume(self, data: bytes) -> None:
        """Replace the state by that of a checkpoint.

        Raises
        ------
        CheckpointError
            The checkpoint is damaged, or has another symbol, rule, reset or ``by``. A processor
            without a symbol takes that of the checkpoint.
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
        settings = checkpoint_text.stated(symbol, self.rule, self.by)
        return checkpoint_text.write(settings, self._time_unit, builder.checkpoint(symbol))

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        symbol: str | None = None,
        threshold_decimal_bps: Threshold | None = None,
        rule: Rule | Sequence[Rule] | None = None,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
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
        settings, unit, data = checkpoint_text.read(text)
        processor = cls._restore(
            data,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            rule=rule,
            by=by,
            reset=reset,
            columns=columns,
            time_unit=time_unit,
            known=unit,
        )
        if settings != checkpoint_text.stated(processor.symbol, processor.rule, processor.by):
            raise checkpoint_text.contradiction()
        return processor


def state_of(processor: RangeBarProcessor) -> State:
    """Return the state after the last finished call, which costs nothing, unlike a checkpoint."""
    return processor._state  # noqa: SLF001 - of this module


def go_back(processor: RangeBarProcessor, state: State) -> None:
    """Give a processor an earlier state of its own again.

    Raises
    ------
    RangeBarError
        A call is running.
    """
    turn = processor._turn  # noqa: SLF001 - of this module
    turn.check()
    with turn.lock:
        # Of a state before any trade, the dtype of times is not known yet.
        processor._no_bar = None  # noqa: SLF001 - of this module
        processor._state = state  # noqa: SLF001 - of this module


def _restored(data: bytes, given: dict[str, Any]) -> RangeBarProcessor:
    """Return a processor that was pickled or copied."""
    return RangeBarProcessor._restore(data, **given)  # noqa: SLF001 - of this module
