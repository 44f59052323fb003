"""The trades that a processor accepts in one call."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from rangebar_polars.schema import ArrowStream

Batch = pl.DataFrame | pl.LazyFrame | ArrowStream | Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""A frame, a plan, a table of another library, or dicts."""

_OF_A_CLASS: Final = ("__dataclass_fields__", "_asdict", "model_dump")
"""Attributes of dataclasses, named tuples and pydantic models."""


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
