"""One wrong time in a day refuses the day, and a clock that is off by a little does not."""

import datetime as dt
from typing import Any

import pytest
from support.archive_server import ArchiveServer, day_csv

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import QualityError

DAYS = day_range("2024-08-07", "2024-08-09")


def epoch(time: dt.datetime) -> int:
    """Return a time in milliseconds."""
    return round(time.timestamp() * 1_000)


def served(server: ArchiveServer, row: int, time: dt.datetime) -> str:
    """Serve three days, in the second of which a row has another time."""
    for number, day in enumerate(DAYS):
        lines = day_csv(day, 40, first_id=40 * number).decode().splitlines()
        if day == DAYS[1]:
            cells = lines[row - 1].split(",")
            cells[5] = str(epoch(time))
            lines[row - 1] = ",".join(cells)
        text = "".join(f"{line}\n" for line in lines).encode()
        server.publish(BinanceFile("spot", "BTCUSDT", day), text)
    return server.url


def asked(url: str) -> dict[str, Any]:
    return {"archive": rb.BinanceArchive(url, None)}


UTC = dt.UTC
WRONG = {
    "the first of 1970": (1, dt.datetime(1970, 1, 1, tzinfo=UTC)),
    "the last of 2100": (40, dt.datetime(2100, 1, 1, tzinfo=UTC)),
    "more than an hour before": (1, dt.datetime(2024, 8, 7, 22, 59, 59, tzinfo=UTC)),
    "more than an hour after": (40, dt.datetime(2024, 8, 9, 1, 0, 1, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_time_far_outside_of_its_day_refuses_the_day(name: str, server: ArchiveServer) -> None:
    row, time = WRONG[name]
    url = served(server, row, time)

    for call in (rb.scan_ticks, rb.get_range_bars):
        with pytest.raises(QualityError) as caught:
            call("BTCUSDT", DAYS[0], DAYS[-1], **asked(url))
        assert str(caught.value) == (
            "a time in binance spot BTCUSDT 2024-08-08 (BTCUSDT-aggTrades-2024-08-08.zip) lies "
            f"more than an hour outside of 2024-08-08: row {row - 1} (agg_trade_id {39 + row}, "
            f"{time:%F %T.%f}) (the day is refused: the right time is unknown)"
        )


@pytest.mark.parametrize(
    ("row", "time"),
    [
        (1, dt.datetime(2024, 8, 7, 23, 59, 59, tzinfo=UTC)),
        (40, dt.datetime(2024, 8, 9, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_a_little_outside_of_its_day_is_a_defect_that_is_counted(
    row: int, time: dt.datetime, server: ArchiveServer
) -> None:
    url = served(server, row, time)

    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[-1], **asked(url))

    assert report["outside_day"].to_list() == [0, 1, 0]
    assert report["status"].to_list() == ["ok"] * 3
    bars = rb.get_range_bars("BTCUSDT", DAYS[1], DAYS[1], 20, **asked(url))
    trades = rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[1], **asked(url)).collect()
    assert bars.equals(rb.bars(trades, 20))
    assert trades["timestamp"].is_sorted()
