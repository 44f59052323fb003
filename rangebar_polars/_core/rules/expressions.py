"""Rules of expressions: your own condition, or your own sum."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, SupportsFloat

import polars as pl

from rangebar_polars._core.arguments import number_of
from rangebar_polars._core.rules.rule import Rule, plain

_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
_SMALLEST: Final = 1e-50
_LARGEST: Final = 1e50
_WORDS: Final = ("gate", "nogate")


def _check_expr(expr: object) -> None:
    if not isinstance(expr, pl.Expr):
        raise TypeError(f"expr is {expr!r}: expected an expression over the columns of the trades")
    if expr.meta.has_multiple_outputs():
        raise ValueError(f"expr is {expr}: expected one column, and it gives several")


def _name_text(name: str | None) -> str:
    if name is None:
        return ""
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}: expected a str or None")
    if _NAME.fullmatch(name) is None or name in _WORDS:
        raise ValueError(
            f"name is {name!r}: expected 1 to 32 letters of ASCII, digits and '_', and neither "
            "'gate' nor 'nogate'"
        )
    return f"-{name}"


def is_column(expr: pl.Expr) -> bool:
    """Return whether an expression is a column and nothing else."""
    roots = expr.meta.root_names()
    return len(roots) == 1 and expr.meta.eq(pl.col(roots[0]))


class ExpressionRule(Rule):
    """A rule that brings a column along."""

    __slots__ = ()

    expr: pl.Expr

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ExpressionRule)
            and str(self) == str(other)
            and self.expr.meta.eq(other.expr)
        )

    def __hash__(self) -> int:
        return hash(str(self))


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class WhenRule(ExpressionRule):
    """A bar ends at each record where a condition is true.

    The expression is a column of the trades, computed before the bars, as in ``with_columns``. So
    windows (``shift``, ``rolling_*``, ``cum_sum``, ``over``) run over the whole frame, with ``by``
    over all keys unless you write ``.over(key)``, and do not know bars. ``shift(-1)`` looks ahead.

    Parameters
    ----------
    expr
        A Boolean expression; null is not true.
    name
        A name for the text of the rule, so that several such rules can stand in a list: letters of
        ASCII, digits and ``_``.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.0, 100.0, 100.0],
    ...         "quantity": [1.0, 9.0, 1.0, 8.0],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.WhenRule(pl.col("quantity") > 5))["volume"].to_list()
    [10.0, 9.0]
    """

    expr: pl.Expr
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(WhenRule, self).__post_init__()
        _check_expr(self.expr)
        _name_text(self.name)

    @property
    def _body(self) -> str:
        return f"when{_name_text(self.name)}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SumRule(ExpressionRule):
    """A bar ends at the first record with which the sum of an expression is a limit or more.

    The sum is a Float64 that begins at 0.0 with each bar, record by record, so it may fall again.
    Expressions are computed as for `WhenRule`.

    Parameters
    ----------
    expr
        An expression of numbers between -1e288 and 1e288; null adds nothing.
    limit
        A number from 1e-50 to 1e50.
    name
        As in `WhenRule`.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    Bars of equal realised variance:

    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.0, 100.0],
    ...         "quantity": [1.0, 1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> squared = pl.col("price").log().diff() ** 2
    >>> rb.bars(trades, rule=rb.SumRule(squared, 1e-4))["volume"].to_list()
    [3.0]
    """

    expr: pl.Expr
    limit: SupportsFloat
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(SumRule, self).__post_init__()
        _check_expr(self.expr)
        _name_text(self.name)
        self._limit_text()

    def _limit_text(self) -> str:
        limit = number_of(self.limit)
        if limit is None:
            raise TypeError(f"limit is {self.limit!r}: expected a number")
        if not _SMALLEST <= limit <= _LARGEST:
            raise ValueError(f"limit is {self.limit!r}: expected 1e-50 to 1e50")
        return plain(Decimal(repr(limit)))

    @property
    def _body(self) -> str:
        return f"sum{_name_text(self.name)}-{self._limit_text()}"
