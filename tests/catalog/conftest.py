"""Fixtures of the tests of `populate`."""

from multiprocessing.process import BaseProcess

import pytest
from support.archive_server import ArchiveServer, Fault
from support.cached_trades import DAYS
from support.populating import Workers

from rangebar_polars.archive.binance import BinanceFile


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:  # noqa: ARG001
    """Have no settings of the user's."""
    for name in ("RANGEBAR_BINANCE_URL", "RANGEBAR_BINANCE_LISTING_URL", "RANGEBAR_STORE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Tell which processes are started."""
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
