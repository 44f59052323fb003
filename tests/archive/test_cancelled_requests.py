"""Whatever a request waits for, cancelling its call or Ctrl-C ends the wait and the connection."""

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile_server import (
    HEAD,
    Answer,
    HostileServer,
    dribble,
    flood,
    full_port,
    silence,
)
from support.subprocesses import TIMEOUT

from rangebar_polars._disk.locked_file import CancelledError
from rangebar_polars.archive.binance import BinanceArchive, BinanceFile
from rangebar_polars.archive.http import Client

FILE = BinanceFile("spot", "BTCUSDT", dt.date(2024, 8, 8))
SOON = 10
"""Seconds after which a wait counts as one that has not been ended."""

BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"
WAITS: dict[str, Answer] = {
    "an answer": silence(),
    "the rest of a head": silence(HEAD),
    "the end of a dribbled head": dribble(b"x", HEAD + b"X: "),
    "an answer after 100 Continue": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": silence(HEAD + b"Content-Length: 100\r\n\r\n"),
    "the end of a dribbled body": dribble(b"x", HEAD + b"\r\n"),
    "the next attempt": lambda: iter([BUSY]),
}


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """Serve nothing yet."""
    with HostileServer() as running:
        yield running


@contextlib.contextmanager
def asking(url: str) -> Iterator[tuple[Client, threading.Event]]:
    """Ask for a checksum in another thread; give what is set once that was cancelled."""
    client = Client(BinanceArchive(url, None, timeout=3600, longest_wait=3600))
    cancelled = threading.Event()

    def ask() -> None:
        with contextlib.suppress(CancelledError):
            client.checksum(FILE)
            return
        cancelled.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield client, cancelled
    thread.join(SOON)
    client.close()


@pytest.mark.parametrize("answer", WAITS.values(), ids=WAITS)
def test_cancelling_ends_every_wait(server: HostileServer, answer: Answer) -> None:
    server.answers["CHECKSUM"] = answer
    with asking(server.url) as (client, cancelled):
        assert server.asked.wait(SOON)
        client.cancel()

        assert cancelled.wait(SOON)
    if "429" not in str(next(answer())):
        assert server.hung_up.wait(SOON)


def test_cancelling_ends_an_agreement_on_keys(server: HostileServer) -> None:
    with asking(server.url.replace("http:", "https:")) as (client, cancelled):
        client.cancel()

        assert cancelled.wait(SOON)


def test_cancelling_ends_connecting() -> None:
    with full_port() as url, asking(url) as (client, cancelled):
        client.cancel()

        assert cancelled.wait(SOON)


def test_cancelling_ends_looking_up_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    began, ended = threading.Event(), threading.Event()

    def forever(*_: object, **__: object) -> list[object]:
        began.set()
        ended.wait()
        return []

    monkeypatch.setattr("socket.getaddrinfo", forever)
    with asking("http://mirror.example") as (client, cancelled):
        assert began.wait(SOON)
        client.cancel()

        assert cancelled.wait(SOON)
    ended.set()


def test_a_cancelled_client_asks_nothing_more(server: HostileServer) -> None:
    client = Client(BinanceArchive(server.url, None))
    client.cancel()

    with pytest.raises(CancelledError):
        client.checksum(FILE)
    assert server.requests == []


CALLS = {
    "scan_ticks": 'rb.scan_ticks("BTCUSDT", "2024-08-05", "2024-08-09", **at)',
    "get_n_range_bars": 'rb.get_n_range_bars("BTCUSDT", 5, **at)',
    "populate": 'rb.populate(["BTCUSDT", "ETHUSDT"], "2024-08-05", "2024-08-09", **at)',
}
CHILD = """
import signal
import sys
import rangebar_polars as rb

signal.signal(signal.SIGINT, signal.default_int_handler)
archive = rb.BinanceArchive(sys.argv[1], None, timeout=3600, longest_wait=3600)
at = {"archive": archive, "cache_dir": sys.argv[2]}
try:
    CALL
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for another process alone")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("wait", ["the end of a dribbled head", "the next attempt"])
def test_ctrl_c_ends_a_call_whose_server_does_not_answer(
    server: HostileServer, tmp_path: Path, call: str, wait: str
) -> None:
    server.answers["CHECKSUM"] = WAITS[wait]
    child = subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", CHILD.replace("CALL", call), server.url, str(tmp_path / "cache")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"no_proxy": "*"},
    )
    try:
        assert server.asked.wait(TIMEOUT)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=SOON)
    finally:
        child.kill()
        child.communicate()

    assert (*said, child.returncode) == ("interrupted\n", "", 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
