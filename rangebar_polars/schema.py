"""What trades and bars look like.

The table of columns comes from the compiled half, where each is computed; nothing is listed twice.
"""

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Protocol, Self, TypeGuard

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._disk.path_names import LONGEST_NAMES, from_hive_path, hive_path, to_name

IS_COMPLETE: Final = "is_complete"
"""The last column with ``include_incomplete=True``: false for the bar that is still open."""


class ArrowStream(Protocol):
    """A table of any library that speaks the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:  # noqa: ANN401
        """Return a capsule with an Arrow C stream."""


def is_arrow_stream(table: object) -> TypeGuard[ArrowStream]:
    """Return whether a table gives an Arrow stream.

    Asks for the method alone: an isinstance of a protocol costs as much as a small batch.
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
"""Trades as the tick cache keeps them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeColumns:
    """What the columns of your trades are called.

    Attributes
    ----------
    timestamp
        Time of the trade: Datetime of any unit, naive (taken as UTC) or with a zone.
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
        trades name the same column twice.

    Notes
    -----
    An optional column with its default name is used when it is there; one that you name must be
    there; with None it is not read even when it is there.

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
        """Refuse what is not a name."""
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
    """"bar": always there; "sum" and "feature": with ``include_microstructure=True``."""
    dtype: str
    """"Float64", "Int64" or "as the input"."""
    reads: list[str]
    """The columns of trades that it is computed from."""
    formula: str
    """How it is computed."""
    null_when: str
    """When it is null; empty: never."""
    stored: str | None
    """Its dtype in stores; None: it is computed when bars are read."""
    computed_from: list[str]
    """The stored columns that it is computed from."""


_OUTPUTS: Final = tuple(Output(*row) for row in _internal.OUTPUTS)

COLUMNS: Final = tuple(output for output in _OUTPUTS if output.group != "stored")
"""The columns of bars, in order."""

STORED: Final = tuple(output for output in _OUTPUTS if output.stored is not None)
"""What stores keep of a bar: its cuts and its sums, exactly."""

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
"""Bars of trades of the tick cache, with microstructure and incomplete ones."""

STORED_SCHEMA: Final = pl.Schema(
    {output.name: _DTYPES[str(output.stored)] for output in STORED} | {IS_COMPLETE: pl.Boolean()}
)
"""Bars of trades of the tick cache as stores keep them."""

ALWAYS_READ: Final = tuple(_internal.ALWAYS_READ)
"""The columns of trades that every bar reads, if they are there."""

RULE_VERSION: Final = _internal.RULE_VERSION
"""The version of what bars are: the same trades give the same bars under the same version."""

THRESHOLD: Final = "threshold_decimal_bps"
"""The column that distinguishes the bars of several thresholds."""

RESERVED: Final = frozenset(
    [THRESHOLD, IS_COMPLETE, _internal.OPENING_ROW, *(output.name for output in COLUMNS)]
)
"""Names that no column of a user's own may have among the columns of bars."""


@dataclass(frozen=True, slots=True)
class Series:
    """Whose trades: a symbol of a market of a source.

    Parameters
    ----------
    source
        An archive's name, such as ``"binance"``, or the one given to `import_trades`.
    market
        What the source calls it, such as ``"spot"``.
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
        """Return the series, if its names can be those of folders.

        Raises
        ------
        TypeError
            A name is not a string.
        ValueError
            A name is empty, or no name for a folder; or the names are too long for one.
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
        """What messages call the series."""
        return f"{self.source} {self.market} {self.symbol}"

    @property
    def path(self) -> str:
        """The names as hive folders, which differ in more than case from those of any others."""
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
