"""Calls of `populate` with your own trades or those of an archive, and what they start."""

import datetime as dt
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import rangebar_polars as rb
from rangebar_polars.archive.binance import BinanceFile
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, trades_of
from support.subprocesses import TIMEOUT

ETH = "ETH-USD"
FEW = 50
"""Trades of a day of the archive."""
Workers = list[BaseProcess]


def populate(
    root: Path | None,
    symbols: Any = SYMBOL,  # noqa: ANN401
    start: dt.date = DAYS[0],
    end: dt.date = DAYS[-1],
    threshold_decimal_bps: Any = 30,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> pl.DataFrame:
    """Fill the caches with your own trades."""
    return rb.populate(
        symbols, start, end, threshold_decimal_bps, source=SOURCE, cache_dir=root, **options
    )


def stored(
    root: Path,
    start: dt.date = DAYS[0],
    end: dt.date = DAYS[-1],
    **options: Any,  # noqa: ANN401
) -> pl.DataFrame:
    """Return the bars as the store has them."""
    asked: dict[str, Any] = {"symbol": SYMBOL, "threshold_decimal_bps": 30} | options
    return rb.get_range_bars(
        start_date=start, end_date=end, source=SOURCE, cache_dir=root, **asked
    )  # fmt: skip


def publish(
    server: ArchiveServer,
    days: list[dt.date],
    *symbols: str,
    market: str = "spot",
) -> int:
    """Serve days of the archive, whose ids continue from day to day; return their bytes."""
    received = 0
    for symbol in symbols:
        for day in days:
            number = (day - dt.date(2024, 1, 1)).days
            csv = day_csv(day, FEW, first_id=1000 + FEW * number, spot=market == "spot")
            file = BinanceFile(market, symbol, day)
            server.publish(file, csv)
            received += len(server.files[file.path])
    return received


def zeros(days: list[dt.date], seed: int = 0) -> str:
    """Return what is reported of the defects of these days."""
    trades = trades_of(days, seed)
    return f"zero_quantities {trades.filter(pl.col('quantity') == 0).height}"


def rows_of(report: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a report, without the seconds that each symbol took."""
    assert report["seconds"].is_between(0, TIMEOUT).all()
    return report.drop("seconds").to_dicts()


def is_whole(root: Path) -> bool:
    """Return whether no unfinished file is left."""
    return not any(name.endswith(".part") for name in tree(root))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Record which processes are started."""
    started = Workers()
    original = BaseProcess.start

    def spied(process: BaseProcess) -> None:
        started.append(process)
        original(process)

    monkeypatch.setattr(BaseProcess, "start", spied)
    return started


@pytest.fixture
def stalling(server: ArchiveServer) -> ArchiveServer:
    """Serve days of two symbols, of which one comes whole only at the second time."""
    publish(server, DAYS[4:8], "BTCUSDT", "ETHUSDT")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        server.faults[BinanceFile("spot", symbol, DAYS[6]).path].append(Fault("stall", 500))
    return server
