"""What a converter needs of bars: those of one chain, with the columns that it reads."""

from collections.abc import Sequence
from itertools import takewhile

import polars as pl

from rangebar_polars.schema import IS_COMPLETE, RESERVED, RULE, THRESHOLD

PRICES = ("open", "high", "low", "close", "volume")
"""What a backtest reads of a bar."""


def with_columns(bars: pl.DataFrame, names: Sequence[str], *, needed_by: str) -> pl.DataFrame:
    """Return the bars, if they have these columns and are those of one rule and one key.

    Keys are the columns that lead the frame, where `bars` puts them.

    Raises
    ------
    ValueError
        A column is missing, or there are several rules or keys.
    """
    missing = [name for name in names if name not in bars.columns]
    if missing:
        raise ValueError(
            f"{needed_by} needs {', '.join(missing)}: the frame has {', '.join(bars.columns)} "
            "(call it on bars)"
        )
    for name, what in ((THRESHOLD, "thresholds"), (RULE, "rules")):
        if name in bars.columns and bars[name].n_unique() > 1:
            raise ValueError(
                f"{needed_by} was given bars of {bars[name].n_unique()} {what}: expected one "
                f"(filter by {name})"
            )
    keys = list(takewhile(lambda name: name not in RESERVED, bars.columns))
    if keys and (several := bars.select(keys).n_unique()) > 1:
        raise ValueError(
            f"{needed_by} was given bars of {several} keys, by the columns before those of bars: "
            f"{', '.join(keys)}: expected one (filter by them; of a column that is no key: drop "
            "it, or place it last)"
        )
    return bars


def complete(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that closed."""
    return bars.filter(pl.col(IS_COMPLETE)) if IS_COMPLETE in bars.columns else bars


def one_after_another(bars: pl.DataFrame, *, needed_by: str) -> pl.DataFrame:
    """Return the bars, if each closes later than the one before.

    Raises
    ------
    ValueError
        One does not.
    """
    time = bars["close_time"]
    late = (time.diff().to_physical() <= 0).fill_null(value=False).arg_true()
    if late.len() > 0:
        row = late[0]
        raise ValueError(
            f"{needed_by} needs bars that close one after another: bar {row} closes at "
            f"{time[row]}, bar {row - 1} at {time[row - 1]} (filter one key of by=; with "
            "prevent_same_timestamp_close=True no two bars of a chain close at once: a rule has "
            "its own, as in TickRule(1000, prevent_same_timestamp_close=True))"
        )
    return bars


def between_low_and_high(bars: pl.DataFrame, *, needed_by: str) -> pl.DataFrame:
    """Return the bars, if the open and close of each lie between its low and high.

    Raises
    ------
    ValueError
        One does not.
    """
    ends = (pl.col(name).is_between("low", "high") for name in ("open", "close"))
    wrong = bars.select(~pl.all_horizontal(ends)).to_series().fill_null(value=True).arg_true()
    if wrong.len() > 0:
        row = wrong[0]
        prices = ", ".join(f"{name} {bars[name][row]}" for name in PRICES[:4])
        raise ValueError(
            f"{needed_by} needs bars whose open and close lie between low and high: bar {row} has "
            f"{prices} (such bars were changed or made of unsorted trades: compute them again with "
            "bars)"
        )
    return bars
