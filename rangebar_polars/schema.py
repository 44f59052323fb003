"""The schemas of trades and bars.

The table of columns comes from the compiled extension, which computes them, so it exists once.
"""

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Protocol, Self, TypeGuard

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._arguments import named_methods
from rangebar_polars._disk.path_names import LONGEST_NAMES, from_hive_path, hive_path, to_name

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


@named_methods()
@dataclass(frozen=True, kw_only=True, slots=True)
class TradeColumns:
    """The names of the columns of your trades.

    Attributes
    ----------
    timestamp
        Time of the trade: Datetime of any unit, naive (read as UTC) or with a zone.
    price
        Price: any number, cast to Float64.
    quantity
        Quantity in the base asset, in shares or contracts: any number, cast to Float64.
    is_buyer_maker
        Whether the buyer was the resting side, so that the aggressor sold: Boolean. Optional.
    agg_trade_id
        Id of the record: any integer. Optional.
    first_trade_id, last_trade_id
        Ids of the first and last individual trade of the record: any integers. Optional; for raw
        trades give the same column for both.

    Notes
    -----
    An optional column with its default name is used if it exists. A column that you name must
    exist. With None the column is never read.

    Examples
    --------
    >>> from rangebar_polars import TradeColumns
    >>> TradeColumns(price="px", quantity="size").price
    'px'
    """

    timestamp: str = "timestamp"
    price: str = "price"
    quantity: str = "quantity"
    is_buyer_maker: str | None = "is_buyer_maker"
    agg_trade_id: str | None = "agg_trade_id"
    first_trade_id: str | None = "first_trade_id"
    last_trade_id: str | None = "last_trade_id"

    def __post_init__(self) -> None:
        """Refuse values that are not names."""
        for field in fields(self):
            name = getattr(self, field.name)
            optional = field.default is not None and field.name not in _REQUIRED
            if not (isinstance(name, str) or (name is None and optional)):
                expected = "the name of a column" + (" or None" if optional else "")
                raise TypeError(f"{field.name} is {name!r}: expected {expected}")

    def names(self) -> dict[str, str]:
        """Return the names by role, without those that are None."""
        names = {field.name: getattr(self, field.name) for field in fields(self)}
        return {role: name for role, name in names.items() if name is not None}


_REQUIRED: Final = ("timestamp", "price", "quantity")


class Output(NamedTuple):
    """One column of a frame of bars."""

    name: str
    """Its name."""
    group: str
    """"bar": in every frame; "sum" and "feature": with ``include_microstructure=True``."""
    dtype: str
    """"Float64", "Int64" or "as the input"."""
    reads: list[str]
    """The columns of trades from which it is computed."""
    formula: str
    """How it is computed."""
    null_when: str
    """When it is null; empty: never."""
    stored: str | None
    """Its dtype in stores; None if it is computed when bars are read."""
    computed_from: list[str]
    """The stored columns from which it is computed."""


_OUTPUTS: Final = tuple(Output(*row) for row in _internal.OUTPUTS)

COLUMNS: Final = tuple(output for output in _OUTPUTS if output.group != "stored")
"""The columns of bars, in order."""

STORED: Final = tuple(output for output in _OUTPUTS if output.stored is not None)
"""The columns that stores keep: the cuts and the exact sums of a bar."""

_DTYPES: Final[dict[str, pl.DataType]] = {
    "as the input": TRADE_SCHEMA["timestamp"],
    "Float64": pl.Float64(),
    "Int64": pl.Int64(),
    "Decimal(38, 8)": pl.Decimal(38, 8),
    "Decimal(38, 16)": pl.Decimal(38, 16),
}
BAR_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[output.dtype] for output in COLUMNS} | {IS_COMPLETE: pl.Boolean()}
)
"""The columns of bars from the tick cache, with microstructure and ``is_complete``."""

STORED_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[str(output.stored)] for output in STORED} | {IS_COMPLETE: pl.Boolean()}
)
"""The columns of bars from the tick cache in stores."""

ALWAYS_READ: Final = tuple(_internal.ALWAYS_READ)
"""The columns of trades that are read for every bar, if they exist."""

RULE_VERSION: Final = _internal.RULE_VERSION
"""The version of the rules: under one version the same trades give the same bars."""

THRESHOLD: Final = "threshold_decimal_bps"
"""The column that distinguishes the bars of several thresholds."""

RESERVED: Final = frozenset(
    [THRESHOLD, IS_COMPLETE, _internal.OPENING_ROW, *(output.name for output in COLUMNS)]
)
"""Names that your own columns must not have, because bars have columns of these names."""


@dataclass(frozen=True, slots=True)
class Series:
    """A symbol in a market of a source.

    Parameters
    ----------
    source
        The name of an archive, such as ``"binance"``, or your name in `import_trades`.
    market
        The name of the market at the source, such as ``"spot"``.
    symbol
        As the source spells it.

    Examples
    --------
    >>> series = Series("binance", "um", "BTCUSDT")
    >>> series.path
    'source=binance/market=um/symbol=BTCUSDT'
    >>> Series.from_path(series.path) == series
    True
    """

    source: str
    market: str
    symbol: str

    def check(self) -> Self:
        """Return the series, if its names can be used for folders.

        Raises
        ------
        TypeError
            A name is not a string.
        ValueError
            A name is empty or cannot be written as a folder's name, or the names are too long.
        """
        written = list[str]()
        for name, value in self.values.items():
            if not isinstance(value, str):
                raise TypeError(f"{name} is {value!r} (give a name)")
            if not value:
                raise ValueError(f"{name} is empty (give a name)")
            try:
                written.append(to_name(name, value))
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"{name} is {value!r}: it has half a character, which no path can have (give "
                    "a name of whole ones)"
                ) from error
        length = len(",".join(written))
        if length > LONGEST_NAMES:
            raise ValueError(
                f"source, market and symbol have {length} characters in paths: expected at most "
                f"{LONGEST_NAMES} (give shorter names)"
            )
        return self

    @property
    def values(self) -> dict[str, str]:
        """The names, by column."""
        return {"source": self.source, "market": self.market, "symbol": self.symbol}

    @property
    def label(self) -> str:
        """The name of the series in messages."""
        return f"{self.source} {self.market} {self.symbol}"

    @property
    def path(self) -> str:
        """The names as hive folders; two series never differ only in case."""
        return hive_path(self.values)

    @classmethod
    def from_path(cls, path: str) -> Self | None:
        """Read `path`; None for any other text."""
        values = from_hive_path(path)
        if values is None or list(values) != list(SERIES_SCHEMA):
            return None
        return cls(**values)


SERIES_SCHEMA: Final = pl.Schema(dict.fromkeys(("source", "market", "symbol"), pl.String()))
"""The names of a series, as columns of a frame."""
