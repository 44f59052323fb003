"""The state of a processor, and what it shows of the trades so far."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._core.arguments import TimeUnit, check_symbol
from rangebar_polars._core.open_bars import Chain, Limits, by_chain, open_bars
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars.schema import THRESHOLD

State = tuple[_internal.BarBuilder, str | None, int, frozenset[str]]
"""The state after a call, which is replaced and never changed: the builder, the symbol, the number
of gaps and the kinds of notices of earlier warnings."""


def checkpoint_of(state: State) -> bytes:
    """Return the checkpoint of a state, of the symbol that it has."""
    builder, symbol, *_ = state
    return builder.checkpoint(symbol)


class Processed:
    """What a processor shows; the methods that change its state are those of the subclass.

    Attributes
    ----------
    _options
        Its arguments.
    _time_unit
        Unit of times that are whole numbers in dicts.
    _state
        The state after the last finished call.
    """

    _options: Options
    _time_unit: TimeUnit
    _state: State

    @property
    def _has_several_chains(self) -> bool:
        """Whether bars have a column of rules or of keys."""
        return self._options.rule_column is not None or bool(self._options.by)

    @property
    def rule(self) -> Rule | list[Rule]:
        """The rule; a list if several were given as a sequence."""
        rules = list(self._options.rules)
        return rules[0] if self._options.rule_column is None else rules

    @property
    def threshold_decimal_bps(self) -> int | list[int] | None:
        """The threshold; a list, ascending, if several were given; None for other rules."""
        thresholds = list(self._options.thresholds)
        if self._options.rule_column is None:
            return thresholds[0] if thresholds else None
        return thresholds if self._options.rule_column == THRESHOLD else None

    @property
    def prevent_same_timestamp_close(self) -> bool:
        """Whether a trade at the opening time of a bar cannot close it, for every rule."""
        return all(rule.prevent_same_timestamp_close for rule in self._options.rules)

    @property
    def has_incomplete_bar(self) -> bool:
        """Whether a bar is open: `get_incomplete_bar` returns one."""
        return bool(self._state[0].open_values())

    @property
    def by(self) -> list[str]:
        """The key columns; an empty list if there are none."""
        return list(self._options.by)

    @property
    def symbol(self) -> str | None:
        """The symbol of the trades."""
        return self._state[1]

    @property
    def time_unit(self) -> TimeUnit:
        """Unit of times that are whole numbers in dicts."""
        return self._time_unit

    def get_incomplete_bar(self) -> pl.DataFrame | None:
        """Return the bar that is still open, with its features so far, or None.

        Returns
        -------
        DataFrame or None
            One row with all columns of ``include_microstructure=True`` and ``features``; with
            several thresholds or keys, a row for each open bar. See `open_bar` for a faster call
            without the features.
        """
        bar = self._state[0].open_bar()
        return bar if bar.height > 0 else None

    def open_bar(self) -> dict[Any, Any] | None:
        """Return the bar that is still open as a dict, or None.

        Returns
        -------
        dict or None
            ``open_time`` and ``close_time`` (datetime), ``open``, ``high``, ``low``, ``close`` and
            ``volume`` (float), as in ``get_incomplete_bar().row(0, named=True)``. With several
            thresholds or keys, a dict of such dicts, one for each open bar. Its keys are tuples of
            what the leading columns of bars hold: ``("BTCUSDT", 250)``, ``("BTCUSDT",)`` or
            ``(250,)``.

        Raises
        ------
        OverflowError
            A time is beyond the calendar of Python, which ends with the year 9999.
        TypeError
            A key is a list or a struct.

        Examples
        --------
        >>> from rangebar_polars import RangeBarProcessor
        >>> trade = {"timestamp": 1_704_067_200_000, "price": 100.0, "quantity": 1.0}
        >>> processor = RangeBarProcessor(250)
        >>> ended = processor.process_trades(trade)
        >>> processor.open_bar()["open_time"].isoformat()
        '2024-01-01T00:00:00+00:00'
        >>> several = RangeBarProcessor([250, 500])
        >>> ended = several.process_trades(trade)
        >>> {chain: bar["close"] for chain, bar in several.open_bar().items()}
        {(250,): 100.0, (500,): 100.0}
        """
        builder = self._state[0]
        bars = open_bars(builder)
        if self._has_several_chains:
            return by_chain(builder, self._names_of_rules(), bars)
        return bars[0][2] if bars else None

    @property
    def limits(self) -> Limits | dict[Chain, Limits] | None:
        """The prices at which the open bar closes: (lower, upper), or None if no bar is open.

        A bar that closes by something else than its distance from the open has none either.

        The next trade closes the bar if its price is at or below ``lower``, or at or above
        ``upper``; with ``prevent_same_timestamp_close``, only if it is later than ``open_time``.
        Prices count to 8 decimals, and these are the floats nearest to the open that count as the
        limit, so that 100.25 is 100.249999995. ``upper`` may be infinite. With several thresholds
        or keys, a dict as in `open_bar`.

        Examples
        --------
        >>> from rangebar_polars import RangeBarProcessor
        >>> processor = RangeBarProcessor(250)
        >>> trade = {"timestamp": 1_704_067_200_000, "price": 100.0, "quantity": 1.0}
        >>> ended = processor.process_trades(trade)
        >>> processor.limits
        (99.75000000499999, 100.249999995)
        """
        builder = self._state[0]
        limits = builder.limits()
        if self._has_several_chains:
            pairs = ((key, rule, (lower, upper)) for key, rule, lower, upper in limits)
            return by_chain(builder, self._names_of_rules(), pairs)
        return limits[0][2:] if limits else None

    def _names_of_rules(self) -> Sequence[int | str] | None:
        """Return what the column of thresholds or of rules holds; None: there is no such column."""
        options = self._options
        if options.rule_column is None:
            return None
        is_threshold = options.rule_column == THRESHOLD
        return options.thresholds if is_threshold else [str(rule) for rule in options.rules]

    @property
    def position(self) -> pl.DataFrame:
        """The last time and id, in the dtype of the input; without rows before the first trade.

        Columns: ``timestamp``, the last time, and ``agg_trade_id``, the last id that was not null.
        With ``by``, a row for each key, after its columns.
        """
        return self._state[0].position()

    @property
    def gaps(self) -> pl.DataFrame:
        """The jumps of ``agg_trade_id`` between two calls of `process_trades`, one row each.

        Columns: those of ``by``, ``last_agg_trade_id``, ``next_agg_trade_id``, ``missing`` (how
        many ids), and ``last_time``, ``next_time``. Only gaps that this object saw are listed; a
        checkpoint does not save them.
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
            At most 1,000, or 4,000 with ``features``, with a version and a checksum. With several
            thresholds or keys, about 150 for each key and threshold, and at most 16 MiB. With
            ``footprint``, some 20 to 30 more for each level of the open bar, with ``lookback``
            about 12 for each trade that the next bar may look back at, and with ``vpin`` at most 10
            for each full bucket.

        Raises
        ------
        ValueError, TypeError
            The processor has another symbol, or it is none.
        CheckpointError
            The bytes of several chains are too many, or a key column is a List, an Array, a Struct,
            UInt128, or a Categorical with categories of its own: cast such keys to text.
        """
        builder, own, *_ = self._state
        if own is not None and symbol not in {None, own}:
            raise ValueError(
                f"symbol is {symbol!r}: expected {own!r}, which the processor has (leave it out)"
            )
        return builder.checkpoint(check_symbol(symbol) if own is None else own)
