"""A cache of two symbols with trades and bars, and connections of DuckDB to it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import rangebar_polars as rb
from rangebar_polars import _internal
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._series import Series
from rangebar_polars.duckdb import connect
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.store import BarKey, Link, ParquetStore, StoredMonth
from support.trades import walk

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

START = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
DAYS = [START.date() + dt.timedelta(days=n) for n in range(4)]
SYMBOLS = {"BTC-USD": "spot", "ETH-USD": "um"}
NAMES = {"source": pl.String(), "market": pl.String(), "symbol": pl.String()}
MONTH = DAYS[0].replace(day=1)


def trades(symbol: str = "BTC-USD", per_day: int = 300) -> pl.DataFrame:
    """Return trades of the four days, other ones for each symbol."""
    rows = per_day * len(DAYS)
    frame = walk(rows + list(SYMBOLS).index(symbol)).tail(rows)
    # Two trades at a time.
    moment = pl.int_range(pl.len()) // 2 * (2 * dt.timedelta(days=1) // per_day)
    first = 3 * pl.col("agg_trade_id")
    # An import drops records whose trades are part of others.
    apart = {"first_trade_id": first, "last_trade_id": first + pl.col("agg_trade_id") % 3}
    return frame.with_columns(timestamp=pl.lit(START) + moment, **apart).cast(TRADE_SCHEMA)


def key(symbol: str = "BTC-USD", threshold: int = 30) -> BarKey:
    """Return the chain of bars of a symbol."""
    return BarKey(
        series=Series("mine", SYMBOLS[symbol], symbol),
        rule=RangeRule(threshold),
        origin=DAYS[0],
    )


def stored(chain: BarKey, version: str = "") -> tuple[StoredMonth, pl.DataFrame]:
    """Return the bars of a chain as a store takes them; versions differ in digests alone."""
    options = Options.check(
        None,
        rule=chain.rule,
        columns=None,
        include_microstructure=True,
        include_incomplete=True,
    )
    found, _ = _internal.bars(trades(chain.series.symbol), options.kwargs(stored=True))
    found = found.filter("is_complete")
    links = list[Link]()
    for day in DAYS:
        ended = found.filter(pl.col("close_time").dt.date() == day).height
        link = Link(
            day=day,
            trades_digest=f"{version}{day}",
            trade_count=300,
            defects={},
            bar_count=ended,
            state=b"state",
        )
        links.append(link.sealed(chain, links[-1] if links else None))
    return StoredMonth(month=MONTH, links=tuple(links)), found


@pytest.fixture(scope="module")
def sql_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the trades of two symbols and three chains of bars; for reading."""
    root = tmp_path_factory.mktemp("cache")
    fill(root)
    return root


def fill(root: Path) -> None:
    """Put trades and bars into a cache."""
    for symbol, market in SYMBOLS.items():
        rb.import_trades(
            trades(symbol), symbol=symbol, market=market, source="mine", cache_dir=root
        )
    for chain in (key(), key(threshold=60), key("ETH-USD")):
        ParquetStore(root).write(chain, *stored(chain))


@pytest.fixture
def connection(sql_cache: Path) -> Iterator["DuckDBPyConnection"]:
    """Return a connection to the cache."""
    with connect(ParquetStore(sql_cache), cache_dir=sql_cache) as opened:
        yield opened


def error_of(connection: "DuckDBPyConnection", query: str) -> str:
    """Return the message of a query that must fail."""
    duckdb = pytest.importorskip("duckdb")
    with pytest.raises(duckdb.Error) as raised:
        connection.sql(query).pl()
    return str(raised.value)
