"""Bars of the days of `cached_trades` in a store, what is cached, and files that cannot be read."""

from pathlib import Path
from typing import Any

import polars as pl

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.store import BarStore, ObjectStore, ParquetStore
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.object_server import sizes_of

GARBAGE = b"PAR1 and no more"


def bars_of(root: Path, store: BarStore, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of all days."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "symbol": SYMBOL} | options
    return rb.get_range_bars(
        start_date=DAYS[0], end_date=DAYS[-1], source=SOURCE, store=store, cache_dir=root, **asked
    )


def fill(root: Path, store: BarStore) -> None:
    """Cache two series of trades and four chains of bars."""
    give(root, trades_of(DAYS[:3], seed=1), symbol="ETH-USD", market="um")
    bars_of(root, store, threshold_decimal_bps=[30, 50])
    bars_of(root, store, reset="day")
    eth: dict[str, Any] = {"symbol": "ETH-USD", "market": "um", "source": SOURCE}
    rb.get_range_bars(**eth, start_date=DAYS[1], end_date=DAYS[2], store=store, cache_dir=root)


def status_of(root: Path, store: BarStore, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return what is cached."""
    return rb.cache_status(store=store, cache_dir=root, **options)


def series(root: Path, symbol: str = SYMBOL, market: str = "spot") -> DiskTickCache:
    """Return a series of trades."""
    return DiskTickCache(root, Series(SOURCE, market, symbol))


def sizes_in(store: BarStore) -> dict[str, int]:
    """Return the paths of the files of a store, and the bytes of each; none of ClickHouse."""
    if isinstance(store, ObjectStore):
        return sizes_of(store.url)
    if not isinstance(store, ParquetStore):
        return {}
    return {str(path): path.stat().st_size for path in store.root.rglob("*.parquet")}
