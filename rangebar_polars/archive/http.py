"""Bytes from a server, whole or not at all.

One loop decides about every attempt, because what an interrupted body needs next depends on
how it ended: a Range request from where it stopped, with the ETag as its condition, so that
a file replaced meanwhile starts over; the wait a busy server asks for, within bounds; or
giving up, with what the last attempt met. No length a server announces is trusted as an end:
a short body that looks whole, and one resumed at its very end, are both judged by their sum.
"""

import contextlib
import hashlib
import io
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from rangebar_polars._disk.locked_file import CancelledError
from rangebar_polars.archive.archive import ArchiveFile
from rangebar_polars.errors import ChecksumError, DownloadError

CHUNK_BYTES = 1 << 18
FIRST_WAIT = 0.5
# Ranges and sums are of the bytes as they are stored.
HEADERS = {"User-Agent": "rangebar-polars", "Accept-Encoding": "identity"}
BUSY = frozenset({403, 408, 425, 429, 500, 502, 503, 504})

OK, PARTIAL, NOT_FOUND, BEYOND_END = 200, 206, 404, 416


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
        """Seconds to wait for a connection, and for the next bytes."""

    @property
    def longest_wait(self) -> float:
        """Seconds that a server may ask for before the next attempt."""

    def file_url(self, file: ArchiveFile) -> str:
        """Return where a file is; its checksum is there too, with ``.CHECKSUM`` added."""

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
        self._live: set[urllib3.BaseHTTPResponse] = set()
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End every request that is under way in other threads."""
        self.stop.set()
        with self._lock:
            for response in self._live:
                # One that has just ended is given back already, and has nothing to end.
                with contextlib.suppress(RuntimeError, OSError):
                    response.shutdown()

    def close(self) -> None:
        """Close idle connections."""
        for pool in self._pools.values():
            pool.clear()

    def get(self, url: str) -> bytes | None:
        """Return a small body, or None where there is no such file."""
        body = io.BytesIO()
        found = self._fill(url, body, lambda _: None, judged=False)
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
        """
        body = self.get(url)
        if body is None:
            raise DownloadError(f"{url} is not there (HTTP 404), expected a listing")
        return body

    def checksum(self, file: ArchiveFile) -> str | None:
        """Return the SHA-256 that is published for a file, or None where none is."""
        text = self.get(f"{self.archive.file_url(file)}.CHECKSUM")
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

        """
        url = self.archive.file_url(file)
        got = ""
        for attempt in (1, 2):
            expected = self.checksum(file)
            if expected is None or attempt > 1:
                body.truncate(0)
            if not self._fill(url, body, on_bytes, judged=expected is not None):
                return None
            body.seek(0)
            got = hashlib.file_digest(body, "sha256").hexdigest()
            if expected in {None, got}:
                return got, expected is not None
        raise ChecksumError(
            f"{file.name} has not the published SHA-256: expected {expected}, got {got}, twice "
            f"(it may be being replaced: try again later; {url})",
        )

    def _fill(
        self,
        url: str,
        body: BinaryIO,
        on_bytes: Callable[[int], None],
        *,
        judged: bool,
    ) -> bool:
        """Bring all of a URL's bytes into `body`; return whether there is such a file.

        What is there already is built upon. Pieces of two files would go unnoticed where no
        sum judges the whole and no ETag the pieces, so there every attempt starts over.
        """
        etag, failures = None, 0
        most = body.seek(0, io.SEEK_END)
        while True:
            outcome = self._attempt(url, body, etag, on_bytes)
            if outcome.done is not None:
                return outcome.done
            etag = outcome.etag or etag
            if etag is None and not judged:
                body.truncate(0)
            size = body.seek(0, io.SEEK_END)
            failures = 1 if size > most else failures + 1
            most = max(size, most)
            if failures >= self.archive.attempts:
                raise DownloadError(
                    f"{url} could not be fetched: {outcome.problem}, {failures} times in a row "
                    "(check the network and the archive's address, or try again later)",
                )
            self._wait(failures, outcome.wait)

    def _wait(self, failures: int, asked: float | None) -> None:
        # Spread, so that many threads refused together do not return together.
        wait = FIRST_WAIT * 2 ** (failures - 1) * random.uniform(0.5, 1.0)  # noqa: S311
        if asked is not None:
            wait = max(wait, asked)
        if self.stop.wait(min(wait, self.archive.longest_wait)):
            raise CancelledError

    def _attempt(
        self,
        url: str,
        body: BinaryIO,
        etag: str | None,
        on_bytes: Callable[[int], None],
    ) -> "_Outcome":
        offset = body.seek(0, io.SEEK_END)
        headers = dict(HEADERS)
        if offset:
            headers["Range"] = f"bytes={offset}-"
        if offset and etag:
            headers["If-Range"] = etag
        response = None
        try:
            response = self._pool(url).request(
                "GET",
                url,
                headers=headers,
                preload_content=False,
                decode_content=False,
                retries=False,
            )
            self._enter(response)
            return self._take(response, url, body, on_bytes)
        except urllib3.exceptions.HTTPError as error:
            self._check_stop()
            etag = _strong_etag(response) if response is not None else None
            return _Outcome(problem=_reason(error), etag=etag)
        finally:
            if response is not None:
                with self._lock:
                    self._live.discard(response)
                response.close()
                response.release_conn()

    def _pool(self, url: str) -> urllib3.PoolManager:
        scheme = urlsplit(url).scheme
        key = (scheme, _proxy(url))
        with self._lock:
            if key not in self._pools:
                self._pools[key] = _pool(self.archive, *key)
            return self._pools[key]

    def _enter(self, response: urllib3.BaseHTTPResponse) -> None:
        with self._lock:
            self._live.add(response)
        self._check_stop()

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise CancelledError

    def _take(
        self,
        response: urllib3.BaseHTTPResponse,
        url: str,
        body: BinaryIO,
        on_bytes: Callable[[int], None],
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
            answer = f"HTTP {response.status}" + (f" to {where}" if where else "")
            raise DownloadError(f"{url} could not be fetched: {answer}, expected 200")
        if response.status == OK or not _continues(response, offset):
            body.truncate(0)
            body.seek(0)
            if response.status == PARTIAL:
                return _Outcome(problem="a range that was not asked for")
        # Unlike read, read1 gives what has come, so that a stall loses nothing before it.
        while chunk := response.read1(CHUNK_BYTES):
            self._check_stop()
            body.write(chunk)
            on_bytes(len(chunk))
        self._check_stop()
        return _Outcome(done=True)


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


def _pool(archive: HttpArchive, scheme: str, proxy: str | None) -> urllib3.PoolManager:
    make: Callable[..., urllib3.PoolManager] = urllib3.PoolManager
    if proxy is not None:
        login = urlsplit(proxy)
        host = login._replace(netloc=login.netloc.rpartition("@")[2]).geturl()
        credentials = f"{unquote(login.username or '')}:{unquote(login.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=credentials) if login.username else None
        make = partial(urllib3.ProxyManager, host, proxy_headers=headers)
    return make(
        maxsize=archive.threads,
        timeout=urllib3.Timeout(archive.timeout),
        ssl_context=ssl.create_default_context() if scheme == "https" else None,
    )


def _strong_etag(response: urllib3.BaseHTTPResponse) -> str | None:
    etag = response.headers.get("ETag")
    return None if etag is None or etag.startswith("W/") else etag


def _continues(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _seconds(retry_after: str | None) -> float | None:
    # The other form of the header, a date, would need our clock to agree with the server's.
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """Name a failure without the objects that urllib3 puts in its texts."""
    names = {
        urllib3.exceptions.ReadTimeoutError: "no bytes in time",
        urllib3.exceptions.NameResolutionError: "the host's name is not known",
        urllib3.exceptions.NewConnectionError: "no connection",
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
        urllib3.exceptions.SSLError: f"TLS failed ({error})",
        urllib3.exceptions.ProxyError: f"the proxy failed ({error})",
        urllib3.exceptions.ProtocolError: "the connection broke",
    }
    return next((text for kind, text in names.items() if isinstance(error, kind)), str(error))
