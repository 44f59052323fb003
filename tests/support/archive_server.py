"""A small archive on 127.0.0.1, as the real one behaves on good days and on bad ones.

It serves files from memory with Range, If-Range and ETag, lists them as S3 does, and has
faults: what to do wrong with the next requests for a path, in order, one fault each.
"""

import datetime as dt
import hashlib
import io
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from rangebar_polars.archive.binance import BinanceFile


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one request.

    ``cut``: the connection breaks after `at` bytes; ``stall``: no more bytes come after `at`;
    ``status``: an answer of that status; ``longer``, ``shorter``: a Content-Length `at` bytes
    off the truth; ``unsized``: a body cut at `at` without any Content-Length; ``no range``:
    the whole file where a range was asked for; ``other range``: a range that was not asked for.
    """

    kind: Literal[
        "cut", "stall", "status", "longer", "shorter", "unsized", "no range", "other range"
    ]
    at: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """What a client asked."""

    path: str
    headers: dict[str, str]


class ArchiveServer:
    """The server; a context manager."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        """Serve files by their path without the leading slash."""
        self.files = files or {}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.requests: list[Request] = []
        self.page_size = 1000
        self.etags = True
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.archive = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every request and the server."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def listing_url(self) -> str:
        """The URL of the listing."""
        return f"{self.url}/list"

    def asked(self, ending: str) -> list[Request]:
        """Return the requests for paths with an ending."""
        return [request for request in self.requests if request.path.endswith(ending)]

    def add_folder(self, root: Path) -> None:
        """Serve what lies under a folder's ``data``."""
        for path in root.rglob("*"):
            if path.is_file():
                self.files[path.relative_to(root).as_posix()] = path.read_bytes()

    def publish(
        self,
        file: BinanceFile,
        csv: bytes,
        *,
        checksum: str | None = "",
    ) -> str:
        """Serve a csv as the archive would; return the SHA-256 of its zip.

        `checksum` replaces the published sum; None publishes none.
        """
        body = zipped(file.name.replace(".zip", ".csv"), csv)
        got = hashlib.sha256(body).hexdigest()
        self.files[file.path] = body
        if checksum is not None:
            self.files[f"{file.path}.CHECKSUM"] = f"{checksum or got}  {file.name}".encode()
        return got


def zipped(name: str, text: bytes) -> bytes:
    """Return a zip of one member; equal input gives equal bytes."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, text)
    return body.getvalue()


def day_csv(  # every part of the format that changed over the years is a parameter
    day: dt.date,
    rows: int = 100,
    *,
    first_id: int = 1000,
    unit: Literal["ms", "us"] = "ms",
    header: bool = False,
    spot: bool = True,
) -> bytes:
    """Return the text of a day of synthetic trades, a row every ten seconds."""
    start = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000
    lines = [
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    ]
    lines = lines if header else []
    for n in range(rows):
        id_ = first_id + n
        time = (start + 10_000 * n) * (1000 if unit == "us" else 1)
        price, quantity = 100 + n % 7 / 100, (n % 5 + 1) / 1000
        side = str(n % 2 == 0)
        cells = [id_, f"{price:.8f}", f"{quantity:.8f}", 2 * id_, 2 * id_ + 1, time]
        tail = f"{side},True" if spot else side.lower()
        lines.append(",".join(map(str, cells)) + "," + tail)
    return "".join(f"{line}\n" for line in lines).encode()


def publish(
    server: ArchiveServer,
    days: Sequence[dt.date],
    *symbols: str,
    market: str = "spot",
    rows: int = 100,
    first_day: dt.date = dt.date(2024, 1, 1),
) -> int:
    """Serve days of symbols (BTCUSDT if none is named); return the bytes of their files.

    Ids rise from day to day, and a day has the same ids whatever the other days are: they begin
    at 1000 on the first day.
    """
    received = 0
    for symbol in symbols or ("BTCUSDT",):
        for day in days:
            first_id = 1000 + rows * (day - first_day).days
            file = BinanceFile(market, symbol, day)
            server.publish(file, day_csv(day, rows, first_id=first_id, spot=market == "spot"))
            received += len(server.files[file.path])
    return received


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    archive: ArchiveServer

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of these tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: without this each answer waits for an acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # the name is http.server's
        """Answer with a file, a listing, or a fault."""
        archive = self.server.archive
        parts = urlsplit(self.path)
        path = unquote(parts.path).lstrip("/")
        headers = {name.title(): value for name, value in self.headers.items()}
        archive.requests.append(Request(path, headers))
        fault = archive.faults[path].popleft() if archive.faults[path] else None
        if fault is not None and fault.kind == "status":
            self._answer(fault.at, b"fault", fault.headers)
        elif path == "list":
            self._list({key: values[0] for key, values in parse_qs(parts.query).items()})
        elif path not in archive.files:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", {})
        else:
            self._file(archive.files[path], fault)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, body: bytes, fault: Fault | None) -> None:
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        asked = self.headers.get("Range")
        unchanged = self.headers.get("If-Range", etag) == etag
        start, status = 0, 200
        headers = {"Accept-Ranges": "bytes"}
        if self.server.archive.etags:
            headers["ETag"] = etag
        if asked and unchanged and (fault is None or fault.kind != "no range"):
            start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            if start >= len(body):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            if fault is not None and fault.kind == "other range":
                start += 1
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if fault is None or fault.kind in {"no range", "other range"}:
            self._answer(status, body[start:], headers)
        else:
            self._faulty(status, body[start:], headers, fault)

    def _faulty(self, status: int, body: bytes, headers: dict[str, str], fault: Fault) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        off = {"longer": fault.at, "shorter": -fault.at}.get(fault.kind, 0)
        if fault.kind == "unsized":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) + off))
        self.end_headers()
        self.wfile.write(body if off else body[: fault.at])
        self.wfile.flush()
        if fault.kind == "stall":
            self.server.archive.closing.wait()
        self.close_connection = True

    def _list(self, query: dict[str, str]) -> None:
        archive, prefix = self.server.archive, query.get("prefix", "")
        names = set()
        for path in archive.files:
            if path.startswith(prefix):
                inner, slash, _ = path.removeprefix(prefix).partition("/")
                names.add(prefix + inner + slash)
        page = sorted(name for name in names if name > query.get("marker", ""))
        shown = page[: archive.page_size]
        truncated = len(page) > len(shown)
        entries = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            if name.endswith("/")
            else f"<Contents><Key>{escape(name)}</Key></Contents>"
            for name in shown
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
            + (f"<NextMarker>{escape(shown[-1])}</NextMarker>" if truncated else "")
            + f"{entries}</ListBucketResult>"
        )
        self._answer(200, text.encode(), {"Content-Type": "application/xml"})
