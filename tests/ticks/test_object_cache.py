"""The tick cache in a bucket: how few requests it makes, and writers of one day at once."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says, tree
from support.cached_trades import SOURCE, SYMBOL, give, trades_of
from support.object_server import Answer, ObjectServer, bucket_of, refusal, sizes_of

import rangebar_polars as rb
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._days import day_range
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._objects import bucket as buckets
from rangebar_polars._objects.bucket import ATTEMPTS
from rangebar_polars._objects.parquet_end import TAIL_BYTES
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.caches import tick_cache
from rangebar_polars._ticks.report import DayReport, Gap
from rangebar_polars.errors import CacheError

MONTH = day_range("2024-06-01", "2024-06-30")
SERIES = Series(SOURCE, "spot", SYMBOL)
FOLDER = f"ticks/{SERIES.path}"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a server at once."""
    monkeypatch.setattr(buckets, "RETRIES", 0)


@pytest.fixture
def ticks(cache_url: str) -> TickCache:
    """Return the empty cache of a series."""
    return tick_cache(cache_root(cache_url), SERIES)


def a_day(rows: int = 3, *, day: dt.date = MONTH[0]) -> tuple[pl.DataFrame, DayReport]:
    """Return trades of a day, and their report."""
    trades = trades_of([day], per_day=rows)
    return trades, DayReport(day=day, fingerprint=fingerprint(trades), rows_after=rows)


# Requests


def test_each_call_makes_as_few_requests_as_it_can(
    ticks: TickCache, object_server: ObjectServer
) -> None:
    def requests(call: Callable[[], Any]) -> list[str]:
        with object_server.counted() as kinds:
            call()
        return kinds

    two = MONTH[:2]
    assert requests(lambda: ticks.write(*a_day(), replace=False)) == ["PUT"]
    assert requests(lambda: ticks.write(*a_day(), replace=False)) == ["PUT"]
    assert requests(lambda: ticks.write(*a_day())) == ["HEAD", "PUT"]
    assert requests(lambda: ticks.write(*a_day(day=two[1]), replace=False)) == ["PUT"]
    assert requests(lambda: ticks.report(MONTH[0])) == ["GET"]
    assert requests(lambda: ticks.report(MONTH[9])) == ["GET"]
    assert requests(lambda: ticks.open(MONTH[0])) == ["GET"]
    assert requests(lambda: ticks.damage(MONTH[0])) == ["GET"]
    assert requests(lambda: ticks.missing(MONTH[:1])) == ["HEAD"]
    assert requests(lambda: ticks.missing(MONTH)) == ["LIST"]
    assert requests(lambda: ticks.missing([])) == []
    assert requests(ticks.days) == requests(ticks.sizes) == ["LIST"]
    assert requests(lambda: ticks.reports(two)) == ["GET", "GET"]
    # Of many days it is asked first which are there.
    assert sorted(requests(lambda: ticks.reports(MONTH))) == ["GET", "GET", "LIST"]
    assert requests(lambda: ticks.scan(two)) == []
    assert requests(ticks.clear) == ["LIST", "POST"]
    assert ticks.days() == []


def test_two_days_of_thirty_are_scanned_by_their_names(
    cache_url: str, object_server: ObjectServer
) -> None:
    with object_server.counted() as imported:
        give(cache_url, trades_of(MONTH, per_day=40))
    assert Counter(imported) == {"HEAD": 30, "PUT": 30}
    asked = len(object_server.requests)

    with object_server.counted() as planned:
        plan = rb.scan_ticks(SYMBOL, MONTH[3], MONTH[4], source=SOURCE, cache_dir=cache_url)
    with object_server.counted() as scanned:
        got = plan.select("price").collect()

    assert planned == ["GET", "GET"]
    # Polars decides how: it reads the end of a file, and the pages.
    assert len(scanned) <= 8
    assert got.height == 80
    names = {request.split("?")[0].rpartition("/")[2] for request in object_server.requests[asked:]}
    assert names == {f"{day}.parquet" for day in MONTH[3:5]}


def test_stored_bars_are_compared_with_the_ends_of_their_days(
    cache_url: str, object_server: ObjectServer
) -> None:
    give(cache_url, trades_of(MONTH[:4]))
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": cache_url}
    bars = rb.get_range_bars(SYMBOL, MONTH[0], MONTH[3], 30, **own)

    with object_server.counted() as kinds:
        again = rb.get_range_bars(SYMBOL, MONTH[0], MONTH[3], 30, **own)

    assert again.equals(bars)
    # Four ends of days; the links of the month, and its bars.
    assert kinds == ["GET"] * 6


def test_a_fetch_asks_whether_a_day_is_there_and_puts_it(
    server: ArchiveServer, cache_url: str, object_server: ObjectServer
) -> None:
    publish(server, MONTH[:3])
    question: dict[str, Any] = {"archive": server.url, "cache_dir": cache_url}

    with object_server.counted() as fetched:
        rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[2], **question)
    with object_server.counted() as again:
        rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[2], **question)
    with object_server.counted() as refreshed:
        rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[0], refresh=True, **question)

    assert Counter(fetched) == {"LIST": 1, "HEAD": 3, "PUT": 3}
    assert Counter(again) == {"LIST": 1, "GET": 3}
    # Which file it is from, whether it is as written, and what the plan depends on.
    assert refreshed[-1] == "GET"
    assert not {"PUT", "LIST"} & {*refreshed}


def test_a_day_is_cleaned_while_others_are_put(
    server: ArchiveServer, cache_url: str, object_server: ObjectServer
) -> None:
    publish(server, MONTH[:2])
    both = Barrier(2)

    def together(method: str, _: str) -> None:
        if method == "PUT":
            both.wait(60)

    with object_server.disturbed(together):
        plan = rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[1], archive=server.url, cache_dir=cache_url)

    assert plan.collect().height == 200


def test_a_report_that_is_longer_than_the_end_takes_another_request(
    ticks: TickCache, object_server: ObjectServer
) -> None:
    time = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    gaps = tuple(Gap(n, time, n + 2, time) for n in range(TAIL_BYTES // 60))
    rows, report = a_day()
    ticks.write(rows, DayReport(day=MONTH[0], fingerprint=report.fingerprint, gaps=gaps))

    with object_server.counted() as kinds:
        found = ticks.report(MONTH[0])

    assert kinds == ["GET", "GET"]
    assert found is not None
    assert found.gaps == gaps


def test_objects_are_the_files_of_a_folder(cache_url: str, tmp_path: Path) -> None:
    odd = "BTC/USD ä'%"
    for root in (cache_url, tmp_path / "folder"):
        give(root, trades_of(MONTH[:2]))
        give(root, trades_of(MONTH[:1]), symbol=odd, market="um")

    objects = {name: bytes(bucket_of(cache_url).get(name).bytes()) for name in sizes_of(cache_url)}
    assert objects == tree(tmp_path / "folder")
    series: dict[str, Any] = {"source": SOURCE, "market": "um", "cache_dir": cache_url}
    assert rb.scan_ticks(odd, MONTH[0], MONTH[0], **series).collect().height == 200
    assert rb.cache_clear("ticks", symbol=odd, cache_dir=cache_url)["symbol"].to_list() == [odd]
    assert len(sizes_of(cache_url)) == 2


def test_objects_that_are_no_days_are_left_alone(ticks: TickCache, cache_url: str) -> None:
    ticks.write(*a_day())
    foreign = ["README.md", f"{FOLDER}/notes.txt", f"{FOLDER}/deeper/2024-06-02.parquet"]
    foreign += ["ticks/source=mine/market=spot/symbol=btc/2024-06-01.parquet"]
    for name in foreign:
        bucket_of(cache_url).put(name, b"mine")

    assert ticks.days() == MONTH[:1]
    # The name of its folder is not one that is ever given.
    assert rb.cache_status(cache_dir=cache_url)["symbol"].to_list() == [SYMBOL]
    assert rb.cache_clear("ticks", cache_dir=cache_url)["days"].to_list() == [1]

    assert sorted(sizes_of(cache_url)) == sorted(foreign)


# Several writers


def test_of_many_writers_of_a_day_one_wins_and_the_others_find_it(ticks: TickCache) -> None:
    barrier = Barrier(4)

    def write(rows: int) -> bool:
        barrier.wait()
        return ticks.write(*a_day(rows), replace=False)

    with ThreadPoolExecutor(4) as pool:
        wins = list(pool.map(write, range(1, 5)))

    assert sum(wins) == 1
    report = ticks.report(MONTH[0])
    assert report is not None
    assert report.rows_after == wins.index(True) + 1
    assert ticks.damage(MONTH[0]) is None


def test_of_many_that_replace_a_day_each_puts_a_whole_one(ticks: TickCache) -> None:
    barrier = Barrier(4)

    def write(rows: int) -> bool:
        barrier.wait()
        return ticks.write(*a_day(rows))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write, range(1, 5)))

    assert ticks.damage(MONTH[0]) is None


@pytest.fixture
def other_day(server: ArchiveServer, cache_url: str) -> Iterator[bytes]:
    """Return the bytes that a day has in another cache, as another machine writes it."""
    publish(server, MONTH[:1])
    elsewhere = f"{cache_url}-elsewhere"
    rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[0], archive=server.url, cache_dir=elsewhere)
    ((name, _),) = sizes_of(elsewhere).items()
    yield bytes(bucket_of(elsewhere).get(name).bytes())
    assert bytes(bucket_of(cache_url).get(name).bytes())[:4] == b"PAR1"


@pytest.mark.usefixtures("own_cache")
def test_a_fetch_that_loses_takes_the_day_of_the_other(
    server: ArchiveServer, cache_url: str, object_server: ObjectServer, other_day: bytes
) -> None:
    put = list[str]()

    def other_first(method: str, path: str) -> None:
        if method == "PUT" and not put:
            put.append(path)
            bucket_of(cache_url).put(path.partition("/team/")[2], other_day)

    with object_server.disturbed(other_first), object_server.counted() as kinds:
        plan = rb.scan_ticks("BTCUSDT", MONTH[0], MONTH[0], archive=server.url, cache_dir=cache_url)

    # The second PUT is the other one, inside of the first; then its report is read.
    assert kinds == ["HEAD", "HEAD", "PUT", "PUT", "GET"]
    assert plan.collect().height == 100


def test_an_import_that_loses_to_other_trades_says_so(
    ticks: TickCache, cache_url: str, object_server: ObjectServer
) -> None:
    trades = trades_of(MONTH[:1], per_day=10)
    written = list[bool]()

    def other_first(method: str, _: str) -> None:
        if method == "PUT" and not written:
            written.append(True)
            ticks.write(*a_day())

    own: dict[str, Any] = {"symbol": SYMBOL, "source": SOURCE, "cache_dir": cache_url}
    with (
        object_server.disturbed(other_first),
        says(
            CacheError,
            f"{ticks.place(MONTH[0])} holds other trades of 2024-06-01 than those given (3 rows, "
            "got 10; give all trades of the day together, with replace=True)",
        ),
    ):
        rb.import_trades(trades, **own)

    rb.import_trades(trades, replace=True, **own)
    # Equal trades are found, and nothing is written.
    with object_server.counted() as kinds:
        rb.import_trades(trades, **own)
    assert kinds == ["GET", "PUT", "GET"]
    report = ticks.report(MONTH[0])
    assert report is not None
    assert report.rows_after == 10


def test_a_writer_that_loses_for_ever_gives_up(
    ticks: TickCache, object_server: ObjectServer
) -> None:
    def lost(method: str, _: str) -> Answer | None:
        is_put = method == "PUT"
        return refusal("412 Precondition Failed", "PreconditionFailed") if is_put else None

    message = (
        f"writing {ticks.place(MONTH[0])} failed: each of {ATTEMPTS} times the server reported "
        "that another version is there (let other writers end, and try again)"
    )
    with object_server.disturbed(lost), says(CacheError, message):
        ticks.write(*a_day())


def test_a_put_whose_answer_is_lost_counts_as_found(
    ticks: TickCache, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "RETRIES", 3)
    again = tick_cache(cache_root(f"{ticks.root}/again"), SERIES)
    lost = list[str]()

    def lose_one(method: str, _: str) -> Answer | None:
        if method != "PUT" or lost:
            return None
        lost.append(method)
        again.write(*a_day(), replace=False)
        return refusal("500 Internal Server Error", "InternalError")

    with object_server.disturbed(lose_one):
        assert not again.write(*a_day(), replace=False)

    assert again.damage(MONTH[0]) is None


def test_no_file_stays_on_this_machine(cache_url: str, tmp_path: Path) -> None:
    give(cache_url, trades_of(MONTH[:2]))
    settings = Settings.check(
        source=SOURCE, market="spot", cache_dir=cache_url, archive=None,
        cache_compression=None, fetch_if_missing=True, progress=None,
    )  # fmt: skip

    assert settings.absolute() == settings
    assert tree(tmp_path) == {}
