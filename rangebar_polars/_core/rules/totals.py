"""Rules of totals: how many records, how much volume or turnover."""

from dataclasses import dataclass
from typing import Final, SupportsFloat, SupportsIndex

from rangebar_polars._core.arguments import check_count, check_flags
from rangebar_polars._core.rules.rule import Rule, limit_text


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class TickRule(Rule):
    """A bar ends with its n-th record.

    Parameters
    ----------
    records
        How many records a bar has: 1 to 2^63 - 1.
    individual
        Count individual trades, ``last_trade_id - first_trade_id + 1`` of a record, or 1 where an
        id is null. The trades must have both columns.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> from rangebar_polars import TickRule
    >>> str(TickRule(1000)), str(TickRule(1000, individual=True))
    ('tick-1000', 'trade-1000')
    """

    records: SupportsIndex
    individual: bool = False

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(TickRule, self).__post_init__()
        check_flags(individual=self.individual)
        check_count(self.records, "records")

    @property
    def _body(self) -> str:
        return f"{'trade' if self.individual else 'tick'}-{check_count(self.records, 'records')}"


ENDLESS: Final = TickRule(2**63 - 1)
"""A rule that ends no bar, so that only resets do."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class _LimitRule(Rule):
    """A rule of a sum that reaches a limit."""

    limit: SupportsFloat

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(_LimitRule, self).__post_init__()
        self._limit_text()

    def _limit_text(self) -> str:
        return limit_text("limit", self.limit)


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class VolumeRule(_LimitRule):
    """A bar ends at the first record with which its volume is a limit or more.

    The sum begins at 0 with each bar, and the last record is in its bar as a whole: it is not
    split, and what is above the limit is not carried over.

    Parameters
    ----------
    limit
        The sum of the quantities: 1e-8 to 1e18.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    Sums are exact, so three times 0.1 is 0.3:

    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.0, 100.0, 100.0],
    ...         "quantity": [0.1, 0.1, 0.1, 0.1],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.VolumeRule(0.3))["volume"].to_list()
    [0.3]
    """

    @property
    def _body(self) -> str:
        return f"volume-{self._limit_text()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class DollarRule(_LimitRule):
    """A bar ends at the first record with which its turnover is a limit or more.

    Turnover is the sum of price times quantity, in whatever the quote currency is. It begins at 0
    with each bar, and the last record is in its bar as a whole.

    Parameters
    ----------
    limit
        The turnover: 1e-8 to 1e18.
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
    ...         "price": [100.0, 100.0, 100.0],
    ...         "quantity": [4.0, 6.0, 30.0],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.DollarRule(1000))["volume"].to_list()
    [10.0, 30.0]
    """

    @property
    def _body(self) -> str:
        return f"dollar-{self._limit_text()}"
