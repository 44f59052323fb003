"""The processor at the end of a chain of days, from which a live feed continues."""

import datetime as dt

from rangebar_polars._catalog.bars import load_bars
from rangebar_polars._catalog.last_bars import last_day
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._core.options import Options
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.spans import gap_text
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.store import BarStore


def processor_after(  # noqa: PLR0917 - the arguments of Catalog.resume, checked
    settings: Settings,
    series: Series,
    first: dt.date,
    end: dt.date | None,
    options: Options,
    store: BarStore | None,
    *,
    columns: TradeColumns | None,
    time_unit: TimeUnit,
) -> RangeBarProcessor:
    """Return a processor in the state of one pass over the trades of the days.

    Parameters
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    first
        The first day of the chain.
    end
        The last day; None: the last day that has trades.
    options
        The options of the bars, of one rule.
    store
        The store of the bars; None: bars are not stored.
    columns, time_unit
        As in `RangeBarProcessor`.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or the first day is after the last one.
    ArchiveError, ChecksumError, QualityError, CacheError, StoreError
        As in `load_bars`.
    """
    processor = RangeBarProcessor(
        None,
        series.symbol,
        rule=options.rules[0],
        reset=options.reset,
        max_gap=gap_text(options.max_gap),
        include_microstructure=options.include_microstructure,
        include_incomplete=options.include_incomplete,
        features=options.features or None,
        footprint=options.footprint,
        lookback=None if options.lookback is None else options.lookback.given,
        vpin=options.vpin,
        columns=columns,
        time_unit=time_unit,
    )
    last = end or last_day(settings, series)
    if first > last:
        raise ValueError(
            f"start is {first}: expected a day up to {last}, the last day with trades of "
            f"{series.label} (until there are trades of days, begin with RangeBarProcessor)"
        )
    bars = load_bars(settings, series, day_range(first, last), options, store)
    checkpoint = bars.checkpoint()
    bars.warn_of_missing()
    processor.resume(checkpoint)
    return processor
