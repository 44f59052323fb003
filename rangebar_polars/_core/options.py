"""The arguments that every entry point shares, checked when the call is made."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, SupportsIndex, get_args

import polars as pl

from rangebar_polars import _internal
from rangebar_polars.schema import ALWAYS_READ, COLUMNS, RESERVED, TradeColumns

THRESHOLD_DECIMAL_MIN: Final = 1
"""The smallest threshold in decimal basis points: 0.001 %."""

THRESHOLD_DECIMAL_MAX: Final = 100_000
"""The largest threshold in decimal basis points: 100 %."""

MAX_SYMBOL: Final = 128
"""The longest symbol that a checkpoint holds, in bytes."""

Threshold = SupportsIndex | Sequence[SupportsIndex]
"""One threshold, or several for one pass over the trades."""

Reset = Literal["day", "week", "month", "year"]
"""A period at whose UTC borders a new chain of bars begins; weeks begin on Monday."""


TimeUnit = Literal["s", "ms", "us", "ns"]
"""The unit of a time that is a whole number, since 1970."""


def check_threshold(threshold_decimal_bps: object) -> int:
    """Return the threshold as an int.

    Raises
    ------
    TypeError
        It is not an integer.
    ValueError
        It is outside 1 to 100,000.

    Examples
    --------
    >>> check_threshold(0)
    Traceback (most recent call last):
    ValueError: threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)
    """
    if isinstance(threshold_decimal_bps, bool) or not isinstance(
        threshold_decimal_bps, SupportsIndex
    ):
        raise TypeError(
            f"threshold_decimal_bps is {threshold_decimal_bps!r}: expected an integer of decimal "
            "basis points (250 is 0.25 %)"
        )
    threshold = operator.index(threshold_decimal_bps)
    if not THRESHOLD_DECIMAL_MIN <= threshold <= THRESHOLD_DECIMAL_MAX:
        raise ValueError(
            f"threshold_decimal_bps is {threshold}: expected {THRESHOLD_DECIMAL_MIN} to "
            f"{THRESHOLD_DECIMAL_MAX} (1 is 0.001 %, 250 is 0.25 %)"
        )
    return threshold


def check_columns(columns: TradeColumns | None) -> TradeColumns:
    """Return the columns, or the default ones for None.

    Raises
    ------
    TypeError
        It is anything else.
    """
    if columns is None:
        return TradeColumns()
    if not isinstance(columns, TradeColumns):
        raise TypeError(
            f'columns is {columns!r}: expected a TradeColumns (TradeColumns(price="px"))'
        )
    return columns


def check_thresholds(threshold_decimal_bps: Threshold) -> tuple[tuple[int, ...], bool]:
    """Return the thresholds, ascending, and whether a sequence was given.

    Raises
    ------
    TypeError
        It is neither an integer nor a sequence of integers.
    ValueError
        A threshold is outside 1 to 100,000 or repeats, or there is none.
    """
    if isinstance(threshold_decimal_bps, str | bytes) or not isinstance(
        threshold_decimal_bps, Iterable
    ):
        return (check_threshold(threshold_decimal_bps),), False
    thresholds = sorted(check_threshold(threshold) for threshold in threshold_decimal_bps)
    if not thresholds:
        raise ValueError("threshold_decimal_bps is empty: expected one threshold or several")
    for lower, upper in pairwise(thresholds):
        if lower == upper:
            raise ValueError(f"threshold_decimal_bps holds {lower} twice: expected each once")
    return tuple(thresholds), True


def check_by(by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the key columns.

    Raises
    ------
    TypeError
        It is neither a name nor a sequence of names.
    ValueError
        There is no name, or a name repeats or is that of a column of bars.
    """
    if by is None:
        return ()
    names = (by,) if isinstance(by, str) or not isinstance(by, Iterable) else tuple(by)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"by is {by!r}: expected the name of a column, or several")
    if not names:
        raise ValueError("by is empty: expected the name of a column, several, or None")
    check_names([*sorted(RESERVED), *names])
    return names


def check_keys(schema: pl.Schema, by: Sequence[str]) -> None:
    """Refuse keys that are Python objects, which the compiled extension would read as addresses.

    Raises
    ------
    polars.exceptions.ComputeError
        A key column has Python objects.
    """
    for name in by:
        if name in schema and schema[name] == pl.Object:
            raise pl.exceptions.ComputeError(
                f'column "{name}" is object: expected keys that are no Python objects (cast it: '
                f'pl.col("{name}").map_elements(str, return_dtype=pl.String))'
            )


def check_names(names: Iterable[str]) -> None:
    """Refuse names that would appear twice among the columns of bars.

    Raises
    ------
    ValueError
        A name appears twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(
                f"column {name!r} would appear twice among the columns of bars (rename it: "
                '.alias("..."))'
            )
        seen.add(name)


def check_aggs(aggs: pl.Expr | Iterable[pl.Expr] | None, by: Sequence[str]) -> tuple[pl.Expr, ...]:
    """Return the aggregations.

    Raises
    ------
    TypeError
        It is neither an expression nor several.
    ValueError
        A name would appear twice, as far as names are known without the trades.
    """
    if aggs is None:
        return ()
    several = (
        (aggs,) if isinstance(aggs, pl.Expr) or not isinstance(aggs, Iterable) else tuple(aggs)
    )
    if not all(isinstance(agg, pl.Expr) for agg in several):
        raise TypeError(f"aggs is {aggs!r}: expected an expression, or several")
    names = [
        name
        for agg in several
        if not agg.meta.has_multiple_outputs()
        and (name := agg.meta.output_name(raise_if_undetermined=False)) is not None
    ]
    check_names([*by, *sorted(RESERVED), *names])
    return several


def check_symbol(symbol: str | None) -> str | None:
    """Return the symbol.

    Raises
    ------
    TypeError
        It is not a str.
    ValueError
        It has more than 128 bytes.
    """
    if symbol is None:
        return None
    if not isinstance(symbol, str):
        raise TypeError(f"symbol is {symbol!r}: expected a str or None")
    if len(symbol.encode()) > MAX_SYMBOL:
        raise ValueError(
            f"the symbol has {len(symbol.encode())} bytes: expected at most {MAX_SYMBOL}"
        )
    return symbol


def check_state(state: bytes | None) -> bytes | None:
    """Return the checkpoint's bytes.

    Raises
    ------
    TypeError
        It is not bytes.
    """
    if state is not None and not isinstance(state, bytes):
        raise TypeError(f"state is a {type(state).__name__}: expected the bytes of a checkpoint")
    return state


def check_reset(reset: Reset | None) -> Reset | None:
    """Return the period.

    Raises
    ------
    ValueError
        It is not a period.
    """
    if reset is not None and reset not in get_args(Reset):
        raise ValueError(f"reset is {reset!r}: expected 'day', 'week', 'month', 'year' or None")
    return reset


def check_time_unit(time_unit: TimeUnit) -> TimeUnit:
    """Return the unit of whole numbers.

    Raises
    ------
    TypeError
        It is not a str.
    ValueError
        It is a str, but not a unit.
    """
    if time_unit in get_args(TimeUnit):
        return time_unit
    error = ValueError if isinstance(time_unit, str) else TypeError
    raise error(f"time_unit is {time_unit!r}: expected 's', 'ms', 'us' or 'ns'")


def check_count(count: SupportsIndex, name: str) -> int:
    """Return a number of things as an int.

    Raises
    ------
    TypeError
        It is not an integer.
    ValueError
        It is less than 1.
    """
    if isinstance(count, bool) or not isinstance(count, SupportsIndex):
        raise TypeError(f"{name} is {count!r}: expected an integer")
    if operator.index(count) < 1:
        raise ValueError(f"{name} is {operator.index(count)}: expected 1 or more")
    return operator.index(count)


def check_flags(**flags: bool) -> None:
    """Refuse arguments that are neither True nor False.

    Raises
    ------
    TypeError
        It is anything else.
    """
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} is {flag!r}: expected True or False")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The checked arguments of ``bars()``."""

    thresholds: tuple[int, ...]
    threshold_column: bool
    by: tuple[str, ...] = ()
    reset: Reset | None = None
    include_microstructure: bool = False
    include_incomplete: bool = False
    prevent_same_timestamp_close: bool = True
    columns: TradeColumns
    aggs: tuple[pl.Expr, ...] = ()
    state: bytes | None = None
    reads_at_most: frozenset[str] = field(init=False, repr=False, compare=False)
    """The columns of trades that the compiled extension may read."""

    def __post_init__(self) -> None:
        read = frozenset([*self.by, *self.columns.names().values()])
        object.__setattr__(self, "reads_at_most", read)

    @classmethod
    def check(
        cls,
        threshold_decimal_bps: Threshold,
        *,
        columns: TradeColumns | None,
        by: str | Sequence[str] | None = None,
        reset: Reset | None = None,
        aggs: pl.Expr | Iterable[pl.Expr] | None = None,
        state: bytes | None = None,
        **flags: bool,
    ) -> "Options":
        """Return the options.

        Raises
        ------
        TypeError, ValueError
            An argument is wrong; the error states its value and what was expected.
        CheckpointError
            The state is damaged or belongs to another rule.
        """
        check_flags(**flags)
        keys = check_by(by)
        thresholds, several = check_thresholds(threshold_decimal_bps)
        options = cls(
            thresholds=thresholds,
            threshold_column=several,
            by=keys,
            aggs=check_aggs(aggs, keys),
            state=check_state(state),
            reset=check_reset(reset),
            columns=check_columns(columns),
            **flags,
        )
        if state is not None:
            if keys or several or options.aggs:
                raise ValueError(
                    "state is of one chain of bars: expected one threshold, no by and no aggs"
                )
            # Reads the checkpoint and compares it with the options.
            _internal.BarBuilder(options.kwargs(), state)
        return options

    def kwargs(
        self,
        only: list[str] | None = None,
        *,
        trace: bool = False,
        every_sum: bool = False,
        stored: bool = False,
        threaded: bool = False,
        whole: bool = True,
    ) -> dict[str, Any]:
        """Return the options of the compiled extension.

        Parameters
        ----------
        only
            The wanted columns of bars; None: all.
        trace
            Whether the bar of each trade is recorded.
        every_sum
            Whether every sum is computed, for a chain that is continued later from a checkpoint.
        stored
            Whether bars have the columns that stores keep, instead of those of a frame.
        threaded
            Whether large batches are computed on several threads.
        whole
            Whether the trades have all their columns. If so, a column that `columns` names and
            that is missing is an error.
        """
        return {
            "thresholds": list(self.thresholds),
            "threshold_column": self.threshold_column,
            "by": list(self.by),
            "reset": self.reset,
            "include_microstructure": self.include_microstructure,
            "include_incomplete": self.include_incomplete,
            "prevent_same_timestamp_close": self.prevent_same_timestamp_close,
            "columns": self.columns.names(),
            "only": only,
            "trace": trace,
            "every_sum": every_sum or self.state is not None,
            "stored": stored,
            "threaded": threaded,
            "whole": whole,
        }

    def reads(self, only: list[str] | None = None) -> list[str]:
        """Return the columns of trades that are read for these columns of bars."""
        if self.state is not None:
            return list(dict.fromkeys(self.columns.names().values()))
        wanted = [
            output
            for output in COLUMNS
            if (self.include_microstructure or output.group == "bar")
            and (only is None or output.name in only)
        ]
        roles = {*ALWAYS_READ, *(role for output in wanted for role in output.reads)}
        names = self.columns.names()
        return list(dict.fromkeys([*self.by, *(names[role] for role in names if role in roles)]))
