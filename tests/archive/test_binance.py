"""The archive of Binance: its names, days, checksums and listings."""

import datetime as dt
import io

import pytest
from support.archive_server import ArchiveServer
from support.assertions import says
from support.published_file import DAY, FILE

from rangebar_polars._catalog.trades import near_names
from rangebar_polars._days import day_range, spans, utc_day
from rangebar_polars.archive import archive_of
from rangebar_polars.archive.binance import (
    LISTING_URL,
    URL,
    BinanceArchive,
    BinanceFile,
    Entry,
    check_market,
    check_symbol,
    published_sum,
)
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import ArchiveError, DownloadError

pytestmark = pytest.mark.usefixtures("published_file")


# Names


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (
            BinanceFile("spot", "BTCUSDT", DAY),
            "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-08-08.zip",
        ),
        (
            BinanceFile("um", "BTCUSDT_250926", DAY, monthly=True),
            "data/futures/um/monthly/aggTrades/BTCUSDT_250926/BTCUSDT_250926-aggTrades-2024-08.zip",
        ),
        (
            BinanceFile("cm", "BTCUSD_PERP", DAY),
            "data/futures/cm/daily/aggTrades/BTCUSD_PERP/BTCUSD_PERP-aggTrades-2024-08-08.zip",
        ),
    ],
)
def test_a_file_lies_where_the_archive_has_it(file: BinanceFile, path: str) -> None:
    assert file.path == path


def test_a_months_file_holds_every_day_of_it() -> None:
    file = BinanceFile("um", "BTCUSDT", dt.date(2024, 2, 1), monthly=True)

    assert file.days == day_range("2024-02-01", "2024-02-29")


@pytest.mark.parametrize(
    ("file", "today", "expected"),
    [
        (FILE, dt.date(2024, 8, 11), False),
        (FILE, dt.date(2024, 8, 12), True),
        (BinanceFile("um", "BTCUSDT", DAY, monthly=True), dt.date(2024, 9, 10), False),
        (BinanceFile("um", "BTCUSDT", DAY, monthly=True), dt.date(2024, 9, 11), True),
    ],
)
def test_a_file_is_a_hole_only_when_it_is_overdue(
    file: BinanceFile, today: dt.date, *, expected: bool
) -> None:
    assert BinanceArchive().is_published(file, today) is expected


def test_the_archive_is_the_argument_the_environment_or_binance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert archive_of("binance") == BinanceArchive(URL, LISTING_URL)

    monkeypatch.setenv("RANGEBAR_BINANCE_URL", "http://mirror")
    assert archive_of("binance") == BinanceArchive("http://mirror", None)

    monkeypatch.setenv("RANGEBAR_BINANCE_LISTING_URL", "http://list")
    assert archive_of("binance", "http://other") == BinanceArchive("http://other", "http://list")
    own = BinanceArchive(threads=2)
    assert archive_of("binance", own) is own


def test_bad_arguments_say_what_to_give() -> None:
    with says(ValueError, "url is 'binance' (give an http:// or https:// address)"):
        BinanceArchive("binance")
    with says(ValueError, "threads is 0 (give 1 to 32)"):
        BinanceArchive(threads=0)
    with says(ValueError, "attempts is 0 (give at least 1)"):
        BinanceArchive(attempts=0)
    with says(TypeError, "archive is 5 (give a URL or an Archive)"):
        archive_of("binance", 5)  # type: ignore[arg-type]
    with says(ValueError, "market is 'futures' (binance has 'spot', 'um' and 'cm')"):
        check_market("futures")
    with says(ValueError, "symbol 'btc/usdt' is no symbol of binance (did you mean 'BTCUSDT'?)"):
        check_symbol("btc/usdt")
    with says(ValueError, "symbol '' is no symbol of binance (give a name such as 'BTCUSDT')"):
        check_symbol("")
    with says(TypeError, "symbol is 5 (give a name such as 'BTCUSDT')"):
        check_symbol(5)  # type: ignore[arg-type]


def test_a_day_is_a_date_or_its_text() -> None:
    assert utc_day("2024-08-08", "start") == utc_day(DAY, "start") == DAY
    with says(ValueError, "start is '8/8/2024' (write a UTC day as YYYY-MM-DD)"):
        utc_day("8/8/2024", "start")
    with says(
        TypeError,
        "end is datetime.datetime(2024, 8, 8, 0, 0) (give a UTC day: 'YYYY-MM-DD' or "
        "datetime.date)",
    ):
        utc_day(dt.datetime(2024, 8, 8), "end")  # noqa: DTZ001 - what users may give
    with says(ValueError, "end 2024-08-07 lies before start 2024-08-08 (both days are included)"):
        day_range(DAY, "2024-08-07")


def test_days_are_written_in_spans() -> None:
    days = [*day_range("2024-02-28", "2024-03-01"), DAY]

    assert spans(days) == "2024-02-28 to 2024-03-01, 2024-08-08"


# Checksums and listings


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_checksum_is_read_with_or_without_an_end_of_line(ending: str) -> None:
    text = f"{'AB' * 32}  {FILE.name}{ending}".encode()

    assert published_sum(text, FILE.name) == "ab" * 32


@pytest.mark.parametrize("text", [b"", b"<html>", b"ab" * 32 + b"  OTHER-aggTrades-2024-08-08.zip"])
def test_a_checksum_of_anything_else_is_refused(text: bytes) -> None:
    with says(
        ArchiveError,
        "BTCUSDT-aggTrades-2024-08-08.zip.CHECKSUM is no checksum of that file: expected 64 hex "
        f"digits, two spaces and the name, got {text!r}",
    ):
        published_sum(text, FILE.name)


def test_a_listing_is_read_page_by_page(server: ArchiveServer) -> None:
    for number in range(7):
        server.publish(BinanceFile("um", f"A{number}USDT", DAY), b"")
    server.page_size = 3
    archive = BinanceArchive(server.url, server.listing_url)
    client = archive.connect()

    got = client.symbols("um")

    assert got == [*(f"A{number}USDT" for number in range(7)), "BTCUSDT"]
    assert len(server.asked("list")) == 3
    folder = "data/futures/um/daily/aggTrades/A0USDT/"
    name = f"{folder}A0USDT-aggTrades-2024-08-08.zip"
    assert list(archive.listing(folder, client.listing_page)) == [
        Entry(name, is_folder=False),
        Entry(f"{name}.CHECKSUM", is_folder=False),
    ]
    client.close()


def test_a_listing_that_is_none_says_so() -> None:
    archive = BinanceArchive("http://mirror", "http://list")
    url = "http://list?delimiter=%2F&prefix=x"
    with says(
        ArchiveError,
        f"listing {url} is no XML: syntax error: line 1, column 0 (does the mirror have one?)",
    ):
        list(archive.listing("x", lambda _: b"no"))
    with says(ArchiveError, f"listing {url} is a html, expected a ListBucketResult"):
        list(archive.listing("x", lambda _: b"<html/>"))
    stuck = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    with says(ArchiveError, f"listing {url} does not advance beyond ''"):
        list(archive.listing("x", lambda _: stuck))
    assert list(BinanceArchive("http://mirror", None).listing("x", lambda _: b"")) == []


def test_near_names_are_the_most_alike() -> None:
    assert near_names("BTCUSTD", ["ETHUSDT", "BTCUSDT", "BTCUSD_PERP"]) == ["BTCUSDT"]


def test_a_listing_that_is_not_there_is_an_error(server: ArchiveServer) -> None:
    client = Client(BinanceArchive(server.url, None))
    with says(DownloadError, f"{server.url}/none is not there (HTTP 404), expected a listing"):
        client.listing_page(f"{server.url}/none")
    assert io.BytesIO(client.get(f"{server.url}/{FILE.path}") or b"").read(2) == b"PK"
    client.close()
