"""Filling the caches with trades and bars of many symbols in one call.

Each symbol, or each of its months, is a unit of work for an executor. It does what `get_range_bars`
does, so a finished symbol is only checked, and an interrupted one continues after its last stored
month.
"""

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal, SupportsIndex, get_args

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.chains import check_options
from rangebar_polars._catalog.executors import Submits, check_executor, check_processes
from rangebar_polars._catalog.fill import FillRequest
from rangebar_polars._catalog.populate_run import PopulateRun
from rangebar_polars._catalog.settings import Settings, check_symbols
from rangebar_polars._catalog.workers import Workers
from rangebar_polars._core.arguments import Threshold
from rangebar_polars._core.borders import NamedBorders, utc_period
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._days import day_range
from rangebar_polars._progress import Progress, check_progress, reporter
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import Archive
from rangebar_polars.schema import RULE, THRESHOLD
from rangebar_polars.store import BarStore, ParquetStore, open_store

REPORT_SCHEMA: Final = pl.Schema(
    {
        "symbol": pl.String(),
        RULE: pl.String(),
        THRESHOLD: pl.Int64(),
        "status": pl.String(),
        "days": pl.Int64(),
        "stored": pl.Int64(),
        "made": pl.Int64(),
        "fetched": pl.Int64(),
        "trades": pl.Int64(),
        "bars": pl.Int64(),
        "defects": pl.String(),
        "seconds": pl.Float64(),
        "message": pl.String(),
    }
)
Unit = Literal["symbol", "month"]


@named
def populate(
    symbols: str | Iterable[str],
    start: str | dt.date,
    end: str | dt.date,
    threshold_decimal_bps: Threshold | None = None,
    *,
    source: str = "binance",
    market: str = "spot",
    rule: Rule | Sequence[Rule] | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    fetch_if_missing: bool = True,
    store: BarStore | str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    archive: Archive | str | None = None,
    unit: Unit = "symbol",
    processes: SupportsIndex | None = None,
    executor: Submits | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Fill the caches with trades and bars of many symbols.

    Afterwards `get_range_bars` reads the same days from the store. If a call was interrupted, the
    next one continues; bars that are stored and valid are not computed again. If a symbol fails,
    the others are filled all the same.

    Parameters
    ----------
    symbols
        One symbol, or several.
    start, end
        UTC days, both included. The chains begin at `start`.
    threshold_decimal_bps
        One threshold, or several for one pass over the trades of each symbol. None is 250, or what
        ``rule`` says.
    rule
        Another rule for when a bar ends, or several, as in `get_range_bars`.
    source, market, prevent_same_timestamp_close, reset, max_gap, fetch_if_missing
        As in `get_range_bars`.
    features
        The names that `get_range_bars` will be given. Without a statistic that needs the trades
        the same chain is filled as without any.
    footprint, lookback, vpin
        As in `get_range_bars`.
    store, cache_dir, cache_compression, archive
        As in `get_range_bars`. A `BarStore` of your own must be one that `open_store` opens by its
        `address`.
    unit
        What is filled at once: ``"symbol"``, all days of it; or ``"month"``, for symbols that are
        so large that the last of them would keep one process at work while others have none left.
        A month is then fetched and computed as a chain that begins in it, and the bars from `start`
        on are computed until they meet it, and copied. The bars are the same. Chains of months are
        removed afterwards; what a call that was killed has left of them, the next one uses and
        removes. Chains that meet late or never (`TickRule`) are computed twice. With ``vpin`` none
        would meet, so that months are refused, unless `reset` is a UTC period.
    processes
        How many units are filled at once, each in its own process; by default one for each two
        cores. Each process holds a day of trades, or a month of bars of each rule, in memory.
        A script needs no ``if __name__ == "__main__"``. The processes end with the call. If one is
        killed, or runs out of memory, its unit is filled by another, up to three times.
    executor
        Your own executor, which fills the units instead of new processes: any object with the
        `submit` of a `concurrent.futures.Executor`, whose workers may be threads, or processes on
        this or other machines; or a Dask client. `store` must name the same store on all of them,
        and may be left out if the cache is in a bucket; with ``cache_dir=None`` each uses its own
        cache, that of its ``RANGEBAR_CACHE_DIR``. The executor is not shut down. If the call is
        interrupted, units that have begun are completed. All need the caller's version of this
        package.
    progress
        A callable that receives each `FetchProgress`, with the days of all symbols, or ``"tqdm"``
        for a progress bar. With an `executor` no bytes are reported, and the days of a unit only
        when it is done.

    Returns
    -------
    DataFrame
        A row for each symbol and rule, both in the order given, thresholds ascending: ``symbol``;
        ``rule``, its text; ``threshold_decimal_bps``, null for rules that have none; ``status``,
        "ok", "incomplete" (bars after a day that could not be fetched are not stored) or "failed";
        ``days``, the number of days with trades; of these ``stored``, whose bars were stored
        before, in this chain or in one that it meets, and ``made``, whose bars were computed now;
        ``fetched``, the days of trades downloaded now; ``trades`` and ``bars``, the numbers in the
        stored range, including bars that were cut off; ``defects``, the defects of the trades with
        the count of each; ``seconds``, for the symbol, of all its months together; ``message``, the
        error. For a failed symbol only the last two are known. A symbol that was filled again has
        the row of its last attempt.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    StoreError
        The store cannot be opened.

    Warns
    -----
    RangeBarWarning
        Once, if a symbol failed.

    Examples
    --------
    ``populate(["BTCUSDT", "ETHUSDT"], "2024-01-01", "2024-06-30", [250, 500], progress="tqdm")``
    fetches half a year of both. With your own trades:

    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.3, 101.0],
    ...         "quantity": [1.0, 2.0, 0.5],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     filled = rb.populate("BTC-USD", "1970-01-01", "1970-01-01", [250, 500], **own)
    >>> filled.select("symbol", "threshold_decimal_bps", "status", "made", "bars").rows()
    [('BTC-USD', 250, 'ok', 1, 1), ('BTC-USD', 500, 'ok', 1, 1)]
    """
    names = check_symbols(symbols)
    days = day_range(start, end)
    most = check_processes(processes)
    if unit not in get_args(Unit):
        raise ValueError(f"unit is {unit!r}: expected 'symbol' or 'month'")
    settings = Settings.check(
        source=source,
        market=market,
        cache_dir=cache_dir,
        cache_compression=cache_compression,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=None,
    ).absolute()
    own = None if executor is None else check_executor(executor, processes, store, settings.root)
    options = check_options(
        threshold_decimal_bps,
        rule=rule,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        max_gap=max_gap,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
    )
    if unit == "month" and vpin is not None and utc_period(options.reset) is None:
        raise ValueError(
            "unit is 'month' with vpin: expected 'symbol', since the buckets of a month depend on "
            "the months before it (unit='symbol')"
        )
    check_progress(progress)
    series = [settings.series(name) for name in names]
    with reporter(progress) as report:
        request = FillRequest(
            settings=settings,
            series=series[0],
            days=tuple(days),
            options=options,
            store=_address(store, cache_dir),
            has_workers_cache=own is not None and not cache_dir,
            step="split" if unit == "month" else "symbol",
        )
        requests = [replace(request, series=each) for each in series]
        months = len({(day.year, day.month) for day in days}) if unit == "month" else 1
        pool = own or Workers(min(most, len(names) * months))
        rows = PopulateRun(requests, pool, report).rows()
    failed = {row["symbol"]: row["message"] for row in rows if row["status"] == "failed"}
    if failed:
        why = "; ".join(f"{symbol}: {message}" for symbol, message in failed.items())
        text = f"{len(failed)} of {len(names)} symbols were not filled: {why}"
        warn_caller(text)
    return pl.DataFrame(rows, schema=REPORT_SCHEMA, orient="row")


def _address(
    store: BarStore | str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> str:
    """Return the address of the store, after opening it once."""
    given = store.address if isinstance(store, BarStore) else store
    with open_store(given, cache_dir=cache_dir) as opened:
        if isinstance(store, BarStore) and type(opened) is not type(store):
            raise TypeError(
                f"store is a {type(store).__name__}, whose address opens a {type(opened).__name__} "
                "(give a store that open_store opens by its address)"
            )
        if isinstance(opened, ParquetStore):
            # Another process may have another working directory.
            return str(opened.root.absolute())
        return opened.address
