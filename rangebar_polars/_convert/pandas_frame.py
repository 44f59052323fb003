"""Bars as pandas frames, for pandas itself, vectorbt, bt and backtesting.py."""

from typing import TYPE_CHECKING, Final

import polars as pl

from rangebar_polars._convert.chain import (
    PRICES,
    between_low_and_high,
    complete,
    one_after_another,
    with_columns,
)
from rangebar_polars._extras import extra
from rangebar_polars.schema import IS_COMPLETE

if TYPE_CHECKING:
    import pandas as pd

CAPITALS: Final = {name: name.capitalize() for name in PRICES}
"""What backtesting.py calls the columns of a bar."""


def to_pandas(bars: pl.DataFrame, index: str | None = "close_time") -> "pd.DataFrame":
    """Return the bars as a pandas frame.

    ``to_pandas()["close"]`` is what vectorbt's ``Portfolio.from_signals`` and bt's ``Backtest`` (as
    a frame of one column for each symbol) take. Their figures of a year need its frequency:
    `bars_per_year` gives it, as in ``rb.bars_per_year(bars)``.

    Parameters
    ----------
    bars
        Bars, of any columns.
    index
        The column that becomes the index; ``close_time`` is when the values of a bar are known,
        anything earlier looks ahead. None: a RangeIndex, and every column stays.

    Returns
    -------
    pandas.DataFrame
        A row for each bar, in the same order. Times keep unit and zone; nulls of numbers are NaN,
        for which integers become floats.

    Raises
    ------
    ModuleNotFoundError
        pandas or pyarrow is not installed.
    ValueError
        There is no column `index`.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> bars = rb.bars(trades, 25)
    >>> returns = bars.rangebar.to_pandas()["close"].pct_change()
    >>> volatility_of_a_year = returns.std() * rb.bars_per_year(bars) ** 0.5
    >>> round(float(volatility_of_a_year), 3)
    0.618
    """
    extra("pandas", needed_by="to_pandas", name="pandas")
    extra("pyarrow", needed_by="to_pandas", name="pandas")
    if index is None:
        return bars.to_pandas()
    if index not in bars.columns:
        raise ValueError(f"index is {index!r}: expected one of {', '.join(bars.columns)}, or None")
    return bars.to_pandas().set_index(index)


def to_backtesting(bars: pl.DataFrame) -> "pd.DataFrame":
    """Return the bars as backtesting.py takes them, for ``Backtest(frame, Strategy)``.

    Bars that did not close are left out, as no strategy can act on them. Sharpe ratio and
    volatility of backtesting.py are a year's by its own reckoning, by the day: for bars compute
    them from the equity with `bars_per_year`.

    Parameters
    ----------
    bars
        Bars of one chain: one key of ``by``, one rule.

    Returns
    -------
    pandas.DataFrame
        ``Open``, ``High``, ``Low``, ``Close``, ``Volume`` (float64), then the other columns under
        their own names, which a strategy finds as ``self.data.ofi``. The index is ``close_time``,
        in UTC without a zone: unique, rising.

    Raises
    ------
    ModuleNotFoundError
        pandas or pyarrow is not installed.
    ValueError
        A column of a bar is missing, there are several rules, or two bars close at once.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> frame = rb.bars(trades, 25, include_microstructure=True).rangebar.to_backtesting()
    >>> list(frame.columns[:6]), frame.index.is_unique, frame.index.is_monotonic_increasing
    (['Open', 'High', 'Low', 'Close', 'Volume', 'open_time'], True, True)
    """
    extra("pandas", needed_by="to_backtesting", name="backtesting")
    extra("pyarrow", needed_by="to_backtesting", name="backtesting")
    name = "to_backtesting"
    chain = complete(with_columns(bars, ("close_time", *PRICES), needed_by=name))
    one_after_another(chain, needed_by=name)
    between_low_and_high(chain, needed_by=name)
    others = [column for column in chain.columns if column not in {*PRICES, IS_COMPLETE}]
    ordered = chain.select(*PRICES, *others).rename(CAPITALS)
    return (
        ordered.with_columns(_without_zone(ordered["close_time"]))
        .to_pandas()
        .set_index("close_time")
    )


def _without_zone(time: pl.Series) -> pl.Series:
    """Return times in UTC, without a zone: backtesting.py compares the index with naive times."""
    zoned = isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone is not None
    return time.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else time
