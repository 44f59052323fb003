"""The bar of tqdm: one that is empty is never shown, and none where nothing is fetched."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from support.archive_server import ArchiveServer, publish

import rangebar_polars as rb
from rangebar_polars._days import day_range

FIRST, LAST = date(2024, 5, 30), date(2024, 6, 2)
pytest.importorskip("tqdm")


@pytest.fixture
def days(server: ArchiveServer) -> ArchiveServer:
    """Serve a few days."""
    publish(server, day_range(FIRST, LAST), rows=50)
    return server


CALLS: dict[str, Callable[[str], object]] = {
    "scan_ticks": lambda url: rb.scan_ticks(
        "BTCUSDT", FIRST, LAST, archive=url, progress="tqdm"
    ).collect(),
    "archive_quality": lambda url: rb.archive_quality(
        "BTCUSDT", FIRST, LAST, archive=url, progress="tqdm"
    ),
    "get_range_bars": lambda url: rb.get_range_bars(
        "BTCUSDT", FIRST, LAST, 20, archive=url, progress="tqdm"
    ),
    "scan_range_bars": lambda url: rb.scan_range_bars(
        "BTCUSDT", FIRST, LAST, 20, archive=url, progress="tqdm"
    ).collect(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_fetch_shows_one_bar_that_ends_full_and_a_hit_none(
    name: str, days: ArchiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    CALLS[name](days.url)

    shown = [text for text in re.split(r"[\r\n]+", capsys.readouterr().err) if text.strip()]
    assert all(re.match(r"binance spot BTCUSDT: +\d+%\|", text) for text in shown), shown
    assert "100%" in shown[-1]
    assert "4/4" in shown[-1]

    CALLS[name](days.url)

    assert capsys.readouterr().err == ""


def test_days_that_are_missing_in_two_places_show_no_empty_bar(
    days: ArchiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rb.scan_ticks("BTCUSDT", date(2024, 5, 31), date(2024, 5, 31), archive=days.url)
    capsys.readouterr()

    rb.get_range_bars("BTCUSDT", FIRST, LAST, 20, archive=days.url, progress="tqdm")

    assert "0 days [" not in capsys.readouterr().err


def test_an_argument_is_checked_without_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"progress is 'bar' \(give None, 'tqdm', or a callable\)"):
        rb.scan_ticks("BTCUSDT", FIRST, LAST, progress="bar")  # type: ignore[arg-type]

    assert capsys.readouterr().err == ""
