"""What is cached: trades and bars, to look at and to clear."""

import os
from typing import Any, Final, Literal

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.settings import every_cache
from rangebar_polars._core.arguments import SingleThreshold
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._disk.cache_root import cache_root, local_folder
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import remove_abandoned
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars.archive import ARCHIVES
from rangebar_polars.errors import CacheError, StoreError
from rangebar_polars.schema import RULE, THRESHOLD
from rangebar_polars.store import BarKey, BarStore, Store, opened
from rangebar_polars.store.bar_key import KEY_SCHEMA, values_of_rule

Kind = Literal["ticks", "bars"]

STATUS_SCHEMA: Final = pl.Schema(
    {
        "kind": pl.String(),
        **KEY_SCHEMA,
        "rule_version": pl.Int64(),
        "days": pl.Int64(),
        "first_day": pl.Date(),
        "last_day": pl.Date(),
        "rows": pl.Int64(),
        "bytes": pl.Int64(),
        "message": pl.String(),
    }
)
_OF_BARS: Final = frozenset({RULE, THRESHOLD})


@named
def cache_status(
    *,
    source: str | None = None,
    market: str | None = None,
    symbol: str | None = None,
    threshold_decimal_bps: SingleThreshold | None = None,
    rule: Rule | None = None,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Return what is cached: a row for each series of trades and each chain of bars.

    Parameters
    ----------
    source, market, symbol, threshold_decimal_bps, rule
        Only what is of these; a threshold or a rule leaves trades out.
    store, cache_dir
        As in `get_range_bars`.

    Returns
    -------
    DataFrame
        ``kind``, "ticks" or "bars"; ``source``, ``market``, ``symbol``; of bars ``rule``, its text,
        ``threshold_decimal_bps`` (null for rules that have none),
        ``prevent_same_timestamp_close``, ``reset``, ``max_gap``, ``origin`` (the first day of the
        chain; null with a UTC period of ``reset``) and ``rule_version`` (bars of another version
        than today's are not used); ``days``, ``first_day``, ``last_day``; ``rows``, trades or bars;
        ``bytes``, null where the store does not know; ``message``, what cannot be read and why.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    StoreError, CacheError
        The store cannot be reached, or a folder that has all series in it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0],
    ...         "quantity": [1.0, 2.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     bars = rb.get_range_bars("BTC-USD", "1970-01-01", "1970-01-01", **own)
    ...     status = rb.cache_status(cache_dir=folder)
    >>> status.select("kind", "symbol", "threshold_decimal_bps", "days", "rows").rows()
    [('ticks', 'BTC-USD', None, 1, 2), ('bars', 'BTC-USD', 250, 1, 1)]
    """
    wanted = _wanted(source, market, symbol) | values_of_rule(threshold_decimal_bps, rule)
    rows = [_of_ticks(cache) for cache in _series(wanted, cache_dir)]
    with opened(store, cache_dir) as where:
        rows += [_of_bars(where, key) for key in where.keys_of(wanted)]
    return pl.DataFrame(rows, schema=STATUS_SCHEMA, orient="row")


@named
def cache_clear(
    kind: Kind,
    *,
    source: str | None = None,
    market: str | None = None,
    symbol: str | None = None,
    threshold_decimal_bps: SingleThreshold | None = None,
    rule: Rule | None = None,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Remove trades or bars from the cache.

    Bars stay when their trades go: they are proven by what they were made of. Files are removed in
    whatever state they are. A scan that runs at the same time may fail with "cannot be read".

    Parameters
    ----------
    kind
        ``"ticks"`` or ``"bars"``.
    source, market, symbol, threshold_decimal_bps, rule
        Only what is of these; without any of them, everything of the kind.
    store, cache_dir
        As in `get_range_bars`.

    Returns
    -------
    DataFrame
        What there was, as `cache_status` shows it.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    StoreError, CacheError
        The store cannot be reached, or a file cannot be removed.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rb.cache_clear("bars", symbol="BTCUSDT", cache_dir=folder).height
    0
    """
    if kind not in ("ticks", "bars"):
        raise ValueError(f"kind is {kind!r}: expected 'ticks' or 'bars'")
    wanted = _wanted(source, market, symbol) | values_of_rule(threshold_decimal_bps, rule)
    rows = list[dict[str, Any]]()
    if kind == "ticks":
        for name in _OF_BARS & wanted.keys():
            raise ValueError(f"{name} is of bars: trades have none (leave it out)")
        for cache in _series(wanted, cache_dir):
            rows.append(_of_ticks(cache))
            cache.clear()
        if not wanted:
            # A fetch that was killed before its first day has left no folder to know it by.
            downloads = local_folder(cache_root(cache_dir)) / "downloads"
            with disk_errors(CacheError, downloads, doing="cleared"):
                remove_abandoned(downloads, "*.part", strict=True)
    else:
        with opened(store, cache_dir) as where:
            for key in where.keys_of(wanted):
                rows.append(_of_bars(where, key))
                where.remove(key)
    return pl.DataFrame(rows, schema=STATUS_SCHEMA, orient="row")


def _wanted(source: str | None, market: str | None, symbol: str | None) -> dict[str, object]:
    """Return what is asked of series, by name."""
    given = {"source": source, "market": market, "symbol": symbol}
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} is {value!r} (give a name, or None for all)")
    if source in ARCHIVES and market is not None:
        given["market"] = ARCHIVES[source].market_of(market)
    return {name: value for name, value in given.items() if value is not None}


def _series(wanted: dict[str, object], cache_dir: str | os.PathLike[str] | None) -> list[TickCache]:
    if _OF_BARS & wanted.keys():
        return []
    return every_cache(cache_root(cache_dir), {name: str(each) for name, each in wanted.items()})


def _of_ticks(cache: TickCache) -> dict[str, Any]:
    """Return the row of a series of trades."""
    row: dict[str, Any] = {"kind": "ticks", **cache.series.values}
    rows, unreadable = 0, list[str]()
    try:
        sizes = cache.sizes()
        reports = cache.reports(sizes, listed=True)
    except CacheError as error:
        return row | {"message": str(error)}
    for report in reports.values():
        if isinstance(report, CacheError):
            unreadable.append(str(report))
        else:
            rows += report.rows_after
    return row | {
        "days": len(sizes),
        "first_day": min(sizes, default=None),
        "last_day": max(sizes, default=None),
        "rows": rows,
        "bytes": sum(sizes.values()),
        "message": "; ".join(unreadable) or None,
    }


def _of_bars(store: BarStore, key: BarKey) -> dict[str, Any]:
    """Return the row of a chain of bars."""
    row: dict[str, Any] = {"kind": "bars", "rule_version": key.version, **key.values}
    try:
        months = list(store.find(key).values())
    except StoreError as error:
        return row | {"message": str(error)}
    days = [link.day for month in months for link in month.links]
    sizes = [month.size for month in months]
    return row | {
        "days": len(days),
        "first_day": min(days, default=None),
        "last_day": max(days, default=None),
        "rows": sum(month.bar_count for month in months),
        "bytes": None if None in sizes else sum(size or 0 for size in sizes),
    }
