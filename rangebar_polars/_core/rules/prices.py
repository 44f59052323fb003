"""Rules of prices: how far the price has moved."""

from dataclasses import dataclass, field
from typing import ClassVar, SupportsFloat

from rangebar_polars._core.arguments import check_threshold
from rangebar_polars._core.rules.rule import Rule, limit_text


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class RangeRule(Rule):
    """A bar ends at the first price that is a threshold away from the price it opened at.

    Parameters
    ----------
    threshold_decimal_bps
        The threshold in decimal basis points, 1 to 100,000: 250 is 0.25 %.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> from rangebar_polars import RangeRule, parse_rule
    >>> str(RangeRule(250))
    'range-250'
    >>> parse_rule("range-250") == RangeRule(250)
    True
    """

    GUARDED: ClassVar[bool] = True

    threshold_decimal_bps: int
    prevent_same_timestamp_close: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(RangeRule, self).__post_init__()
        # An integer of another library becomes one of Python, as columns and messages show it.
        threshold = check_threshold(self.threshold_decimal_bps)
        object.__setattr__(self, "threshold_decimal_bps", threshold)

    @property
    def _body(self) -> str:
        return f"range-{self.threshold_decimal_bps}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class _AmountRule(Rule):
    """A rule of an amount of price."""

    GUARDED: ClassVar[bool] = True

    amount: SupportsFloat
    prevent_same_timestamp_close: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(_AmountRule, self).__post_init__()
        self._amount_text()

    def _amount_text(self) -> str:
        return limit_text("amount", self.amount)


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class PriceRangeRule(_AmountRule):
    """A bar ends at the first price that is an amount away from the price it opened at.

    Parameters
    ----------
    amount
        How far the price must move, in the unit of the prices: 1e-8 to 1e18. Where the open is not
        above the amount, only a rise ends the bar.
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
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 104.99, 105.0],
    ...         "quantity": [1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.PriceRangeRule(5.0)).select("open", "close").row(0)
    (100.0, 105.0)
    """

    @property
    def _body(self) -> str:
        return f"pricerange-{self._amount_text()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class HighLowRule(_AmountRule):
    """A bar ends at the first record with which its high less its low is an amount or more.

    It is the range bar of the chart platforms, without the bars that they invent: a jump over
    several amounts is one bar, every price is that of a record, and the next bar opens where the
    next record is.

    Parameters
    ----------
    amount
        High less low, in the unit of the prices: 1e-8 to 1e18.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar. If such a record
        has taken the range to the amount, the first one of a later time ends the bar.

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
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 97.0, 102.0],
    ...         "quantity": [1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.HighLowRule(5.0)).select("high", "low").row(0)
    (102.0, 97.0)
    """

    @property
    def _body(self) -> str:
        return f"highlow-{self._amount_text()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class CusumRule(Rule):
    """A bar ends when the price has moved by a threshold since the last such move.

    It is the symmetric CUSUM filter of log returns, in integers: a bar ends at the first price that
    is a threshold above the lowest, or as far below the highest, since the last bar ended. The step
    from one bar's close to the next bar's open counts, so a record may end the bar that it opens.
    A gap (``max_gap``) and a reset forget the prices before.

    Parameters
    ----------
    threshold_decimal_bps
        The threshold h in decimal basis points, 1 to 100,000. A log return of x is
        ``round((exp(x) - 1) * 100_000)``.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    References
    ----------
    López de Prado, Advances in Financial Machine Learning (2018), 2.5.2.1.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 99.5, 100.495],
    ...         "quantity": [1.0, 1.0, 1.0],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.CusumRule(1000)).select("open", "close").row(0)
    (100.0, 100.495)
    """

    threshold_decimal_bps: int

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(CusumRule, self).__post_init__()
        check_threshold(self.threshold_decimal_bps)

    @property
    def _body(self) -> str:
        return f"cusum-{check_threshold(self.threshold_decimal_bps)}"
