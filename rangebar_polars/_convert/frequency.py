"""How many bars a year has: what annualises a figure of bars."""

from typing import Final

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._convert.chain import complete, with_columns
from rangebar_polars._forks import use_threads

SECONDS_A_YEAR: Final = 365.25 * 86_400
_PER_SECOND: Final = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@named
def bars_per_year(bars: pl.DataFrame | pl.LazyFrame) -> float:
    """Return how many bars close in a year: the frequency that annualises figures of bars.

    ``(height - 1) / (last close_time - first close_time)``, in years of 365.25 days: the number of
    returns from close to close over the time that they take. A Sharpe ratio of returns of bars
    times the root of it is one of a year. Bars have no fixed length, so the 252 days or 365 days
    that libraries assume are wrong for them by orders of magnitude.

    Parameters
    ----------
    bars
        Bars of one chain: one key of ``by``, one rule; a plan is collected. Bars that did not
        close are left out.

    Returns
    -------
    float
        Bars a year of 365.25 days on the clock. Of a market that closes overnight or at weekends,
        take bars of whole weeks, as a span that lacks a weekend has too many bars for its time.

    Raises
    ------
    TypeError
        ``close_time`` is no Datetime.
    ValueError
        There is no column ``close_time``, there are several rules, fewer than two bars, or no
        time passes between them.
    RangeBarError
        This process was forked after Polars started its threads.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> round(rb.bars_per_year(rb.bars(trades, 25)))  # of some minutes of great moves
    5108428
    """
    use_threads()
    frame = bars.collect() if isinstance(bars, pl.LazyFrame) else bars
    chain = complete(with_columns(frame, ("close_time",), needed_by="bars_per_year"))
    time = chain["close_time"]
    if not isinstance(time.dtype, pl.Datetime):
        raise TypeError(f"close_time is {time.dtype}: expected Datetime (call it on bars)")
    first, last = time.to_physical().min(), time.to_physical().max()
    if not isinstance(first, int) or not isinstance(last, int) or last == first:
        raise ValueError(
            f"bars_per_year was given {chain.height} bars that closed: expected two or more that "
            "close at different times (give it more trades or a lower threshold)"
        )
    seconds = (last - first) / _PER_SECOND[time.dtype.time_unit]
    return (chain.height - 1) / (seconds / SECONDS_A_YEAR)
