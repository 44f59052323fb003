"""Prices, quantities, ids and sides of trades that are imported.

What cannot be read as what it should be is refused with its row, so that no error of Polars' own
reaches a user, and no value becomes another one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.sides import read_sides
from rangebar_polars._ticks.spill import ROW, row_place
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import QualityError
from rangebar_polars.schema import TRADE_SCHEMA

_PAIRS: Final = {"sell": "buy", "s": "b", "true": "false"}
"""Text of a seller and of a buyer, in small letters."""
_SHOWN: Final = 5


def stripped(text: pl.Series) -> pl.Series:
    """Return text without the spaces around it; null where nothing is left."""
    bare = text.str.strip_chars()
    return bare.set(bare == "", None)


@dataclass(frozen=True)
class Values:
    """The columns of trades that are not times, by their roles, as they are given.

    Attributes
    ----------
    frame
        The trades.
    names
        What their columns are called, by role.
    what
        What messages call the trades.
    columns
        How sides are read that are text.
    place
        Says where a row is.

    """

    frame: pl.LazyFrame
    names: Mapping[str, str]
    what: str
    columns: TradeColumns = field(default_factory=TradeColumns)
    place: Callable[[int], str] = row_place

    def check(self, role: str, got: pl.DataType, *, is_text: bool) -> None:
        """Refuse a column of a dtype that has no such values; a file of text has any.

        Raises
        ------
        TypeError
            The dtype will not do.

        """
        expected = TRADE_SCHEMA[role]
        if role == "is_buyer_maker" and self.columns.side is not None:
            is_read = got.is_integer() or got in {pl.String(), pl.Categorical(), pl.Null()}
            if not is_read and not isinstance(got, pl.Enum):
                name = self.names[role]
                raise TypeError(f"column {name!r} is {got}, expected text of sides (cast it first)")
            return
        fits = {
            pl.Float64(): got.is_numeric(),
            pl.Int64(): got.is_integer() or got == pl.Null,
            pl.Boolean(): got in {pl.Boolean(), pl.Null()},
        }
        if not is_text and not fits[expected]:
            name = self.names[role]
            is_side = expected == pl.Boolean()
            remedy = f"({self._side(got)})" if is_side else "(cast it first)"
            if expected == pl.Int64() and got.is_float():
                column = f"pl.col({_quoted(name)})"
                remedy = f"(cast it first: {column}.fill_nan(None).cast(pl.Int64))"
            raise TypeError(f"column {name!r} is {got}, expected {expected} {remedy}")

    def converted(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield trades with the columns of the cache; their rows have numbers in `ROW`.

        Raises
        ------
        QualityError
            A value is missing, or is none of its column's.
        TypeError
            A file has text for a side that is neither true nor false.

        """
        for batch in batches:
            rows = batch[ROW]
            yield batch.with_columns(self._column(role, batch[role], rows) for role in self.names)

    def _column(self, role: str, given: pl.Series, rows: pl.Series) -> pl.Series:
        dtype = TRADE_SCHEMA[role]
        given = stripped(given) if given.dtype == pl.String else given
        if role == "is_buyer_maker" and self.columns.side is not None:
            return self._sides(given, rows)
        is_side = dtype == pl.Boolean()
        if is_side and given.dtype == pl.String:
            small = given.str.to_lowercase()
            values = (small == "true").set(~small.is_in(["true", "false"]), None)
        else:
            values = given.cast(dtype, strict=False)
        wrong = given.is_not_null() & values.is_null()
        if dtype == pl.Float64():
            wrong |= ~values.is_finite().fill_null(value=False)
            if role == "quantity":
                wrong |= (values < 0).fill_null(value=False)
        if wrong.any():
            at = int(wrong.arg_true()[0])
            if is_side:
                name = self.names[role]
                raise TypeError(
                    f"column {name!r} of {self.what} is {given[at]!r} at "
                    f"{self.place(rows[at])}, expected true or false ({self._side(pl.String())})"
                )
            raise self._refusal(role, given[at], rows[at])
        return values

    def _refusal(self, role: str, value: object, row: int) -> QualityError:
        column = f"column {self.names[role]!r} of {self.what}"
        if value is None:
            return QualityError(f"{column} is missing at {self.place(row)} (drop such rows)")
        expected = {
            "price": "a finite number",
            "quantity": "a finite number, and none below zero",
        }.get(role, "a whole number from -2**63 to 2**63 - 1")
        return QualityError(
            f"{column} is {value!r} at {self.place(row)}, expected {expected} (repair or drop such "
            "rows)"
        )

    def _sides(self, given: pl.Series, rows: pl.Series) -> pl.Series:
        """Return sides that are text as Booleans."""
        read = read_sides(given, self.columns)
        if read.strange is not None:
            at, text = read.strange
            name = self.names["is_buyer_maker"]
            raise QualityError(
                f"column {name!r} of {self.what} is {text!r} at {self.place(rows[at])}, "
                f"{read.expected} (say how both are written: columns=TradeColumns(side={name!r}, "
                "sell=..., buy=...); make it empty or null where nobody knows the side)"
            )
        return read.sold

    def _side(self, got: pl.DataType) -> str:
        """Say how a side becomes Boolean, from the values that it has."""
        name = self.names["is_buyer_maker"]
        side, code = cs.by_name(name), f"pl.col({_quoted(name)})"
        distinct = self.frame.select(side).drop_nulls().unique().collect(engine="streaming")
        values = sorted(distinct.to_series().cast(pl.String, strict=False).drop_nulls().to_list())
        sold = _seller(values, got, is_flag="maker" in name.lower())
        if sold is not None:
            return f"true is where the aggressor sold: {code} == {sold}"
        shown = ", ".join(values[:_SHOWN] if got.is_numeric() else map(_quoted, values[:_SHOWN]))
        more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        return (
            f"true is where the aggressor sold, null where no one knows: compare {code} with what "
            f"it has for a seller; it has {shown or 'nulls only'}{more}"
        )


def _seller(values: list[str], got: pl.DataType, *, is_flag: bool) -> str | None:
    """Return how a seller is written, where the values leave no doubt.

    Of a flag only the name says what it is of: in "is_buy" true is a buyer.
    """
    numbers = [{"-1", "1"}, *([{"1", "0"}] if is_flag else [])]
    if got.is_numeric():
        sold = [min(pair - {"0"}) for pair in numbers if set(values) <= pair]
        return sold[0] if sold and sold[0] in values else None
    by_small = {value.strip().lower(): value for value in values}
    for seller, buyer in _PAIRS.items():
        known = seller in by_small and by_small.keys() <= {seller, buyer}
        if known and len(by_small) == len(values) and (is_flag or seller != "true"):
            return _quoted(by_small[seller])
    return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
