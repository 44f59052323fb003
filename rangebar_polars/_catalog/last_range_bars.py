"""The last n bars of a symbol in one call."""

import datetime as dt
import os
from collections.abc import Sequence
from typing import Literal, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._core.arguments import SingleThreshold
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._days import utc_day
from rangebar_polars._progress import Progress
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import Archive
from rangebar_polars.store import Store


@named
def get_n_range_bars(
    symbol: str,
    n_bars: SupportsIndex,
    threshold_decimal_bps: SingleThreshold | None = None,
    *,
    rule: Rule | None = None,
    end_date: str | dt.date | None = None,
    max_lookback_days: SupportsIndex = 90,
    warn_if_fewer: bool | None = None,
    source: str = "binance",
    market: str = "spot",
    include_microstructure: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    use_cache: bool = True,
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Return exactly the last `n_bars` completed bars of a symbol.

    The bars of a chain depend on where it begins, so there is a fixed rule. The chains of the last
    1, 2, 4, 8, ... days up to `end_date`, and finally of `max_lookback_days` days, are tried in
    turn, and the first with enough bars is used. Equal arguments give equal bars, but for a larger
    `n_bars` the chain may begin earlier. With a UTC period of `reset` bars do not depend on the
    beginning: they are the last bars up to `end_date`, searched for in at most `max_lookback_days`
    days. With a `TradingDay` those of the first days up to a border do.

    Parameters
    ----------
    symbol
        As the source spells it.
    n_bars
        The number of bars.
    threshold_decimal_bps
        One threshold, as in `get_range_bars`.
    rule
        One rule, as in `get_range_bars`. A rule that remembers trades of earlier bars, such as
        `EwmaRunRule`, warms up in this chain, which begins only some days earlier: the bars of a
        chain from a first day of your own are those of `get_range_bars`.
    end_date
        The last UTC day, included. By default the last published day; for sources other than
        Binance, and with ``fetch_if_missing=False``, the last cached day.
    max_lookback_days
        The largest number of days to search.
    warn_if_fewer
        What happens if there are fewer bars. None: an error. True: a warning. False: nothing.
    source, market, include_microstructure, features, footprint, lookback, vpin
        As in `get_range_bars`.
    prevent_same_timestamp_close, reset, max_gap
        As in `get_range_bars`.
    use_cache
        As in `get_range_bars`. Except with a UTC period of `reset`, bars are stored only if their
        chain is stored already, so that a daily call does not store a new chain every day. Bars of
        a stored chain of other days are read where both meet.
    fetch_if_missing, store, cache_dir, cache_compression, archive, progress
        As in `get_range_bars`.

    Returns
    -------
    DataFrame
        `n_bars` rows, as from `get_range_bars`, the latest last.

    Raises
    ------
    RangeBarError
        There are fewer bars, and ``warn_if_fewer`` is None; the error states how many.
    ValueError, TypeError, ArchiveError, ChecksumError, CacheError, QualityError, StoreError
        As in `get_range_bars`.

    Warns
    -----
    RangeBarWarning
        As in `get_range_bars`, for the days of the chain; and for fewer bars, with
        ``warn_if_fewer=True``.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.0, 99.0],
    ...         "quantity": [1.0, 2.0, 0.5, 4.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     rb.get_n_range_bars("BTC-USD", 1, **own)["close"].to_list()
    [99.0]
    """
    end = None if end_date is None else utc_day(end_date, "end_date")
    with Catalog(
        source,
        market,
        cache_dir=cache_dir,
        cache_compression=cache_compression,
        store=store,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    ) as catalog:
        return catalog.last_bars(
            symbol,
            n_bars,
            threshold_decimal_bps,
            rule=rule,
            end=end,
            max_lookback_days=max_lookback_days,
            warn_if_fewer=warn_if_fewer,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            use_cache=use_cache,
        )
