"""The trades that a processor accepts in one call."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import polars as pl
import polars.selectors as cs

from rangebar_polars import _internal
from rangebar_polars._core.arguments import check_keys
from rangebar_polars._core.batches import batches
from rangebar_polars._core.fold import exportable, exported
from rangebar_polars._core.options import Options
from rangebar_polars.schema import ArrowStream, is_arrow_stream

Batch = pl.DataFrame | pl.LazyFrame | ArrowStream | Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""A frame, a plan, a table of another library, or dicts."""

Overlap = Literal["raise", "skip"]
"""What becomes of trades that a processor has counted already."""

_OF_A_CLASS: Final = ("__dataclass_fields__", "_asdict", "model_dump")
"""Attributes of dataclasses, named tuples and pydantic models."""


def check_overlap(overlap: Overlap) -> Overlap:
    """Return what becomes of trades that were counted already.

    Raises
    ------
    ValueError
        It is something else.
    """
    if overlap not in get_args(Overlap):
        raise ValueError(f"overlap is {overlap!r}: expected 'raise' or 'skip'")
    return overlap


def push(builder: _internal.BarBuilder, trades: Batch, options: Options) -> pl.DataFrame | None:
    """Fold the next trades; return the bars that ended, or None for no bar.

    Raises
    ------
    TypeError
        They are nothing that holds trades.
    polars.exceptions.ComputeError, RangeBarError
        Trades are bad.
    """
    if isinstance(trades, list):
        return builder.push_records(trades)
    if isinstance(trades, dict):
        return builder.push_records([trades])
    if isinstance(trades, pl.DataFrame):
        check_keys(trades.schema, options.by)
        return builder.push(exported(trades, options))
    if isinstance(trades, pl.LazyFrame):
        given = trades.collect_schema()
        check_keys(given, options.by)
        builder.bind(exportable(given, options).to_frame())
        read = [name for name in given if name in options.reads_at_most]
        schema = pl.Schema({name: given[name] for name in read})
        rows = batches(trades.select(cs.by_name(*read)), schema)
        ended = [bars for batch in rows if (bars := builder.push(batch)) is not None]
        return pl.concat(ended) if ended else None
    if is_arrow_stream(trades):
        return builder.push(trades)
    return builder.push_records(dicts_of(trades))


def dicts_of(trades: object) -> list[Any]:
    """Return dicts of trades as a list; its items are checked when they are read.

    Raises
    ------
    TypeError
        It is neither a mapping nor an iterable of items.
    """
    return list(items_of(trades))


def items_of(trades: object) -> Iterable[Any]:
    """Return dicts of trades as an iterable, which is not read yet.

    Raises
    ------
    TypeError
        It is neither a mapping nor an iterable of items.
    """
    # A single trade; an instance of some of these classes is an iterable of its values.
    if isinstance(trades, Mapping) or any(hasattr(trades, name) for name in _OF_A_CLASS):
        return [trades]
    if isinstance(trades, Iterable) and not isinstance(
        trades, str | bytes | bytearray | memoryview
    ):
        return trades
    raise TypeError(
        f"trades is a {type(trades).__name__}: expected a DataFrame, a LazyFrame, an object with "
        "__arrow_c_stream__, a dict or an iterable of dicts"
    )
