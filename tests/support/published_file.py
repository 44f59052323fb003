"""One file of the archive, about 60 kB of zip."""

import datetime as dt

import pytest

from rangebar_polars.archive.binance import BinanceFile
from support.archive_server import ArchiveServer, day_csv

DAY = dt.date(2024, 8, 8)
FILE = BinanceFile("um", "BTCUSDT", DAY)


@pytest.fixture
def published_file(server: ArchiveServer) -> None:
    """Serve the file."""
    server.publish(FILE, day_csv(DAY, 6000, spot=False, header=True))
