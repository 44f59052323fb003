"""Which columns of a table have what of a trade, and how sides are written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from rangebar_polars._argument_names import named_methods
from rangebar_polars.schema import TRADE_SCHEMA

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
