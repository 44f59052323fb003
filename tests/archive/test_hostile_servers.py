"""A server may be slow, endless or silent at any moment: each request of it has an end."""

import datetime as dt
import errno
import io
import os
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from support.archive_server import day_csv, zipped
from support.assertions import says
from support.hostile_server import (
    HEAD,
    Answer,
    HostileServer,
    dribble,
    flood,
    full_port,
    silence,
    whole,
)

import rangebar_polars as rb
from rangebar_polars.archive.binance import BinanceArchive, BinanceFile
from rangebar_polars.archive.http import CHECKSUM_BYTES, PAGE_BYTES, Client
from rangebar_polars.errors import ArchiveError, DownloadError

FILE = BinanceFile("spot", "BTCUSDT", dt.date(2024, 8, 8))
ZIP = zipped(FILE.name.replace(".zip", ".csv"), day_csv(FILE.day, 3000))
LATER = "(check the network and the archive's address, or try again later)"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = HEAD + b"Content-Length: %d\r\n\r\n"
UNSIZED = HEAD + b"\r\n"


def impatient(url: str, **settings: float | str) -> Client:
    """Return a client that waits a moment only."""
    given = {"attempts": 2, "timeout": 0.2, "first_wait": 0, "listing_url": f"{url}/list"}
    return Client(BinanceArchive(url, **(given | settings)))  # type: ignore[arg-type]


def download(client: Client, folder: Path) -> tuple[str, bool] | None:
    """Download the file."""
    with (folder / "part").open("w+b") as body:
        return client.download(FILE, body, lambda _: None)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """Serve nothing yet."""
    with HostileServer() as running:
        yield running


@pytest.fixture
def tls_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HostileServer]:
    """Serve with TLS, by a certificate that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with HostileServer(context) as running:
        yield running


# The head of an answer

ENDLESS_HEADS: dict[str, Answer] = {
    "nothing": silence(),
    "half of a head": silence(HEAD),
    "a status byte by byte": dribble(b"0", b"HTTP/1.1 200 "),
    "a header byte by byte": dribble(b"x", HEAD + b"X: "),
    "headers byte by byte": dribble(b"X: y\r\n", HEAD),
    "100 Continue for ever": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue at times": dribble(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("answer", ENDLESS_HEADS.values(), ids=ENDLESS_HEADS)
def test_a_head_that_does_not_end_is_given_up(server: HostileServer, answer: Answer) -> None:
    server.answers["CHECKSUM"] = answer
    client = impatient(server.url)

    with says(
        DownloadError,
        f"{server.url}/{FILE.path}.CHECKSUM could not be fetched: no answer within 0.2 seconds, "
        f"2 times in a row {LATER}",
    ):
        client.checksum(FILE)

    assert server.hung_up.wait(10)
    assert len(server.requests) == 2
    client.close()


def test_with_tls_a_head_has_an_end_too(tls_server: HostileServer) -> None:
    tls_server.answers["CHECKSUM"] = dribble(b"x", HEAD + b"X: ")
    client = impatient(tls_server.url)

    # On a busy machine, the handshake may take as long.
    head = r"no (answer|TLS) within 0\.2 seconds, 2 times in a row"
    with pytest.raises(DownloadError, match=head):
        client.checksum(FILE)
    client.close()


def test_with_tls_a_file_comes_whole(tls_server: HostileServer, tmp_path: Path) -> None:
    tls_server.answers[".zip"] = whole(ZIP)
    client = impatient(tls_server.url, timeout=10)

    assert download(client, tmp_path) is not None
    assert (tmp_path / "part").read_bytes() == ZIP
    client.close()


def test_a_certificate_that_nobody_trusts_is_refused(
    tls_server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    client = impatient(tls_server.url)

    with pytest.raises(DownloadError, match="could not be fetched: TLS failed"):
        client.checksum(FILE)
    client.close()


def test_an_agreement_on_keys_has_an_end(server: HostileServer) -> None:
    url = server.url.replace("http:", "https:")
    client = impatient(url)

    with says(
        DownloadError,
        f"{url}/{FILE.path}.CHECKSUM could not be fetched: no TLS within 0.2 seconds, 2 times in "
        f"a row {LATER}",
    ):
        client.checksum(FILE)
    client.close()


def test_connecting_has_an_end() -> None:
    with full_port() as url:
        client = impatient(url)
        with says(
            DownloadError,
            f"{url}/{FILE.path}.CHECKSUM could not be fetched: no connection in time, 2 times in "
            f"a row {LATER}",
        ):
            client.checksum(FILE)
        client.close()


def test_looking_up_a_name_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: ended.wait())
    client = impatient("http://mirror.example")

    with pytest.raises(DownloadError, match="no connection in time, 2 times in a row"):
        client.checksum(FILE)
    ended.set()
    client.close()


# Bodies


@pytest.mark.parametrize(
    "answer",
    [
        dribble(b"x", SIZED % 10**6),
        dribble(b"x", UNSIZED),
        dribble(b"1\r\nx\r\n", CHUNKED),
        silence(SIZED % 10**6 + b"x" * 5),
        flood(CHUNKED + b"1;", b"x" * 100),
        flood(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
    ],
    ids=["sized", "unsized", "chunked", "stalled", "chunk without end", "trailers without end"],
)
def test_a_body_that_is_too_slow_is_given_up(
    server: HostileServer, tmp_path: Path, answer: Answer
) -> None:
    server.answers[".zip"] = answer
    client = impatient(server.url, least_speed=100_000)

    with pytest.raises(DownloadError) as caught:
        download(client, tmp_path)

    text = str(caught.value)
    slow = r"\d+ bytes within 0\.2 seconds, expected at least 100000 a second"
    # http.client itself ends a line without end.
    assert re.search(
        rf"could not be fetched: ({slow}|the connection broke), 2 times in a row", text
    )
    client.close()


def test_a_speed_of_zero_accepts_every_speed(server: HostileServer, tmp_path: Path) -> None:
    def slowly() -> Iterator[bytes]:
        yield SIZED % 60
        for _ in range(60):
            yield b"x"
            yield b""

    server.answers[".zip"] = slowly
    client = impatient(server.url, least_speed=0)

    assert download(client, tmp_path) is not None
    client.close()


def test_a_byte_for_each_attempt_is_no_progress(server: HostileServer, tmp_path: Path) -> None:
    def one_more() -> Iterator[bytes]:
        offset = (tmp_path / "part").stat().st_size
        yield b'HTTP/1.1 206 Partial Content\r\nETag: "same"\r\nConnection: close\r\n'
        yield b"Content-Range: bytes %d-999999/1000000\r\n" % offset
        yield b"Content-Length: %d\r\n\r\nx" % (10**6 - offset)

    server.answers["CHECKSUM"] = whole(f"{'0' * 64}  {FILE.name}".encode())
    server.answers[".zip"] = lambda: iter([b"".join(one_more())])
    client = impatient(server.url, attempts=4, first_wait=0.05, timeout=0.5)

    with pytest.raises(DownloadError, match="4 times in a row"):
        download(client, tmp_path)
    client.close()


@pytest.mark.parametrize("start", [UNSIZED, SIZED % 10**12])
def test_a_checksum_has_a_bound(server: HostileServer, start: bytes) -> None:
    server.answers["CHECKSUM"] = flood(start, b"x" * 1000)
    client = impatient(server.url)

    with says(
        ArchiveError,
        f"{server.url}/{FILE.path}.CHECKSUM has more than {CHECKSUM_BYTES} bytes",
    ):
        client.checksum(FILE)
    assert server.hung_up.wait(10)
    client.close()


@pytest.mark.parametrize("start", [UNSIZED, SIZED % 10**12, CHUNKED])
def test_a_zip_has_a_bound(server: HostileServer, tmp_path: Path, start: bytes) -> None:
    text = b"3e8\r\n" + b"x" * 1000 + b"\r\n" if start is CHUNKED else b"x" * 1000
    server.answers[".zip"] = flood(start, text)
    client = impatient(server.url, max_zip_bytes=100_000, timeout=10)

    with says(
        ArchiveError,
        f"{server.url}/{FILE.path} has more than 100000 bytes (if it is right, raise "
        "max_zip_bytes of the archive)",
    ):
        download(client, tmp_path)

    assert (tmp_path / "part").stat().st_size <= 100_000
    client.close()


def test_a_page_of_a_listing_has_a_bound(server: HostileServer) -> None:
    server.answers["list"] = flood(UNSIZED, b"<a/>" * 10_000)
    client = impatient(server.url, timeout=10)

    with pytest.raises(ArchiveError, match=f"has more than {PAGE_BYTES} bytes$"):
        client.symbols("spot")
    client.close()


def test_a_listing_has_a_bound(server: HostileServer) -> None:
    def page() -> Iterator[bytes]:
        marker = f"<NextMarker>{len(server.requests):09}</NextMarker>"
        truncated = "<IsTruncated>true</IsTruncated>"
        return whole(f"<ListBucketResult>{truncated}{marker}</ListBucketResult>".encode())()

    server.answers["list"] = page
    client = impatient(server.url, max_pages=5, timeout=10)

    with pytest.raises(
        ArchiveError,
        match=r"has more than 5 pages \(if it is right, raise max_pages of the archive\)$",
    ):
        client.symbols("spot")
    assert len(server.requests) == 5
    client.close()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (b'<?xml version="1.0" encoding="none"?><a/>', " is no XML: "),
        (b'<?xml version="1.0" encoding="shift_jis"?><a/>', " is no XML: "),
        ("<ListBucketResult/>".encode("utf-32"), " is no XML: "),
        (b"\x1b" * 9, " is no XML: "),
        (
            b"<ListBucketResult><Contents><Key>" + b"k" * 2000 + b"</Key></Contents>"
            b"</ListBucketResult>",
            "has a name of 2000 characters, expected at most 1024",
        ),
    ],
    ids=["encoding", "multi-byte encoding", "utf-32", "control characters", "long name"],
)
def test_a_page_of_anything_else_is_refused(server: HostileServer, page: bytes, text: str) -> None:
    server.answers["list"] = whole(page)
    client = impatient(server.url, timeout=10)

    with pytest.raises(ArchiveError) as caught:
        client.symbols("spot")

    assert text in str(caught.value)
    client.close()


def test_a_listing_that_is_refused_leaves_a_symbol_unknown(server: HostileServer) -> None:
    server.answers["list"] = whole(b"no")
    archive = BinanceArchive(server.url, f"{server.url}/list", timeout=10)

    with says(
        ArchiveError,
        "no file of binance spot BTCUSDT was found, and whether there is such a symbol is not "
        f"known: listing {server.url}/list?delimiter=%2F&prefix=data%2Fspot%2Fdaily%2FaggTrades%2F "
        "is no XML: syntax error: line 1, column 0 (does the mirror have one?)",
    ):
        rb.scan_ticks("BTCUSDT", FILE.day, FILE.day, archive=archive)


class Unreadable(io.BytesIO):
    """A file on a disk that gives back nothing."""

    def read(self, _: int | None = -1, /) -> bytes:
        """Fail as such a disk does."""
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_that_the_disk_does_not_give_back_is_named(server: HostileServer) -> None:
    server.answers[".zip"] = whole(ZIP)
    client = impatient(server.url, timeout=10)

    with says(
        ArchiveError,
        f"{FILE.name} cannot be read: Input/output error (check the disk of the cache folder)",
    ):
        client.download(FILE, Unreadable(), lambda _: None)  # type: ignore[arg-type]
    client.close()


# Nothing is left


@pytest.mark.parametrize(
    "answer",
    [silence(), dribble(b"x", UNSIZED), flood(UNSIZED, b"x" * 999)],
    ids=["silent", "slow", "endless"],
)
def test_no_socket_and_no_thread_is_left(
    server: HostileServer, tmp_path: Path, answer: Callable[[], Iterator[bytes]]
) -> None:
    server.answers[".zip"] = answer
    server.answers["CHECKSUM"] = whole(f"{'0' * 64}  {FILE.name}".encode())
    client = impatient(server.url, max_zip_bytes=100_000)

    with pytest.raises(ArchiveError):
        download(client, tmp_path)
    client.close()

    assert server.hung_up.wait(10)
    assert "rangebar" not in " ".join(thread.name for thread in threading.enumerate())
