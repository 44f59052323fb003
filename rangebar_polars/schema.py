"""What trades and bars look like, and the arguments that every door shares.

The table of columns comes from the compiled half, where each is computed; nothing is listed twice.
"""

import operator
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, SupportsIndex

from rangebar_polars._internal import ALWAYS_READ, OUTPUTS

MAX_THRESHOLD: Final = 100_000
"""The largest threshold in decimal basis points: 100 %."""

IS_COMPLETE: Final = "is_complete"
"""The last column with ``include_incomplete=True``: false for the bar that is still open."""


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


COLUMNS: Final = tuple(Output(*row) for row in OUTPUTS)
"""The columns of bars, in order."""


def check_threshold(threshold_decimal_bps: SupportsIndex) -> int:
    """Return the threshold as an int.

    Raises
    ------
    TypeError
        For what is not an integer.
    ValueError
        Outside 1 to 100,000.

    Examples
    --------
    >>> check_threshold(0)
    Traceback (most recent call last):
    ValueError: threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)
    """
    if isinstance(threshold_decimal_bps, bool) or not isinstance(
        threshold_decimal_bps, SupportsIndex
    ):
        raise TypeError(
            f"threshold_decimal_bps is {threshold_decimal_bps!r}: expected an integer of decimal "
            "basis points (250 is 0.25 %)"
        )
    threshold = operator.index(threshold_decimal_bps)
    if not 1 <= threshold <= MAX_THRESHOLD:
        raise ValueError(
            f"threshold_decimal_bps is {threshold}: expected 1 to {MAX_THRESHOLD} "
            "(1 is 0.001 %, 250 is 0.25 %)"
        )
    return threshold


def check_columns(columns: TradeColumns | None) -> TradeColumns:
    """Return the columns, or the default ones for None.

    Raises
    ------
    TypeError
        For anything else.
    """
    if columns is None:
        return TradeColumns()
    if not isinstance(columns, TradeColumns):
        raise TypeError(
            f'columns is {columns!r}: expected a TradeColumns (TradeColumns(price="px"))'
        )
    return columns


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The arguments of ``bars()``, checked."""

    threshold_decimal_bps: int = 250
    include_microstructure: bool = False
    include_incomplete: bool = False
    prevent_same_timestamp_close: bool = True
    columns: TradeColumns

    @classmethod
    def check(
        cls, threshold_decimal_bps: SupportsIndex, *, columns: TradeColumns | None, **flags: bool
    ) -> "Options":
        """Return the options.

        Raises
        ------
        TypeError, ValueError
            Naming the argument, what it is and what was expected.
        """
        for name, flag in flags.items():
            if not isinstance(flag, bool):
                raise TypeError(f"{name} is {flag!r}: expected True or False")
        threshold = check_threshold(threshold_decimal_bps)
        return cls(threshold_decimal_bps=threshold, columns=check_columns(columns), **flags)

    def kwargs(self, only: list[str] | None = None) -> dict[str, Any]:
        """Return what the compiled half takes; ``only``: the columns of bars that are wanted."""
        return {
            "threshold_decimal_bps": self.threshold_decimal_bps,
            "include_microstructure": self.include_microstructure,
            "include_incomplete": self.include_incomplete,
            "prevent_same_timestamp_close": self.prevent_same_timestamp_close,
            "columns": self.columns.names(),
            "only": only,
        }

    def reads(self, only: list[str] | None = None) -> list[str]:
        """Return the columns of trades that are read for these columns of bars."""
        wanted = [
            output
            for output in COLUMNS
            if (self.include_microstructure or output.group == "bar")
            and (only is None or output.name in only)
        ]
        roles = {*ALWAYS_READ, *(role for output in wanted for role in output.reads)}
        names = self.columns.names()
        return list(dict.fromkeys(names[role] for role in names if role in roles))
