"""The schemas of trades and bars.

The table of columns comes from the compiled extension, which computes them, so it exists once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, Self, TypeGuard, get_args

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._argument_names import named_methods
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


SideOf = Literal["taker", "maker"]
"""Whose side a column of sides has: that of the aggressor, or that of the resting order."""

SELL: Final = ("sell", "s", "seller", "-1")
"""How a seller is written in a column of sides, in small letters."""

BUY: Final = ("buy", "b", "buyer", "1")
"""How a buyer is written in a column of sides, in small letters."""


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
        Quantity in the base asset, in shares or contracts: any number, cast to Float64. With None
        each record counts as a quantity of 1, as for FX and quotes without volume: then ``volume``
        and ``buy_volume`` count records, ``turnover`` is the sum of their prices, and ``vwap`` is
        their average price.
    is_buyer_maker
        Whether the buyer was the resting side, so that the aggressor sold: Boolean. Optional.
    side
        The side as text (String, Categorical or Enum) or as whole numbers, instead of
        ``is_buyer_maker``. Null, an empty text and ``"unknown"`` are a side that nobody knows; any
        text that is in neither of the next two is an error.
    sell, buy
        How a seller and a buyer are written in ``side``: one text or several, in any case, or whole
        numbers. By default "sell", "s", "seller", -1 and "buy", "b", "buyer", 1. "bid" and "ask"
        are not among them, because they say in some feeds who traded and in others at which price.
    side_of
        Whose side ``side`` has: "taker", the aggressor's, as nearly all venues write it, or
        "maker", that of the resting order, as Coinbase Exchange and LOBSTER write it.
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

    Trades of Coinbase Exchange, whose ``side`` is that of the resting order:

    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame({"size": [2.0, 1.0], "side": ["BUY", "SELL"]})
    >>> columns = TradeColumns(quantity="size", side="side", side_of="maker")
    >>> trades.select(rb.features.ofi(columns)).item()
    -0.3333333333333333
    """

    timestamp: str = "timestamp"
    price: str = "price"
    quantity: str | None = "quantity"
    is_buyer_maker: str | None = "is_buyer_maker"
    agg_trade_id: str | None = "agg_trade_id"
    first_trade_id: str | None = "first_trade_id"
    last_trade_id: str | None = "last_trade_id"
    side: str | None = None
    sell: str | int | Iterable[str | int] = SELL
    buy: str | int | Iterable[str | int] = BUY
    side_of: SideOf = "taker"

    def __post_init__(self) -> None:
        """Refuse values that are not names, and sides that contradict each other."""
        for role in (*TRADE_SCHEMA, "side"):
            name = getattr(self, role)
            optional = role not in _REQUIRED
            if not (isinstance(name, str) or (name is None and optional)):
                expected = "the name of a column" + (" or None" if optional else "")
                raise TypeError(f"{role} is {name!r}: expected {expected}")
        for which in ("sell", "buy"):
            object.__setattr__(self, which, _side_texts(which, getattr(self, which)))
        if self.side_of not in get_args(SideOf):
            error = ValueError if isinstance(self.side_of, str) else TypeError
            raise error(f"side_of is {self.side_of!r}: expected 'taker' or 'maker'")
        if self.side is None:
            alone = {"sell": SELL, "buy": BUY, "side_of": "taker"}
            for argument, default in alone.items():
                if getattr(self, argument) != default:
                    raise ValueError(
                        f"{argument} is given without side (name the column of sides: side='...')"
                    )
            return
        if self.is_buyer_maker not in {None, "is_buyer_maker"}:
            raise ValueError(
                f"side is {self.side!r} and is_buyer_maker {self.is_buyer_maker!r}: expected one "
                "column of sides (leave one of them out)"
            )
        if both := sorted({*_small(self.sell)} & {*_small(self.buy)}):
            raise ValueError(
                f"{both[0]!r} is in sell and in buy: expected texts of one side in each (give both "
                "sell and buy)"
            )

    def names(self) -> dict[str, str]:
        """Return the names by role, without those that are None; `side` has the role of sides."""
        names = {role: getattr(self, role) for role in TRADE_SCHEMA}
        if self.side is not None:
            names["is_buyer_maker"] = self.side
        return {role: name for role, name in names.items() if name is not None}

    def kwargs(self) -> dict[str, Any]:
        """Return the argument of the compiled extension."""
        sides = None
        if self.side is not None:
            sell, buy = _small(self.sell), _small(self.buy)
            sides = {"sell": sell, "buy": buy, "of_maker": self.side_of == "maker"}
        return {"roles": self.names(), "sides": sides}


_REQUIRED: Final = ("timestamp", "price")


def _side_texts(which: str, given: object) -> tuple[str, ...]:
    """Return how a side is written, as texts.

    Raises
    ------
    TypeError, ValueError
        It is neither text nor a whole number, nor several; or there is none, or an empty one.
    """
    several = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else (*given,)
    for text in several:
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise TypeError(f"{which} is {given!r}: expected a text, a whole number, or several")
    texts = tuple(str(text) for text in several)
    if not texts or any(text.lower() in {"", "unknown"} for text in texts):
        raise ValueError(
            f"{which} is {given!r}: expected one text or several, none of them empty or 'unknown'"
        )
    return texts


def _small(texts: Any) -> list[str]:  # noqa: ANN401 - texts, since `__post_init__`
    return [text.lower() for text in texts]


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
