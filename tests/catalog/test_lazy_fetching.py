"""Of days whose bars another chain may have, trades are fetched only if they turn out needed."""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv, publish
from support.cached_trades import DAYS, default_cache
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._catalog.trades import load_trades
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import DownloadError

FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


def of_archive(server: ArchiveServer, start: dt.date, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return bars of BTCUSDT."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "archive": server.url} | FULL | options
    return rb.get_range_bars("BTCUSDT", start, end, **asked)


def cached() -> list[dt.date]:
    """Return the days whose trades are cached."""
    paths = (default_cache() / "ticks").rglob("*.parquet")
    return sorted(dt.date.fromisoformat(path.stem) for path in paths)


def alone(server: ArchiveServer, root: Path, start: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars from a day on, of a cache and a store that have nothing."""
    return of_archive(server, start, DAYS[-1], cache_dir=root, **options)


def test_days_that_are_met_are_not_fetched(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS)
    of_archive(server, DAYS[0], DAYS[-1])
    rb.cache_clear("ticks")

    got = of_archive(server, DAYS[1], DAYS[-1])

    assert cached() == DAYS[1:2]
    assert_same(alone(server, tmp_path / "alone", DAYS[1]), got)
    rb.cache_clear("ticks")
    assert_same(got, of_archive(server, DAYS[1], DAYS[-1]))
    assert cached() == []


def test_days_that_the_other_chain_does_not_have_are_fetched_at_once(
    server: ArchiveServer, tmp_path: Path
) -> None:
    publish(server, DAYS)
    of_archive(server, DAYS[2], DAYS[9])
    rb.cache_clear("ticks")
    plan = rb.scan_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30, archive=server.url)
    assert cached() == DAYS[:2] + DAYS[10:]

    bars = plan.collect()

    assert cached() == DAYS[:3] + DAYS[10:]
    want = alone(server, tmp_path / "alone", DAYS[0], include_incomplete=False)
    assert_same(want.select(bars.columns), bars)


def test_of_a_chain_that_meets_nothing_ever_more_days_are_fetched_at_once(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS)
    asked: dict[str, Any] = {"threshold_decimal_bps": None, "rule": rb.parse_rule("tick-130")}
    of_archive(server, DAYS[0], DAYS[-1], **asked)
    rb.cache_clear("ticks")
    fetched = list[int]()

    def spied(settings: Any, series: Any, days: list[dt.date]) -> Any:  # noqa: ANN401
        fetched.append(len(days))
        return load_trades(settings, series, days)

    monkeypatch.setattr("rangebar_polars._catalog.bars.load_trades", spied)
    got = of_archive(server, DAYS[1], DAYS[-1], **asked)

    assert fetched == [1, 1, 1, 2, 4, 4]
    assert cached() == DAYS[1:]
    monkeypatch.undo()
    assert_same(alone(server, tmp_path / "alone", DAYS[1], **asked), got)


def test_a_day_of_the_plan_that_cannot_be_fetched_is_an_error_and_nothing_is_stored(
    server: ArchiveServer,
) -> None:
    publish(server, DAYS)
    asked: dict[str, Any] = {"threshold_decimal_bps": None, "rule": rb.TickRule(130)}
    of_archive(server, DAYS[0], DAYS[-1], **asked)
    rb.cache_clear("ticks")
    path = BinanceFile("spot", "BTCUSDT", DAYS[4]).path
    server.faults[path].extend([Fault("status", 500)] * 50)
    archive = rb.BinanceArchive(server.url, attempts=2, timeout=5)

    with pytest.raises(DownloadError, match=f"{DAYS[4]}"):
        of_archive(server, DAYS[1], DAYS[-1], archive=archive, **asked)

    stored = rb.cache_status().filter(kind="bars")
    assert stored["origin"].to_list() == DAYS[:1]


# Warnings are those of a chain's own days


def test_what_is_missing_before_the_first_day_is_not_warned_of(server: ArchiveServer) -> None:
    publish(server, [day for day in DAYS if day != DAYS[1]])
    with pytest.warns(rb.RangeBarWarning, match=str(DAYS[1])):
        of_archive(server, DAYS[0], DAYS[-1])
    rb.cache_clear("ticks")

    # Every warning is an error.
    of_archive(server, DAYS[3], DAYS[-1])

    assert cached() == DAYS[3:4]


@pytest.mark.parametrize("is_lazy", [False, True])
def test_what_is_missing_among_days_that_are_met_is_warned_of(
    server: ArchiveServer, *, is_lazy: bool
) -> None:
    publish(server, [day for day in DAYS if day != DAYS[6]])
    text = (
        f"bars of binance spot BTCUSDT run over missing trades: days the archive has no file for: "
        f"{DAYS[6]}; 100 agg_trade_ids are missing: {DAYS[7]} (see archive_quality)"
    )
    with pytest.warns(rb.RangeBarWarning):
        of_archive(server, DAYS[0], DAYS[-1])
    rb.cache_clear("ticks")

    call = rb.scan_range_bars if is_lazy else rb.get_range_bars
    with pytest.warns(rb.RangeBarWarning) as caught:
        bars = call("BTCUSDT", DAYS[1], DAYS[-1], 30, archive=server.url)
    assert bars.lazy().collect().height > 0

    assert [str(each.message) for each in caught] == [text]
    assert caught[0].filename == __file__
    assert cached() == DAYS[1:2]
    with pytest.warns(rb.RangeBarWarning) as caught:
        of_archive(server, DAYS[1], DAYS[-1])
    assert [str(each.message) for each in caught] == [text]


def test_trades_that_are_found_missing_when_the_plan_runs_are_warned_of_then(
    server: ArchiveServer,
) -> None:
    publish(server, DAYS)
    asked: dict[str, Any] = {"rule": rb.TickRule(130), "archive": server.url}
    of_archive(server, DAYS[0], DAYS[-1], threshold_decimal_bps=None, rule=rb.TickRule(130))
    rb.cache_clear("ticks")
    # The days were published anew, with fewer trades.
    csv = day_csv(DAYS[4], first_id=5_000_000)
    server.publish(BinanceFile("spot", "BTCUSDT", DAYS[4]), csv)
    plan = rb.scan_range_bars("BTCUSDT", DAYS[1], DAYS[-1], **asked)

    with pytest.warns(rb.RangeBarWarning, match=f"agg_trade_ids are missing: {DAYS[4]}") as caught:
        plan.collect()

    assert len(caught) == 1


def test_the_log_has_a_line_for_found_days_and_one_for_computed_days(
    server: ArchiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    publish(server, DAYS)
    of_archive(server, DAYS[0], DAYS[-1])
    caplog.set_level(logging.INFO, logger="rangebar_polars")
    caplog.clear()

    bars = of_archive(server, DAYS[1], DAYS[-1], include_incomplete=False)

    found, computed = caplog.messages
    later = bars.filter(pl.col("close_time").dt.date() > DAYS[1]).height
    label = "binance spot BTCUSDT range-30"
    assert found == (
        f"{label}: {later} bars of 12 days found in stored chains, {DAYS[2]} to {DAYS[-1]}"
    )
    assert computed == (
        f"{label}: {bars.height - later} bars computed from 100 trades of 1 days, {DAYS[1]} to "
        f"{DAYS[1]}"
    )
