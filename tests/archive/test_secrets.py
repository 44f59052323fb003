"""A login in a mirror's URL reaches the server, and no text; words of a server are shown safely."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.archive_server import ArchiveServer, Fault, publish
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, settings_of

import rangebar_polars as rb
from rangebar_polars._catalog.chains import check_options
from rangebar_polars._catalog.fill import FillRequest
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive import archive_of
from rangebar_polars.archive.binance import BinanceArchive, BinanceFile
from rangebar_polars.archive.http import Client
from rangebar_polars.archive.url import with_logins
from rangebar_polars.errors import ArchiveError, DownloadError, RangeBarError, RangeBarWarning

LOGIN = "jo-of-the-desk:s3cr3t%40%2F%3Apass"
HEADER = "Basic am8tb2YtdGhlLWRlc2s6czNjcjN0QC86cGFzcw=="
FILE = BinanceFile("spot", "BTCUSDT", DAYS[0])


def with_login(url: str) -> str:
    """Return a URL with a login in it."""
    return url.replace("//", f"//{LOGIN}@")


def mirror(server: ArchiveServer) -> BinanceArchive:
    """Return the archive with a login for it."""
    return BinanceArchive(
        with_login(server.url), with_login(server.listing_url), attempts=2, first_wait=0
    )


def is_safe(text: object) -> bool:
    """Return whether neither user nor password is in a text."""
    return not any(word in str(text) for word in ("jo-of", "s3cr3t", HEADER.split()[1]))


def by_pickle(archive: BinanceArchive) -> BinanceArchive:
    """Return what comes out of the pickle of an archive."""
    got = pickle.loads(pickle.dumps(archive))  # noqa: S301 - made here
    assert isinstance(got, BinanceArchive)
    return got


def test_the_login_is_sent_with_every_request(server: ArchiveServer) -> None:
    publish(server, DAYS[:1])

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=mirror(server))
    mirror(server).connect().symbols("spot")

    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        f"{FILE.name}.CHECKSUM",
        FILE.name,
        "list",
    ]
    assert {request.headers["Authorization"] for request in server.requests} == {HEADER}


FAULTS = {
    "busy": Fault("status", 503),
    "unauthorized": Fault("status", 401),
    "moved": Fault("status", 301, {"Location": with_login("http://elsewhere")}),
    "moved to another host": Fault("status", 302, {"Location": f"//{LOGIN}@elsewhere"}),
    "moved to no URL": Fault("status", 302, {"Location": f"http://{LOGIN}@[elsewhere"}),
}


def checksum(server: ArchiveServer, text: bytes) -> bytes:
    """Publish a checksum of the file; return it."""
    server.files[FILE.path], server.files[f"{FILE.path}.CHECKSUM"] = b"x", text
    return text


def download_another(server: ArchiveServer, client: Client, folder: Path) -> None:
    """Download a file that has another sum than is published."""
    checksum(server, f"{'0' * 64}  {FILE.name}".encode())
    with (folder / "part").open("w+b") as body:
        client.download(FILE, body, lambda _: None)


FAILURES: dict[str, Callable[[ArchiveServer, Client, Path], object]] = {
    "too long": lambda server, client, _: (
        checksum(server, b"x" * 10**5),
        client.checksum(FILE),
    ),
    "no checksum": lambda server, client, _: (checksum(server, b"x"), client.checksum(FILE)),
    "another sum": download_another,
    "no listing": lambda server, client, _: client.listing_page(with_login(f"{server.url}/no")),
    "no XML": lambda server, *_: list(mirror(server).listing("x", lambda _: b"no")),
    "other XML": lambda server, *_: list(mirror(server).listing("x", lambda _: b"<a/>")),
} | {
    name: lambda server, client, _, fault=fault: (
        server.faults[f"{FILE.path}.CHECKSUM"].extend([fault] * 2),
        client.checksum(FILE),
    )
    for name, fault in FAULTS.items()
}


@pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES)
def test_no_error_shows_the_login(
    server: ArchiveServer,
    tmp_path: Path,
    fails: Callable[[ArchiveServer, Client, Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client(mirror(server))
    with caplog.at_level(logging.DEBUG), pytest.raises(RangeBarError) as caught:
        fails(server, client, tmp_path)
    client.close()

    assert is_safe(str(caught.value))
    assert is_safe(repr(caught.value))
    assert is_safe("".join(traceback.format_exception(caught.value)))
    assert is_safe(pickle.dumps(caught.value))
    assert is_safe(caplog.text)


def test_no_text_of_an_object_shows_the_login(server: ArchiveServer) -> None:
    archive = mirror(server)
    catalog = rb.Catalog(archive=archive)

    assert repr(BinanceArchive("http://jo:secret@mirror", None)).startswith(
        "BinanceArchive(url='http://mirror', listing_url=None, threads=6, attempts=6, "
    )
    for each in (archive, catalog, vars(catalog), archive.connect(), archive.__dict__.keys()):
        assert is_safe(repr(each))
        assert is_safe(f"{each}")


def test_no_pickle_keeps_the_login_but_that_for_another_process(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS[:1])
    archive = mirror(server)
    plan = rb.scan_range_bars("BTCUSDT", DAYS[0], DAYS[0], archive=archive, cache_dir=tmp_path)

    assert is_safe(plan.serialize())
    assert is_safe(plan.explain())
    assert is_safe(pickle.dumps(archive))
    assert is_safe(pickle.dumps(rb.Catalog(archive=archive)))
    assert by_pickle(archive) == replace(archive, url=server.url, listing_url=server.listing_url)
    assert copy.copy(archive) == copy.deepcopy(archive) == archive
    with with_logins():
        assert by_pickle(archive) == archive
    monkeypatch.setenv("RANGEBAR_BINANCE_URL", archive.url)
    assert by_pickle(archive) == replace(archive, listing_url=server.listing_url)


def test_a_mirror_that_wants_a_login_says_how_to_give_it(server: ArchiveServer) -> None:
    server.faults[f"{FILE.path}.CHECKSUM"].append(Fault("status", 401))
    client = Client(BinanceArchive(server.url, None))

    with says(
        DownloadError,
        f"{server.url}/{FILE.path}.CHECKSUM could not be fetched: HTTP 401, expected 200 (give "
        "user and password in the URL of the archive: https://user:password@host)",
    ):
        client.checksum(FILE)
    client.close()


def test_the_processes_of_populate_have_the_login(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS[:1])

    rb.populate("BTCUSDT", DAYS[0], DAYS[0], archive=mirror(server), cache_dir=tmp_path)

    assert [request.headers["Authorization"] for request in server.requests] == [HEADER] * 2


def test_a_wrong_url_is_refused_without_its_login() -> None:
    remedy = (
        "give an http:// or https:// address, and percent-encode / ? # and @ in user and password"
    )
    for wrong, shown in {
        f"ftp://{LOGIN}@mirror": "ftp://mirror",
        f"{LOGIN}@mirror": "mirror",
        "http://jo-of:s3cr3t/word@mirror": "http://mirror",
        f"http://{LOGIN}@mirror:port": "http://mirror:port",
        f"http://{LOGIN}@": "http://",
        f"http://{LOGIN}@mirror/\n": "http://mirror/\n",
    }.items():
        with says(ValueError, f"url is {shown!r} ({remedy})"):
            archive_of("binance", wrong)
        with says(ValueError, f"listing_url is {shown!r} ({remedy})"):
            BinanceArchive(listing_url=wrong)
    with says(TypeError, "url is a bytes (give an http:// or https:// address)"):
        BinanceArchive(b"http://jo-of:s3cr3t@mirror")  # type: ignore[arg-type]


def test_neither_populate_nor_its_progress_shows_the_login(
    server: ArchiveServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(server, DAYS[:1], "ETHUSDT")
    for fault in (Fault("status", 503), Fault("status", 301, {"Location": with_login("http://x")})):
        server.faults[f"{FILE.path}.CHECKSUM"].extend([fault] * 2)
        seen = list[FetchProgress]()

        with pytest.warns(RangeBarWarning) as warned:
            report = rb.populate(
                ["BTCUSDT", "ETHUSDT"],
                DAYS[0],
                DAYS[0],
                archive=mirror(server),
                cache_dir=tmp_path,
                progress=seen.append,
            )
        server.faults.clear()

        assert report["status"].to_list() == ["failed", "ok"]
        assert is_safe(report.to_dicts())
        assert is_safe(seen)
        assert is_safe(warned[0].message)
    assert capfd.readouterr() == ("", "")


def test_a_request_of_populate_does_not_show_the_password_of_the_store(tmp_path: Path) -> None:
    settings = settings_of(SOURCE, tmp_path)
    options = check_options(30)
    store = f"clickhouse://{LOGIN}@db"

    request = FillRequest(settings, settings.series(SYMBOL), (DAYS[0],), options, store)

    assert is_safe(repr(request))


def test_words_of_a_server_are_shown_without_control_characters(server: ArchiveServer) -> None:
    client = Client(BinanceArchive(server.url, server.listing_url))
    moved = Fault("status", 301, {"Location": "http://x/\x1b[2J\x9b31m" + "y" * 999})
    server.faults["there"].append(moved)
    with pytest.raises(DownloadError) as caught:
        client.get(f"{server.url}/there")

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    tree = "data/spot/daily/aggTrades"
    server.files = {f"{tree}/{name}/x": b"" for name in ("BTCUSDT", "\N{CSI}31mBTC", "btc", "A_1")}
    assert client.symbols("spot") == ["A_1", "BTCUSDT"]
    with says(
        ArchiveError,
        "listing http://list?delimiter=%2F&prefix=x is a {\\x9bb}a, expected a ListBucketResult",
    ):
        list(
            BinanceArchive(listing_url="http://list").listing(
                "x", lambda _: '<a xmlns="\x9bb"/>'.encode()
            )
        )
    client.close()
