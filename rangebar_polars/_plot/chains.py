"""Frames of bars, taken apart into the chains whose candles follow one another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from rangebar_polars._plot.number_axis import check_time
from rangebar_polars.schema import COLUMNS, RULE, THRESHOLD

_TIMES: Final = ("open_time", "close_time")
_PRICES: Final = ("open", "high", "low", "close")
REQUIRED: Final = (*_TIMES, *_PRICES)
"""The columns that candles are drawn from."""

MOST_CHAINS: Final = 12
"""Charts below one another that are still one picture."""

_BAR_COLUMNS: Final = frozenset(output.name for output in COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Bars of one key and rule.

    Attributes
    ----------
    title
        What distinguishes it from the others, or an empty text.
    bars
        Those that are drawn.
    height
        How many bars it has.
    """

    title: str
    bars: pl.DataFrame
    height: int

    @property
    def first(self) -> int:
        """The number of the first bar that is drawn, from 0 on."""
        return self.height - self.bars.height


def check_schema(schema: pl.Schema) -> None:
    """Refuse a frame that holds no bars.

    Raises
    ------
    ValueError
        Naming the columns that are missing.
    TypeError
        Naming a column whose dtype is another.
    """
    missing = [name for name in REQUIRED if name not in schema]
    if missing:
        raise ValueError(
            f"the bars have no column {', '.join(map(repr, missing))}: they have "
            f"[{', '.join(schema)}] (give what rangebar_polars.bars returns, or rename columns)"
        )
    for name in _TIMES:
        check_time(name, schema[name])
    if schema["open_time"] != schema["close_time"]:
        raise TypeError(
            f"open_time is {schema['open_time']} and close_time {schema['close_time']}: expected "
            'one dtype (cast it: pl.col("close_time").cast(bars.schema["open_time"]))'
        )
    for name in _PRICES:
        if not (schema[name].is_numeric() or schema[name] == pl.Null):
            raise TypeError(
                f'column "{name}" is {schema[name]}: expected numbers (cast it: '
                f'pl.col("{name}").cast(pl.Float64))'
            )


def keys_of(schema: pl.Schema, by: str | Sequence[str] | None) -> list[str]:
    """Return the columns that distinguish chains.

    Parameters
    ----------
    schema
        Of the bars.
    by
        Their names; None for those that lead the frame, where `bars` puts them.

    Raises
    ------
    TypeError, ValueError
        For what is no name of a column.
    """
    if by is None:
        keys = list[str]()
        for name in schema:
            if name in _BAR_COLUMNS:
                break
            keys.append(name)
    else:
        keys = [by] if isinstance(by, str) or not isinstance(by, Iterable) else list(by)
        if not all(isinstance(name, str) for name in keys):
            raise TypeError(f"by is {by!r}: expected the name of a column, or several")
        for name in keys:
            if name not in schema:
                raise ValueError(
                    f"by is {by!r}, and the bars have no column {name!r}: they have "
                    f"[{', '.join(schema)}]"
                )
    keys += [name for name in (THRESHOLD, RULE) if name in schema]
    return list(dict.fromkeys(keys))


def chains_of(bars: pl.DataFrame, keys: Sequence[str], last: int | None) -> list[Chain]:
    """Return the chains of a frame of bars, in the order of their first bars.

    Raises
    ------
    ValueError
        There is nothing to draw, there are too many chains, or the bars are not chains.
    """
    if bars.is_empty():
        raise ValueError(
            "there is nothing to draw: the frame has no bars (a rule of shorter bars or more "
            "trades give some, include_incomplete=True the open one)"
        )
    parts = bars.partition_by(keys, maintain_order=True) if keys else [bars]
    if len(parts) > MOST_CHAINS:
        raise ValueError(
            f"the bars are of {len(parts)} chains by [{', '.join(keys)}]: expected at most "
            f"{MOST_CHAINS} in a chart (filter them, or name the columns of the keys: "
            "by='symbol', or by=() for none)"
        )
    chains = [_chain(part, keys, last) for part in parts]
    for chain in chains:
        _check_order(chain, by=not keys)
    if not any(chain.bars.select(_has_prices().any()).item() for chain in chains):
        raise ValueError(
            "there is nothing to draw: open, high, low or close is null or not finite in every bar"
        )
    return chains


def _has_prices() -> pl.Expr:
    return pl.all_horizontal(
        pl.col(name).cast(pl.Float64).is_finite().fill_null(value=False) for name in _PRICES
    )


def _chain(part: pl.DataFrame, keys: Sequence[str], last: int | None) -> Chain:
    drawn = part if last is None else part.tail(last)
    return Chain(title=_title(part, keys), bars=drawn, height=part.height)


def _title(part: pl.DataFrame, keys: Sequence[str]) -> str:
    values = part.select(keys).row(0, named=True) if keys else {}
    return ", ".join(
        threshold_text(value) if name == THRESHOLD else _key_text(name, value)
        for name, value in values.items()
    )


def _key_text(name: str, value: object) -> str:
    return value if isinstance(value, str) else f"{name} {value}"


def threshold_text(threshold_decimal_bps: int) -> str:
    """Return a threshold in per cent.

    Examples
    --------
    >>> threshold_text(250)
    '0.25 %'
    """
    return f"{threshold_decimal_bps / 1000:g} %"


def _check_order(chain: Chain, *, by: bool) -> None:
    """Refuse bars that overlap: they are of several chains, or not in order.

    Raises
    ------
    ValueError
        Naming the first that does.
    """
    times = chain.bars.select(
        "open_time", before=pl.col("close_time").shift().forward_fill()
    ).with_row_index(offset=chain.first)
    wrong = times.filter(pl.col("open_time") < pl.col("before"))
    if wrong.is_empty():
        return
    number, opened, before = wrong.row(0)
    of = f"of {chain.title} " if chain.title else ""
    remedy = (
        "if they are of several chains, name the columns of the keys: by='symbol'; else sort "
        "by close_time"
    )
    raise ValueError(
        f"bar {number} {of}opens at {opened}, before {before}, where the bar before it closed "
        f"({remedy if by else 'sort by close_time'})"
    )
