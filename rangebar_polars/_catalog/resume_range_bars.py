"""From the archive to a live feed: the processor at the end of a chain of days."""

import datetime as dt
import os
from collections.abc import Sequence
from typing import Literal

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._core.arguments import SingleThreshold, TimeUnit
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._progress import Progress
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.archive import Archive
from rangebar_polars.store import Store


@named
def resume_range_bars(
    symbol: str,
    start: str | dt.date,
    threshold_decimal_bps: SingleThreshold | None = None,
    *,
    rule: Rule | None = None,
    end: str | dt.date | None = None,
    source: str = "binance",
    market: str = "spot",
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    columns: TradeColumns | None = None,
    time_unit: TimeUnit = "ms",
    use_cache: bool = True,
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> RangeBarProcessor:
    """Return a processor that continues the bars of days with the trades of a live feed.

    It stands after the last trade of `end`. The bars of `get_range_bars` from `start` to `end`, and
    those that the processor returns for later trades, are together the bars of one pass over all
    trades. Bars of these days that are not stored are computed and stored, as `get_range_bars`
    does.

    Its ``position`` is the last trade: give it the trades after that. The archive ends hours before
    a live feed begins, so fetch the trades in between from the exchange. If some are missing,
    the processor warns of the ids.

    Parameters
    ----------
    symbol
        As the source spells it.
    start
        The first UTC day of the chain: ``"YYYY-MM-DD"`` or a date. It is the ``start_date`` of
        `get_range_bars`.
    threshold_decimal_bps
        One threshold, as in `get_range_bars`.
    rule
        One rule, as in `get_range_bars`.
    end
        The last UTC day, included. By default the last published day, which is searched for from
        yesterday in UTC back; for sources other than Binance, and with
        ``fetch_if_missing=False``, the last cached day.
    source, market, prevent_same_timestamp_close, reset, max_gap
        As in `get_range_bars`.
    include_microstructure, include_incomplete, features, footprint, lookback, vpin
        As in `RangeBarProcessor`: the columns of its bars.
    columns, time_unit
        As in `RangeBarProcessor`: the form of its trades. The times of a chain of days are in
        microseconds, and so are those of its bars. Whole numbers of "s" or "ms" in dicts continue
        them without loss.
    use_cache, fetch_if_missing, store, cache_dir, archive, progress
        As in `get_range_bars`.

    Returns
    -------
    RangeBarProcessor
        At the end of the chain. Frames that it takes must have the columns, the time unit and the
        zone of `scan_ticks`.

    Raises
    ------
    ValueError
        An argument is wrong, or there are no days from `start` on.
    CacheError
        As in `get_range_bars`; or a UTC period of `reset` ends with the last day, and its trades
        are not cached and may not be fetched.
    TypeError, ArchiveError, ChecksumError, QualityError, StoreError
        As in `get_range_bars`.

    Warns
    -----
    RangeBarWarning
        As in `get_range_bars`, about missing trades.

    Examples
    --------
    ``resume_range_bars("BTCUSDT", "2024-01-01")`` continues the bars of
    ``get_range_bars("BTCUSDT", "2024-01-01", yesterday)``. With your own trades:

    >>> import tempfile
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": [dt.datetime(2024, 1, 1, 9), dt.datetime(2024, 1, 1, 10)],
    ...         "price": [100.0, 100.2],
    ...         "quantity": [1.0, 2.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     processor = rb.resume_range_bars("BTC-USD", "2024-01-01", **own)
    >>> processor.position["timestamp"].item()
    datetime.datetime(2024, 1, 1, 10, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    >>> live = {"timestamp": 1_704_153_600_000, "price": "100.30", "quantity": "4"}
    >>> processor.process_trades(live).select("open", "close", "volume").rows()
    [(100.0, 100.3, 7.0)]
    """
    with Catalog(
        source,
        market,
        cache_dir=cache_dir,
        store=store,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    ) as catalog:
        return catalog.resume(
            symbol,
            start,
            threshold_decimal_bps,
            rule=rule,
            end=end,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            columns=columns,
            time_unit=time_unit,
            use_cache=use_cache,
        )
