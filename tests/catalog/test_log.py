"""The log: a line for each day fetched and each chain computed, and nothing unless asked for."""

import datetime as dt
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from support.archive_server import ArchiveServer, day_csv
from support.cached_trades import DAYS as CACHED
from support.cached_trades import SOURCE, SYMBOL
from support.published_days import DAYS, ROWS, daily
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._days import month_days
from rangebar_polars.archive.binance import BinanceFile

LABEL = "binance spot BTCUSDT"
FETCHED = re.compile(
    rf"{LABEL} (?P<day>\S+): {ROWS} trades from (?P<file>\S+) \((?P<bytes>\d+) bytes\), "
    r"\d+\.\d s after the begin of its download"
)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Ask for the log."""
    caplog.set_level(logging.INFO, logger="rangebar_polars")
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines since the last call, all of the logger of the package at INFO."""
    assert {(each.name, each.levelname) for each in log.records} <= {("rangebar_polars", "INFO")}
    found = list(log.messages)
    log.clear()
    return found


def bars_of(server: ArchiveServer, days: list[Any], **options: Any) -> None:  # noqa: ANN401
    """Get the bars of days of the archive."""
    url = server.url.replace("http://", "http://user:secret@")
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "archive": url} | options
    rb.get_range_bars("BTCUSDT", days[0], days[-1], **asked)


@pytest.mark.usefixtures("published_days")
def test_a_day_fetched_and_a_chain_computed_are_a_line_each(
    server: ArchiveServer, log: pytest.LogCaptureFixture
) -> None:
    bars_of(server, DAYS)

    *fetched, computed = lines(log)
    found = [match for line in fetched if (match := FETCHED.fullmatch(line))]
    assert len(found) == len(fetched)
    sizes = {daily(day).name: len(server.files[daily(day).path]) for day in DAYS}
    assert sorted(match["day"] for match in found) == [str(day) for day in DAYS]
    assert {match["file"]: int(match["bytes"]) for match in found} == sizes
    bars = rb.get_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30, archive=server.url).height
    assert computed == (
        f"{LABEL} range-30: {bars} bars computed from 500 trades of 5 days, 2024-08-05 to "
        "2024-08-09"
    )
    assert lines(log) == []


@pytest.mark.usefixtures("published_days")
def test_what_is_cached_and_stored_is_no_line(
    server: ArchiveServer, log: pytest.LogCaptureFixture
) -> None:
    bars_of(server, DAYS[:3])
    lines(log)

    bars_of(server, DAYS, threshold_decimal_bps=[30, 50], reset=None)

    computed = [line for line in lines(log) if not FETCHED.fullmatch(line)]
    assert [line.partition(": ")[0] for line in computed] == [
        f"{LABEL} range-30",
        f"{LABEL} range-50",
    ]
    assert "of 2 days, 2024-08-08 to 2024-08-09" in computed[0]
    assert "of 5 days, 2024-08-05 to 2024-08-09" in computed[1]


def test_days_of_a_months_file_are_a_line_each(
    server: ArchiveServer, log: pytest.LogCaptureFixture
) -> None:
    days = month_days(dt.date(2024, 2, 1))
    month = BinanceFile("spot", "BTCUSDT", days[0], monthly=True)
    texts = [day_csv(day, first_id=ROWS * number) for number, day in enumerate(days)]
    server.publish(month, b"".join(texts))

    rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)

    found = [match for line in lines(log) if (match := FETCHED.fullmatch(line))]
    assert [match["day"] for match in found] == [str(day) for day in days]
    assert {match["file"] for match in found} == {month.name}


@pytest.mark.usefixtures("published_days")
def test_a_plan_that_stops_early_logs_what_it_computed(
    server: ArchiveServer, log: pytest.LogCaptureFixture
) -> None:
    rb.resume_range_bars("BTCUSDT", DAYS[0], 30, end=DAYS[1], archive=server.url)
    assert lines(log)[-1].endswith("of 2 days, 2024-08-05 to 2024-08-06")
    plan = rb.scan_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30, archive=server.url)
    lines(log)

    plan.head(1).collect()

    assert [line.partition(": ")[0] for line in lines(log)] == [f"{LABEL} range-30"]


def test_the_processes_of_populate_log_through_their_caller(
    cache: Path, log: pytest.LogCaptureFixture
) -> None:
    done = rb.populate(
        [SYMBOL], CACHED[0], CACHED[-1], [30, 50], source=SOURCE, cache_dir=cache, processes=2
    )

    assert done["status"].to_list() == ["ok", "ok"]
    assert [line.partition(":")[0] for line in lines(log)] == [
        f"mine spot {SYMBOL} range-30",
        f"mine spot {SYMBOL} range-50",
    ]


@pytest.mark.usefixtures("published_days")
def test_no_line_has_a_login(server: ArchiveServer, log: pytest.LogCaptureFixture) -> None:
    bars_of(server, DAYS)
    rb.populate(
        ["BTCUSDT"],
        DAYS[0],
        DAYS[-1],
        50,
        archive=server.url.replace("http://", "http://user:secret@"),
        processes=1,
    )

    found = lines(log)
    assert len(found) == len(DAYS) + 2
    assert [line for line in found if "secret" in line or "user" in line] == []


def test_a_program_that_does_not_ask_prints_nothing(cache: Path) -> None:
    code = f"""
import logging, sys
import rangebar_polars as rb
own = {{"source": {SOURCE!r}, "cache_dir": {str(cache)!r}}}
rb.get_range_bars({SYMBOL!r}, "{CACHED[0]}", "{CACHED[-1]}", 30, **own)
print("asked")
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
rb.get_range_bars({SYMBOL!r}, "{CACHED[0]}", "{CACHED[-1]}", 50, **own)
"""

    asked, line = run(code).splitlines()

    assert asked == "asked"
    assert line.startswith(f"INFO:rangebar_polars:mine spot {SYMBOL} range-50: ")
