"""Bytes from a server, whole or not at all.

One loop decides about every attempt, because what an interrupted body needs next depends on
how it ended: a Range request from where it stopped, with the ETag as its condition, so that
a file replaced meanwhile starts over; the wait a busy server asks for, within bounds; or
giving up, with what the last attempt met. No length a server announces is trusted as an end:
a short body that looks whole, and one resumed at its very end, are both decided by their sum.
"""

import hashlib
import io
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from rangebar_polars._disk.locked_file import CancelledError
from rangebar_polars.archive.archive import ArchiveFile
from rangebar_polars.archive.sockets import Pace, TooSlowError, open_pool
from rangebar_polars.archive.url import escaped, shown, split_login
from rangebar_polars.errors import ArchiveError, ChecksumError, DownloadError

CHUNK_BYTES: Final = 1 << 18
CHECKSUM_BYTES: Final = 1 << 16
PAGE_BYTES: Final = 1 << 24
# Ranges and sums are of the bytes as they are stored.
HEADERS: Final = {"User-Agent": "rangebar-polars", "Accept-Encoding": "identity"}
BUSY: Final = frozenset({403, 408, 425, 429, 500, 502, 503, 504})
TURN_SECONDS: Final = 0.1
MOST_DOUBLINGS: Final = 30
RAISE_MOST: Final = " (if it is right, raise max_zip_bytes of the archive)"

_STRONG: Final = re.compile(r'"[!#-~\x80-\xff]*"')

LOG_IN: Final = " (give user and password in the URL of the archive: https://user:password@host)"

OK, PARTIAL, UNAUTHORIZED, NOT_FOUND, BEYOND_END = 200, 206, 401, 404, 416


class HttpArchive(Protocol):
    """An archive whose files are fetched from a server."""

    @property
    def threads(self) -> int:
        """How many files are fetched at once."""

    @property
    def attempts(self) -> int:
        """How often a request may fail in a row before it is given up."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for a connection, and again for the whole head of an answer."""

    @property
    def least_speed(self) -> float:
        """Bytes a second that a body has to bring, on average over `timeout`."""

    @property
    def first_wait(self) -> float:
        """Seconds to wait after a first failure."""

    @property
    def longest_wait(self) -> float:
        """Seconds that a server may ask for before the next attempt."""

    def file_url(self, file: ArchiveFile) -> str:
        """Return where a file is; its checksum is there too, with ``.CHECKSUM`` added."""

    def most_bytes(self, file: ArchiveFile) -> int:
        """Return how long a file may be."""

    def published_sum(self, text: bytes, file: ArchiveFile) -> str:
        """Return the SHA-256 that the text of a checksum says of a file."""

    def symbols(self, market: str, get: Callable[[str], bytes]) -> list[str] | None:
        """Return the symbols of a market, by what `get` gives of URLs; None without a listing."""


@dataclass
class Client:
    """Connections to one archive, shared by the threads of one call.

    Attributes
    ----------
    archive
        The archive to ask.
    stop
        Set it to end every request and wait with a CancelledError.

    """

    archive: HttpArchive
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Begin without connections."""
        self._pools: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End every request that is under way in other threads."""
        self.stop.set()

    def close(self) -> None:
        """Close idle connections."""
        for pool in self._pools.values():
            pool.clear()

    def get(self, url: str, most_bytes: int = PAGE_BYTES) -> bytes | None:
        """Return a small body, or None where there is no such file.

        Raises
        ------
        DownloadError
            It cannot be had.
        ArchiveError
            It is longer than `most_bytes`.
        """
        body = io.BytesIO()
        found = self._fill(url, body, lambda _: None, has_sum=False, most=(most_bytes, ""))
        return body.getvalue() if found else None

    def symbols(self, market: str) -> list[str] | None:
        """Return the symbols of a market; None where the archive has no listing."""
        return self.archive.symbols(market, self.listing_page)

    def listing_page(self, url: str) -> bytes:
        """Return a page of a listing.

        Raises
        ------
        DownloadError
            It cannot be had.
        ArchiveError
            It is too long.
        """
        body = self.get(url)
        if body is None:
            raise DownloadError(f"{shown(url)} is not there (HTTP 404), expected a listing")
        return body

    def checksum(self, file: ArchiveFile) -> str | None:
        """Return the SHA-256 that is published for a file, or None where none is."""
        text = self.get(f"{self.archive.file_url(file)}.CHECKSUM", CHECKSUM_BYTES)
        return None if text is None else self.archive.published_sum(text, file)

    def download(
        self,
        file: ArchiveFile,
        body: io.BufferedRandom,
        on_bytes: Callable[[int], None],
    ) -> tuple[str, bool] | None:
        """Bring a file's bytes into `body`; return their SHA-256 and whether it is the published.

        None means that the archive has no such file. What an earlier run left in `body` is
        built upon where a published sum will judge it, and dropped otherwise.

        Raises
        ------
        DownloadError
            The server failed too often.
        ChecksumError
            The sum is not the published one, and was not at a second try.
        ArchiveError
            The file is longer than it may be.

        """
        most = self.archive.most_bytes(file), RAISE_MOST
        url = self.archive.file_url(file)
        got = ""
        for attempt in (1, 2):
            expected = self.checksum(file)
            if expected is None or attempt > 1:
                body.truncate(0)
            if not self._fill(url, body, on_bytes, has_sum=expected is not None, most=most):
                return None
            got = self._sum(body, file.name)
            if expected in {None, got}:
                return got, expected is not None
        raise ChecksumError(
            f"{file.name} has not the published SHA-256: expected {expected}, got {got}, twice "
            f"(it may be being replaced: try again later; {shown(url)})",
        )

    def _sum(self, body: BinaryIO, name: str) -> str:
        digest = hashlib.sha256()
        body.seek(0)
        try:
            while chunk := body.read(CHUNK_BYTES):
                self._check_stop()
                digest.update(chunk)
        except OSError as error:
            raise ArchiveError(
                f"{name} cannot be read: {error.strerror} (check the disk of the cache folder)"
            ) from error
        return digest.hexdigest()

    def _fill(
        self,
        url: str,
        body: BinaryIO,
        on_bytes: Callable[[int], None],
        *,
        has_sum: bool,
        most: tuple[int, str],
    ) -> bool:
        """Bring all of a URL's bytes into `body`; return whether there is such a file.

        What is there already is built upon. Pieces of two files would go unnoticed where no
        sum proves the whole and no ETag the pieces, so there every attempt starts over.
        """
        etag, failures, since = None, 0, time.monotonic()
        held = body.seek(0, io.SEEK_END)
        while True:
            outcome = self._attempt(url, body, etag, on_bytes, most)
            if outcome.done is not None:
                return outcome.done
            etag = outcome.etag or etag
            if etag is None and not has_sum:
                body.truncate(0)
            size, now = body.seek(0, io.SEEK_END), time.monotonic()
            # Otherwise a byte for each attempt would be progress, and a file take for ever.
            if size >= held + max(1.0, self.archive.least_speed * (now - since)):
                failures, held, since = 0, size, now
            failures += 1
            if failures >= self.archive.attempts:
                raise DownloadError(
                    f"{shown(url)} could not be fetched: {outcome.problem}, {failures} times in a "
                    "row (check the network and the archive's address, or try again later)",
                )
            self._wait(failures, outcome.wait)

    def _wait(self, failures: int, asked: float | None) -> None:
        # Spread, so that many threads refused together do not return together.
        doubled = 2.0 ** min(failures - 1, MOST_DOUBLINGS)
        wait = self.archive.first_wait * doubled * random.uniform(0.5, 1.0)  # noqa: S311
        end = time.monotonic() + min(max(wait, asked or 0.0), self.archive.longest_wait)
        # In turns, because Ctrl-C does not end a wait for a lock once Polars is loaded.
        while (left := end - time.monotonic()) > 0:
            self.stop.wait(min(left, TURN_SECONDS))
            self._check_stop()

    def _attempt(  # noqa: PLR0917 - what the loop above keeps
        self,
        url: str,
        body: BinaryIO,
        etag: str | None,
        on_bytes: Callable[[int], None],
        most: tuple[int, str],
    ) -> "_Outcome":
        self._check_stop()
        place, login = split_login(url)
        offset = body.seek(0, io.SEEK_END)
        headers = HEADERS | login
        if offset:
            headers["Range"] = f"bytes={offset}-"
        if offset and etag:
            headers["If-Range"] = etag
        pace = Pace(self.stop, self.archive.timeout, self.archive.least_speed)
        response = None
        try:
            with pace.applied():
                response = self._pool(place).request(
                    "GET",
                    place,
                    headers=headers,
                    preload_content=False,
                    decode_content=False,
                    retries=False,
                    redirect=False,
                )
                return self._take(response, place, body, _Sink(on_bytes, pace, *most))
        except (urllib3.exceptions.HTTPError, TooSlowError) as error:
            self._check_stop()
            etag = _strong_etag(response) if response is not None else None
            return _Outcome(problem=_reason(error), etag=etag)
        finally:
            if response is not None:
                response.close()
                response.release_conn()

    def _pool(self, url: str) -> urllib3.PoolManager:
        scheme = urlsplit(url).scheme
        key = (scheme, _proxy(url))
        with self._lock:
            if key not in self._pools:
                self._pools[key] = open_pool(*key, size=self.archive.threads)
            return self._pools[key]

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise CancelledError

    def _take(
        self,
        response: urllib3.BaseHTTPResponse,
        url: str,
        body: BinaryIO,
        sink: "_Sink",
    ) -> "_Outcome":
        offset = body.seek(0, io.SEEK_END)
        if response.status == NOT_FOUND:
            return _Outcome(done=False)
        if response.status == BEYOND_END and offset:
            return _Outcome(done=True)
        if response.status in BUSY:
            wait = _seconds(response.headers.get("Retry-After"))
            return _Outcome(problem=f"HTTP {response.status}", wait=wait)
        if response.status not in {OK, PARTIAL}:
            where = response.headers.get("Location")
            answer = f"HTTP {response.status}" + (f" to {shown(where)}" if where else "")
            remedy = LOG_IN if response.status == UNAUTHORIZED else ""
            raise DownloadError(f"{url} could not be fetched: {answer}, expected 200{remedy}")
        if response.status == OK or not _continues(response, offset):
            body.truncate(0)
            body.seek(0)
            if response.status == PARTIAL:
                return _Outcome(problem="a range that was not asked for")
        size = body.seek(0, io.SEEK_END)
        sink.check_size(url, size + (response.length_remaining or 0))
        sink.pace.begin("body")
        # Unlike read, read1 gives what has come, so that a stall loses nothing before it.
        while chunk := response.read1(CHUNK_BYTES):
            self._check_stop()
            began = time.monotonic()
            size += len(chunk)
            sink.check_size(url, size)
            body.write(chunk)
            sink.on_bytes(len(chunk))
            sink.pace.count(len(chunk), busy=time.monotonic() - began)
        self._check_stop()
        return _Outcome(done=True)


@dataclass(frozen=True)
class _Sink:
    """What a body has to keep to."""

    on_bytes: Callable[[int], None]
    pace: Pace
    most_bytes: int
    remedy: str

    def check_size(self, url: str, size: int) -> None:
        """Refuse a body that is, or will be, too long."""
        if size > self.most_bytes:
            raise ArchiveError(f"{url} has more than {self.most_bytes} bytes{self.remedy}")


@dataclass(frozen=True)
class _Outcome:
    """How an attempt ended: done (found or not), or a problem and what to heed next time."""

    done: bool | None = None
    problem: str = ""
    etag: str | None = None
    wait: float | None = None


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment has for a URL."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _strong_etag(response: urllib3.BaseHTTPResponse) -> str | None:
    etag = response.headers.get("ETag", "")
    return etag if _STRONG.fullmatch(etag) else None


def _continues(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _seconds(retry_after: str | None) -> float | None:
    # The other form of the header, a date, would need our clock to agree with the server's.
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def _reason(error: urllib3.exceptions.HTTPError | TooSlowError) -> str:
    """Name a failure without the objects that urllib3 puts in its texts."""
    words = escaped(str(error))
    names = {
        urllib3.exceptions.ReadTimeoutError: "no bytes in time",
        urllib3.exceptions.NameResolutionError: "the host's name is not known",
        urllib3.exceptions.NewConnectionError: "no connection",
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
        urllib3.exceptions.SSLError: f"TLS failed ({words})",
        urllib3.exceptions.ProxyError: f"the proxy failed ({words})",
        urllib3.exceptions.ProtocolError: "the connection broke",
    }
    return next((text for kind, text in names.items() if isinstance(error, kind)), words)
