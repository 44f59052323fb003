"""Checks of single arguments, made when a call is made."""

import math
import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal, SupportsFloat, SupportsIndex, get_args

import polars as pl

from rangebar_polars._core.threshold import (
    NAMES,
    THRESHOLD_DECIMAL_MAX,
    THRESHOLD_DECIMAL_MIN,
    THRESHOLD_PRESETS,
    Preset,
    readings,
)
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import RESERVED

MAX_SYMBOL: Final = 128
"""The longest symbol that a checkpoint holds, in bytes."""

SingleThreshold = SupportsIndex | Preset
"""Decimal basis points, or a name for them."""

Threshold = SingleThreshold | Sequence[SingleThreshold]
"""One threshold, or several for one pass over the trades."""

Reset = Literal["day", "week", "month", "year"]
"""A period at whose UTC borders a new chain of bars begins; weeks begin on Monday."""


TimeUnit = Literal["s", "ms", "us", "ns"]
"""The unit of a time that is a whole number, since 1970."""


def is_bool(given: object) -> bool:
    """Return whether a value is true or false, as Python or NumPy has it, and so is no number.

    >>> is_bool(True), is_bool(1)
    (True, False)
    """
    # One of NumPy is no bool, and can be converted to a float.
    return isinstance(given, bool) or str(getattr(given, "dtype", None)) == "bool"


def integer_of(given: object) -> int | None:
    """Return an integer of Python or of another library as an int; None for anything else.

    >>> integer_of(5), integer_of(5.0), integer_of(True)
    (5, None, None)
    """
    if is_bool(given) or not isinstance(given, SupportsIndex):
        return None
    try:
        return operator.index(given)
    except TypeError:
        # An array can be converted only if it is a single integer.
        return None


def number_of(given: object) -> float | None:
    """Return a number of Python or of another library as a float; None for anything else.

    A number that is too large is infinite, and a Decimal that is none is NaN.

    >>> number_of(5), number_of(10**400), number_of("5")
    (5.0, inf, None)
    """
    if is_bool(given) or not isinstance(given, SupportsFloat):
        return None
    try:
        return float(given)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
    except TypeError:
        return None


def check_order(several: object, name: str) -> None:
    """Refuse a set where the order of what it holds is that of rows or columns.

    Raises
    ------
    TypeError
        It is a set.

    Examples
    --------
    >>> check_order({"symbol"}, "by")
    Traceback (most recent call last):
    TypeError: by is {'symbol'}: expected a sequence, since a set has no order (['symbol'])
    """
    if isinstance(several, set | frozenset):
        raise TypeError(
            f"{name} is {several!r}: expected a sequence, since a set has no order "
            f"({sorted(several, key=str)!r})"
        )


def check_threshold(given: object, name: str = "threshold_decimal_bps") -> int:
    """Return a threshold, or another fraction with this name, as an int.

    Raises
    ------
    TypeError
        It is neither an integer nor a str.
    ValueError
        It is outside 1 to 100,000, or a str that names no common threshold.

    Examples
    --------
    >>> check_threshold("medium")
    250
    >>> check_threshold(0)
    Traceback (most recent call last):
    ValueError: threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)
    >>> check_threshold(0.0025)
    Traceback (most recent call last):
    TypeError: threshold_decimal_bps is 0.0025: expected an integer of decimal basis points (a
    fraction of 0.0025, 0.25 %, is 250)
    """
    if isinstance(given, str) and (named := THRESHOLD_PRESETS.get(given)) is not None:
        return named
    threshold = integer_of(given)
    if threshold is None:
        is_name = isinstance(given, str) and not readings(given)
        raise (ValueError if is_name else TypeError)(
            f"{name} is {given!r}: expected an integer of decimal basis points"
            f"{f', or one of {NAMES}' if is_name else ''} ({readings(given) or '250 is 0.25 %'})"
        )
    if not THRESHOLD_DECIMAL_MIN <= threshold <= THRESHOLD_DECIMAL_MAX:
        raise ValueError(
            f"{name} is {threshold}: expected {THRESHOLD_DECIMAL_MIN} to "
            f"{THRESHOLD_DECIMAL_MAX} ({readings(threshold) or '1 is 0.001 %, 250 is 0.25 %'})"
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
        There is no name, or a name has a zero, repeats or is that of a column of bars.
    """
    if by is None:
        return ()
    check_order(by, "by")
    names = (by,) if isinstance(by, str) or not isinstance(by, Iterable) else tuple(by)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"by is {by!r}: expected the name of a column, or several")
    if any("\0" in name for name in names):
        raise ValueError(f"by is {by!r}: expected names without a zero (rename the column)")
    if not names:
        raise ValueError("by is empty: expected the name of a column, several, or None")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"by holds {name!r} twice: expected each once")
    check_names([*sorted(RESERVED), *names], of_trades=True)
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


def check_names(names: Iterable[str], *, of_trades: bool = False) -> None:
    """Refuse names that would appear twice among the columns of bars.

    Parameters
    ----------
    names
        All of them.
    of_trades
        Whether the one that may be renamed is a column of the trades, not an expression.

    Raises
    ------
    ValueError
        A name appears twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            remedy = f'.rename({{"{name}": "..."}})' if of_trades else '.alias("...")'
            raise ValueError(
                f"column {name!r} would appear twice among the columns of bars (rename it: "
                f"{remedy})"
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


# As many digits as 64 bits hold.
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


def check_count(count: SupportsIndex, name: str, *, most: int = (1 << 63) - 1) -> int:
    """Return a number of things as an int.

    Raises
    ------
    TypeError
        It is not an integer.
    ValueError
        It is less than 1 or more than `most`, by default what 64 bits hold.
    """
    number = integer_of(count)
    if number is None:
        raise TypeError(f"{name} is {count!r}: expected an integer")
    if number < 1:
        raise ValueError(f"{name} is {number}: expected 1 or more")
    if number > most:
        raise ValueError(f"{name} is {number}: expected at most {most}")
    return number


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
