"""Days of trades in the cache of a test, and the bars that one pass over them gives."""

import datetime as dt
import random
from pathlib import Path
from typing import Any

import polars as pl

import rangebar_polars as rb
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._days import day_range
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.store import ParquetStore

SYMBOL = "BTC-USD"
SOURCE = "mine"
DAYS = day_range("2024-01-26", "2024-02-08")
"""Two weeks across the border of a month, of which two weeks' borders are inside."""
PER_DAY = 200


def trades_of(days: list[dt.date], seed: int = 0, per_day: int = PER_DAY) -> pl.DataFrame:
    """Return a random walk of prices, the same for a day whatever the other days are."""
    rows = []
    for day in days:
        number = (day - dt.date(2020, 1, 1)).days
        chance = random.Random(1000 * number + seed)  # noqa: S311 - not a secret
        start = dt.datetime.combine(day, dt.time(), dt.UTC)
        # A bar may be open for days: the walk begins each day at a price that all days share.
        price = 100_000
        for n in range(per_day):
            price += chance.choice([-40, -15, -5, 0, 5, 15, 40])
            time = start + dt.timedelta(microseconds=n // 2 * (86_400_000_000 // per_day))
            id_ = number * per_day + n
            side = chance.choice([True, False, None])
            rows.append((time, price / 1000, chance.randrange(5) / 8, side, id_, 2 * id_, 2 * id_))
    return pl.DataFrame(rows, schema=TRADE_SCHEMA, orient="row")


def give(
    root: Path | str, trades: pl.DataFrame, symbol: str = SYMBOL, market: str = "spot"
) -> None:
    """Put trades into the cache in the place of what it has of their days."""
    rb.import_trades(
        trades, symbol=symbol, source=SOURCE, market=market, cache_dir=root, replace=True
    )


def default_cache() -> Path:
    """Return the folder of the calls that name neither a cache nor a store."""
    store = rb.open_store()
    assert isinstance(store, ParquetStore)
    return store.root


def one_pass(root: Path, start: dt.date, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of all trades in one piece."""
    names = {"symbol": options.pop("symbol", SYMBOL), "market": options.pop("market", "spot")}
    ticks = rb.scan_ticks(**names, start=start, end=end, source=SOURCE, cache_dir=root)
    return rb.bars(ticks.collect(), **options)


def settings_of(
    source: str, root: Path | str, market: str = "spot", archive: str | None = None
) -> Settings:
    """Return what a catalog of a cache folder has."""
    return Settings.check(
        source=source,
        market=market,
        cache_dir=root,
        archive=archive,
        cache_compression=None,
        fetch_if_missing=True,
        progress=None,
    )
