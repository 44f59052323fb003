"""A day of trades, as the bars of chains are computed from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from rangebar_polars._ticks.report import DayReport


@dataclass(frozen=True, kw_only=True)
class TickDay:
    """A day of trades from which bars are computed.

    Attributes
    ----------
    report
        The report of the trades; None if the day has no trades.
    trades
        The trades.
    proven
        Yields the batches of the trades, and raises if they do not match the report.
    defects
        The defects of the day, by name.
    is_final
        Whether a later call will find the same trades; False for a day that was not searched for
        or may still be published.
    """

    report: DayReport | None
    trades: pl.LazyFrame
    proven: Callable[[Iterable[pl.DataFrame]], Iterator[pl.DataFrame]]
    defects: Mapping[str, int]
    is_final: bool
