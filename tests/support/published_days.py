"""Five days of a spot symbol as the archive publishes them, and the cache that they come to."""

import datetime as dt
from pathlib import Path

import pytest

from rangebar_polars._catalog.trades import CachedTrades, load_trades
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.archive.binance import BinanceFile
from support.archive_server import ArchiveServer, publish
from support.cached_trades import settings_of

SERIES = Series("binance", "spot", "BTCUSDT")
DAYS = day_range("2024-08-05", "2024-08-09")
ROWS = 100
"""Trades of a day."""


@pytest.fixture
def published_days(server: ArchiveServer) -> None:
    """Serve five days of a spot symbol, whose ids continue from day to day."""
    publish(server, DAYS, rows=ROWS, first_day=DAYS[0])


@pytest.fixture
def tick_cache(tmp_path: Path) -> DiskTickCache:
    """Return the cache that calls fill by default."""
    return DiskTickCache(tmp_path / "cache", SERIES)


def daily(day: dt.date) -> BinanceFile:
    """Return the file of a day."""
    return BinanceFile(SERIES.market, SERIES.symbol, day)


def loaded(
    server: ArchiveServer, cache: TickCache, days: list[dt.date], *, refresh: bool = False
) -> CachedTrades:
    """Return the days as the cache has them after a fetch."""
    settings = settings_of("binance", str(cache.root), archive=server.url)
    return load_trades(settings, SERIES, days, refresh=refresh)


def digests(trades: CachedTrades) -> dict[dt.date, str]:
    """Return what distinguishes the trades of cached days."""
    return {entry.day: entry.report.digest for entry in trades.days if entry.report is not None}
