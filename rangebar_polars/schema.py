"""The schemas of trades and bars.

The table of columns comes from the compiled extension, which computes them, so it exists once.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol, TypeGuard

import polars as pl

from rangebar_polars import _internal

IS_COMPLETE: Final = "is_complete"
"""The last column with ``include_incomplete=True``: false for the bar that is still open."""


class ArrowStream(Protocol):
    """A table of any library that implements the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:  # noqa: ANN401
        """Return a capsule with an Arrow C stream."""


def is_arrow_stream(table: object) -> TypeGuard[ArrowStream]:
    """Return whether a table can be read as an Arrow stream.

    It checks only for the method: isinstance with a protocol costs as much as a small batch.
    """
    return hasattr(table, "__arrow_c_stream__")


TRADE_SCHEMA: Final = pl.Schema(
    {
        "timestamp": pl.Datetime("us", "UTC"),
        "price": pl.Float64(),
        "quantity": pl.Float64(),
        "is_buyer_maker": pl.Boolean(),
        "agg_trade_id": pl.Int64(),
        "first_trade_id": pl.Int64(),
        "last_trade_id": pl.Int64(),
    }
)
"""The columns of trades in the tick cache."""


class Output(NamedTuple):
    """One column of a frame of bars."""

    name: str
    """Its name."""
    group: str
    """"bar": in every frame; "sum" and "feature": with ``include_microstructure=True``; "intra": by
    name, with ``features``; "lookback": with ``lookback``; "vpin": with ``vpin``; "footprint":
    with ``footprint``."""
    dtype: str
    """"Float64", "Int64", "List(Struct)" or "as the input"."""
    reads: list[str]
    """The columns of trades from which it is computed."""
    formula: str
    """How it is computed."""
    null_when: str
    """When it is null; empty: never."""
    stored: str | None
    """Its dtype in stores; None if it is computed when bars are read."""
    computed_from: list[str]
    """The stored columns from which it is computed; none if it needs the trades."""


_OUTPUTS: Final = tuple(Output(*row) for row in _internal.OUTPUTS)

COLUMNS: Final = tuple(
    output
    for output in _OUTPUTS
    if output.group not in {"intra", "lookback", "vpin", "stored", "footprint"}
)
"""The columns of bars, in order."""

INTRA: Final = tuple(output for output in _OUTPUTS if output.group == "intra")
"""The statistics of the trades of a bar, which ``features`` adds by name."""

TRADE_STATISTICS: Final = tuple(output.name for output in INTRA if not output.computed_from)
"""The names of those that need the trades: only chains that were asked for them store them."""

LOOKBACK: Final = tuple(output for output in _OUTPUTS if output.group == "lookback")
"""The statistics of the trades before a bar, which ``lookback`` adds."""

VPIN: Final = next(output for output in _OUTPUTS if output.group == "vpin")
"""The column that ``vpin`` adds."""

FOOTPRINT: Final = tuple(output for output in _OUTPUTS if output.group == "footprint")
"""The columns that ``footprint`` adds."""

OUTPUTS: Final = (*COLUMNS, *INTRA, *LOOKBACK, VPIN, *FOOTPRINT)
"""Every column that bars can have, but for ``is_complete``."""

LOOKBACK_NAMES: Final = tuple(output.name for output in LOOKBACK)
"""The names of `LOOKBACK`."""

FOOTPRINT_NAMES: Final = tuple(output.name for output in FOOTPRINT)
"""The names of `FOOTPRINT`."""

CHAIN_STATISTICS: Final = (*TRADE_STATISTICS, *LOOKBACK_NAMES, VPIN.name, *FOOTPRINT_NAMES)
"""The columns that a chain stores only if it was asked for them."""

STORED: Final = tuple(output for output in _OUTPUTS if output.stored is not None)
"""The columns that stores keep: the cuts and the exact sums of a bar."""

_PLAIN_DTYPES: Final[dict[str, pl.DataType]] = {
    "as the input": TRADE_SCHEMA["timestamp"],
    "Float64": pl.Float64(),
    "Int64": pl.Int64(),
    "Decimal(38, 8)": pl.Decimal(38, 8),
    "Decimal(38, 16)": pl.Decimal(38, 16),
    "Boolean": pl.Boolean(),
}
LEVEL: Final = pl.Struct({name: _PLAIN_DTYPES[dtype] for name, dtype, _ in _internal.LEVEL_FIELDS})
"""The dtype of a level of a footprint."""

LEVEL_BY_SIDE: Final = frozenset(name for name, _, by_side in _internal.LEVEL_FIELDS if by_side)
"""The fields of a level that are null without sides."""

_DTYPES: Final = {**_PLAIN_DTYPES, "List(Struct)": pl.List(LEVEL)}
BAR_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[output.dtype] for output in COLUMNS} | {IS_COMPLETE: pl.Boolean()}
)
"""The columns of bars from the tick cache, with microstructure and ``is_complete``."""

STORED_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[str(output.stored)] for output in STORED} | {IS_COMPLETE: pl.Boolean()}
)
"""The columns of bars from the tick cache in stores."""

INTRA_SCHEMA: Final = pl.Schema({output.name: _DTYPES[output.dtype] for output in INTRA})
"""The columns of `INTRA`."""


RICH_BAR_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[output.dtype] for output in OUTPUTS} | {IS_COMPLETE: pl.Boolean()}
)
"""The columns of `BAR_SCHEMA` with every statistic, and those of footprints, before the last."""


def stored_schema(statistics: Iterable[str]) -> pl.Schema:
    """Return the columns of bars in stores, with some of `CHAIN_STATISTICS`.

    >>> stored_schema(["intra_kaufman_er"]).names()[-3:]
    ['record_count_with_trade_ids', 'intra_kaufman_er', 'is_complete']
    """
    columns = dict(STORED_SCHEMA)
    is_complete = columns.pop(IS_COMPLETE)
    asked = {name: RICH_BAR_SCHEMA[name] for name in statistics}
    return pl.Schema({**columns, **asked, IS_COMPLETE: is_complete})


ALWAYS_READ: Final = tuple(_internal.ALWAYS_READ)
"""The columns of trades that are read for every bar, if they exist."""

RULE_VERSION: Final = _internal.RULE_VERSION
"""The version of the rules: under one version the same trades give the same bars."""

THRESHOLD: Final = "threshold_decimal_bps"
"""The column that distinguishes the bars of several thresholds."""

RULE: Final = "rule"
"""The column that distinguishes the bars of several rules."""

FOOTPRINT_SETTINGS: Final = "footprint_settings"
"""The column that says how the footprints of stored bars are made: bars have one of the levels."""

RESERVED: Final = frozenset(
    [
        *(THRESHOLD, RULE, IS_COMPLETE, _internal.OPENING_ROW),
        *(output.name for output in OUTPUTS),
    ]
)
"""Names that your own columns must not have, because bars have columns of these names."""
