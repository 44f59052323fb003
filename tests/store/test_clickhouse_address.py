"""A server has a URL, and what is wrong with either is reported, but never a password."""

import contextlib
import logging
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.assertions import says
from support.clickhouse_months import (
    ENCODE,
    FORM,
    KEY,
    put,
    refuses,
)
from support.clickhouse_server import PASSWORD, USER, ClickHouseServer
from support.subprocesses import TIMEOUT

from rangebar_polars.errors import StoreError
from rangebar_polars.store import ClickHouseStore
from rangebar_polars.store.clickhouse import address
from rangebar_polars.store.clickhouse.address import Address

# URLs


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("clickhouse://db", "clickhouse://default@db:8123/rangebar"),
        ("clickhouses://db/", "clickhouses://default@db:8443/rangebar"),
        ("clickhouse://jo@db.local:9/team_2", "clickhouse://jo@db.local:9/team_2"),
        ("clickhouse://j%40o@[::1]:9/b-1.x", "clickhouse://j%40o@[::1]:9/b-1.x"),
        ("clickhouse://db:443/b", "clickhouse://default@db:443/b"),
    ],
)
def test_a_url_is_shown_whole(given: str, url: str) -> None:
    assert Address.parse(given).url() == url


@pytest.mark.parametrize("password", ["secret", "p@ss:w%20rd/?#[]é ", "100%"])
def test_a_password_is_in_the_address_alone(password: str) -> None:
    at = Address(
        scheme="clickhouse", host="db", port=8123, user="jo", password=password, database="b"
    )

    again = Address.parse(at.url(password))

    assert again == at
    assert password not in repr(at) + at.url()


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://jo:12#secret@db",
        "clickhouse://jo:12/secret@db:8123",
        "clickhouse://jo:12?secret@db",
        "clickhouse://jo:secret@db:http",
        "clickhouse://jo:secret@db/a/b",
        "clickhouse://jo:secret@db/a?b=c",
        "clickhouse://jo:secret@",
        "clickhouse:///secret",
        "http://jo:secret@db:8123",
    ],
)
def test_a_url_of_another_form_is_refused_without_quoting_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with says(ValueError, f"the URL of the store is not of the form {FORM} {ENCODE}") as raised:
        ClickHouseStore(url)
    assert raised.value.__context__ is None

    monkeypatch.setenv("CLICKHOUSE_URL", url)
    with says(ValueError, f"CLICKHOUSE_URL is not of the form {FORM} {ENCODE}"):
        ClickHouseStore("clickhouse://")


@pytest.mark.parametrize("port", ["0", "000", "65536", "99999", "100000", "9" * 5000])
def test_a_port_out_of_range_is_refused_without_quoting_the_url(port: str) -> None:
    with says(
        ValueError,
        "the URL of the store has a port that is out of range: expected 1 to 65535 (give the HTTP "
        "port of the server, by default 8123, with TLS 8443)",
    ):
        ClickHouseStore(f"clickhouse://jo:secret@db:{port}/b")


def test_a_url_without_host_is_that_of_the_environment(
    clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)

    at = Address.parse(clickhouse_url)
    with ClickHouseStore("clickhouse://") as store:
        assert (store.url, store.address) == (at.url(), at.url(at.password))


@pytest.mark.parametrize("url", ["clickhouse://", "clickhouses://"])
def test_a_url_without_host_needs_one_in_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)

    with says(ValueError, f"CLICKHOUSE_URL is not set (set it to {FORM})"):
        ClickHouseStore(url)


def test_without_its_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", ".driver", ".driver.exceptions", ".driver.httputil"):
        monkeypatch.setitem(sys.modules, f"clickhouse_connect{name}", None)

    remedy = "(pip install --upgrade 'rangebar-polars[clickhouse]')"
    with says(ModuleNotFoundError, f"a store in ClickHouse needs clickhouse_connect {remedy}"):
        ClickHouseStore("clickhouse://db")


# Servers that are not there, or not what they should be


@contextlib.contextmanager
def listener(answer: Callable[[str], bytes | None]) -> Iterator[int]:
    """Answer HTTP requests by their bodies, without an answer for None; give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if body is None:
                ended.wait(TIMEOUT)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    ended = threading.Event()
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            ended.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            "no connection: Connection refused (start the server, or correct host and port)",
        ),
        (TimeoutError(), "no connection (start the server, or correct host and port)"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "no such host: Name or service not known (correct the host)",
        ),
    ],
    ids=["refused", "too late", "unknown"],
)
def test_a_server_that_cannot_be_reached_is_named(
    error: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with refuses("db:8123", "connecting", reason):
        ClickHouseStore("clickhouse://jo:secret@db")


def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(address, "ANSWER_SECONDS", 1)
    remedy = "(see the server's log, and try again)"

    with (
        listener(lambda _: None) as port,
        refuses(port, "connecting", f"no answer {remedy}"),
    ):
        ClickHouseStore(f"clickhouse://127.0.0.1:{port}")


def test_a_server_that_is_no_clickhouse_is_named_by_its_answer() -> None:
    answer = "Unexpected response to server version query: '<html>'"

    with (
        listener(lambda _: b"<html>\n") as port,
        refuses(port, "connecting", f"{answer} (see the server's log, and try again)"),
    ):
        ClickHouseStore(f"clickhouse://127.0.0.1:{port}")


@pytest.mark.parametrize("version", ["24.2.9.1", "22.8.15.25.altinitystable"])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    reason = f"the server is ClickHouse {version}, expected 24.3 or newer (update the server)"

    def answer(asked: str) -> bytes:
        return f"{version}\tUTC\n".encode() if "version()" in asked else b""

    with listener(answer) as port, refuses(port, "opening database rangebar", reason):
        ClickHouseStore(f"clickhouse://127.0.0.1:{port}")


def test_a_plain_server_is_not_asked_for_tls_twice(clickhouse_server: ClickHouseServer) -> None:
    with pytest.raises(StoreError, match=r"connecting failed: no TLS: .* \(correct port or cert"):
        ClickHouseStore(clickhouse_server.url().replace("clickhouse:", "clickhouses:"))


@pytest.mark.parametrize("user", [USER, "nobody"])
def test_a_wrong_user_or_password_is_refused(
    clickhouse_server: ClickHouseServer, user: str
) -> None:
    reason = f"user '{user}' or the password is wrong (correct them in the URL)"

    with refuses(clickhouse_server.port, "connecting", reason):
        ClickHouseStore(clickhouse_server.url(user=user, password="wrong"))  # noqa: S106


def test_a_password_is_nowhere_to_be_seen(
    own_server: ClickHouseServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    store = ClickHouseStore(own_server.url("b"))
    shown += [str(store), repr(store), store.url]
    own_server.stop()
    for act in (
        lambda: store.find(KEY),
        lambda: put(store, 1),
        lambda: ClickHouseStore(own_server.url("b")),
    ):
        with pytest.raises(StoreError) as raised:
            act()
        shown += [repr(raised.value), *traceback.format_exception(raised.value)]
    shown += [record.getMessage() + str(record.exc_text) for record in caplog.records]

    assert [text for text in shown if PASSWORD in text] == []
    assert caplog.records
    assert store.address == own_server.url("b")


def test_a_failure_prints_nothing() -> None:
    code = """
from rangebar_polars.errors import StoreError
from rangebar_polars.store import ClickHouseStore
try:
    ClickHouseStore("clickhouse://127.0.0.1:1")
except StoreError:
    pass
"""
    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_closed_store_leaves_nothing_open(clickhouse_url: str) -> None:
    pools = pytest.importorskip("clickhouse_connect.driver.httputil").all_managers
    before = len(pools)
    with ClickHouseStore(clickhouse_url) as store:
        put(store, 4)
        assert len(pools) == before + 1
    with pytest.raises(StoreError):
        ClickHouseStore("clickhouse://127.0.0.1:1")

    assert len(pools) == before
