"""The ClickHouse store: its URLs, its errors, its tables, and what survives whom is killed when.

What it has in common with the other store is tested for both in test_stores.py.
"""

import contextlib
import datetime as dt
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import polars as pl
import pytest
from child import TIMEOUT
from clickhouse_server import GRANTED, PASSWORD, USER, ClickHouseServer, ask
from doors import assert_same
from expectations import says

from rangebar_polars.errors import StoreError
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS
from rangebar_polars.store import (
    BarKey,
    ClickHouseStore,
    Link,
    StoredMonth,
    clickhouse,
    clickhouse_address,
)
from rangebar_polars.store.chain import KEY_SCHEMA
from rangebar_polars.store.clickhouse_address import Address

JANUARY, FEBRUARY = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
KEY = BarKey(
    source="mine", market="spot", symbol="BTC-USD", threshold_decimal_bps=250, origin=JANUARY
)
LABEL = "mine spot BTC-USD range-250-gate-noreset-v1"
ALL = list(BAR_SCHEMA)
NULLABLE = [column.name for column in COLUMNS if column.null_when]
FORM = "clickhouse://user:password@host:port/database"
ENCODE = "(percent-encode / ? # and % in user and password)"


def bars_of(rows: int, seed: int = 0) -> pl.DataFrame:
    """Return bars of which every value follows from its place and the seed, some of them null."""
    place = pl.int_range(rows, dtype=pl.Int64)
    value = place * 1_000_003 + seed
    columns = []
    for name, dtype in BAR_SCHEMA.items():
        column = value % 2 == 0 if dtype == pl.Boolean else value.cast(dtype)
        column = pl.when(place % 5 > 0).then(column) if name in NULLABLE else column
        columns.append(column.alias(name))
    return pl.select(columns)


def month_of(rows: int, seed: int = 0, *, month: dt.date = JANUARY, days: int = 1) -> StoredMonth:
    """Return a month whose links tell how `bars_of` made its bars."""
    links = list[Link]()
    for number in range(days):
        link = Link(
            day=month + dt.timedelta(days=number),
            ticks=f"{rows} {seed}",
            trades=7,
            defects={},
            bars=rows // days + (rows % days if number == days - 1 else 0),
            state=bytes(range(256)),
        )
        links.append(link.sealed(KEY, links[-1] if links else None))
    return StoredMonth(month=month, links=tuple(links))


def put(
    store: ClickHouseStore, rows: int, seed: int = 0, *, month: dt.date = JANUARY
) -> StoredMonth:
    """Write a month, and return it as it was found."""
    store.write(KEY, month_of(rows, seed, month=month), bars_of(rows, seed))
    return store.find(KEY)[month]


def check_whole(store: ClickHouseStore, key: BarKey) -> dict[dt.date, StoredMonth]:
    """Check that every month is read as it was to be written; return what was found."""
    found = store.find(key)
    for month in found.values():
        bars = store.read(key, month, ALL)
        assert bars is not None
        rows, seed = map(int, str(month.links[0].ticks).split())
        assert_same(bars_of(rows, seed), bars)
    return found


@pytest.fixture
def store(clickhouse_url: str) -> Iterator[ClickHouseStore]:
    """Return an empty store."""
    with ClickHouseStore(clickhouse_url) as opened:
        yield opened


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
def test_a_url_is_told_whole(given: str, url: str) -> None:
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
        "clickhouse://jo:secret@db:0",
        "clickhouse://jo:secret@db:65536",
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
    for name in ("clickhouse_connect", "clickhouse_connect.driver"):
        monkeypatch.setitem(sys.modules, name, None)

    remedy = "(pip install 'rangebar-polars[clickhouse]')"
    with says(ModuleNotFoundError, f"bars in ClickHouse need clickhouse-connect {remedy}"):
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


def refuses(place: str | int, doing: str, reason: str) -> pytest.RaisesExc[Exception]:
    """Expect what a store says when it is opened."""
    place = f"127.0.0.1:{place}" if isinstance(place, int) else place
    return says(StoreError, f"ClickHouse at {place}: {doing} failed: {reason}")


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
    monkeypatch.setattr(clickhouse_address, "ANSWER_SECONDS", 1)
    remedy = "(see the server's log, and try again)"

    with (
        listener(lambda _: None) as port,
        refuses(port, "connecting", f"no answer {remedy}"),
    ):
        ClickHouseStore(f"clickhouse://127.0.0.1:{port}")


def test_what_is_no_clickhouse_server_is_told_by_what_it_says() -> None:
    said = "Unexpected response to server version query: '<html>'"

    with (
        listener(lambda _: b"<html>\n") as port,
        refuses(port, "connecting", f"{said} (see the server's log, and try again)"),
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


# The database


def test_a_database_is_made_by_many_clients_at_once(clickhouse_url: str) -> None:
    ready = threading.Barrier(16)
    failed = list[str]()

    def open_it() -> None:
        ready.wait()
        try:
            with ClickHouseStore(clickhouse_url) as store:
                store.keys()
        except StoreError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=open_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert ask(clickhouse_url, "SELECT DISTINCT schema FROM store_version") == [(1,)]


@pytest.mark.parametrize("version", [2, 7])
def test_a_database_of_another_version_is_refused(
    store: ClickHouseStore, clickhouse_url: str, version: int
) -> None:
    ask(clickhouse_url, "INSERT INTO store_version SELECT {version:UInt32}", version=version)
    at = Address.parse(clickhouse_url)
    reason = (
        f"it has schema version {version}, expected 1 (use the version of rangebar-polars that "
        "made it, or another database)"
    )

    with refuses(at.place, f"opening database {at.database}", reason):
        ClickHouseStore(store.address)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "ALTER TABLE bars MODIFY COLUMN ofi Nullable(Float32)",
            "column ofi of table bars is Nullable(Float32), expected Nullable(Float64)",
        ),
        (
            "ALTER TABLE coverage DROP COLUMN links",
            "column links of table coverage is absent, expected String",
        ),
        (
            "ALTER TABLE bars ADD COLUMN note String",
            "column note of table bars is String, expected absent",
        ),
    ],
)
def test_a_database_with_other_columns_is_refused(
    store: ClickHouseStore, clickhouse_url: str, change: str, reason: str
) -> None:
    ask(clickhouse_url, change)
    at = Address.parse(clickhouse_url)

    with refuses(
        at.place, f"opening database {at.database}", f"{reason} (choose another database)"
    ):
        ClickHouseStore(store.address)


def test_tables_of_somebody_else_are_left_as_they_are(clickhouse_url: str) -> None:
    at = Address.parse(clickhouse_url)
    server, database = clickhouse_url.rsplit("/", 1)
    ask(server, "CREATE DATABASE {name:Identifier}", name=database)
    ask(clickhouse_url, "CREATE TABLE bars (key LowCardinality(String)) ENGINE = Log")
    reason = "column batch of table bars is absent, expected UInt64 (choose another database)"

    with refuses(at.place, f"opening database {at.database}", reason):
        ClickHouseStore(clickhouse_url)
    assert ask(clickhouse_url, "SHOW TABLES") == [("bars",)]


def test_a_database_without_tables_gets_them(clickhouse_url: str) -> None:
    server, database = clickhouse_url.rsplit("/", 1)
    ask(server, "CREATE DATABASE {name:Identifier}", name=database)

    with ClickHouseStore(clickhouse_url):
        tables = ask(clickhouse_url, "SHOW TABLES")
    assert tables == [("bars",), ("coverage",), ("current_bars",), ("store_version",)]


@pytest.fixture
def granted(clickhouse_server: ClickHouseServer) -> Iterator[Callable[[str], str]]:
    """Make the database in which users have few rights; return its URL for a user."""
    with ClickHouseStore(clickhouse_server.url(GRANTED)) as store:
        put(store, 5)
    yield lambda user: clickhouse_server.url(GRANTED, user)
    ask(clickhouse_server.url(), "DROP DATABASE {name:Identifier} SYNC", name=GRANTED)


def test_writing_takes_no_right_to_create(granted: Callable[[str], str]) -> None:
    with ClickHouseStore(granted("writer")) as store:
        put(store, 6, 1)
        check_whole(store, KEY)
        store.remove(KEY)
        assert store.keys() == []


@pytest.mark.parametrize("user", ["reader", "guest"])
def test_reading_takes_no_right_to_write(granted: Callable[[str], str], user: str) -> None:
    with ClickHouseStore(granted(user)) as store:
        assert list(check_whole(store, KEY)) == [JANUARY]
        assert store.scan_bars().collect().height == 5


def test_a_right_that_is_missing_is_named(granted: Callable[[str], str]) -> None:
    place = Address.parse(granted("reader")).place
    need = "Not enough privileges. To execute this query, it's necessary to have the grant"

    with ClickHouseStore(granted("reader")) as store:
        reason = f"reader: {need} INSERT ON {GRANTED}.bars (grant it to 'reader')"
        with refuses(place, f"writing 2024-01 of {LABEL}", reason):
            put(store, 6, 1)
        reason = f"reader: {need} ALTER DELETE ON {GRANTED}.coverage (grant it to 'reader')"
        with refuses(place, f"removing {LABEL}", reason):
            store.remove(KEY)
    reason = f"stranger: {need} SELECT(schema) ON {GRANTED}.store_version (grant it to 'stranger')"
    with refuses(place, f"opening database {GRANTED}", reason):
        ClickHouseStore(granted("stranger"))
    reason = f"writer: {need} CREATE DATABASE ON absent.* (grant it to 'writer')"
    with refuses(place, "creating database absent", reason):
        ClickHouseStore(granted("writer").replace(GRANTED, "absent"))


# Months


def test_a_name_may_have_any_characters(store: ClickHouseStore) -> None:
    symbols = [*"'\"\\`%/ \t\né{};?&", "a\\'b", "a%27b", "{key:String}", "'; DROP TABLE bars --"]
    keys = [replace(KEY, source=name, market=name, symbol=name) for name in symbols]
    for seed, key in enumerate(keys):
        store.write(key, month_of(3, seed), bars_of(3, seed))

    stored = store.keys()
    assert {key.symbol for key in stored} == set(symbols)
    for seed, key in enumerate(keys):
        assert check_whole(store, key)[JANUARY].links == month_of(3, seed).links
    shown = ask(store.address, "SELECT DISTINCT source, market, symbol FROM current_bars")
    assert set(shown) == {(name,) * 3 for name in symbols}


def test_extremes_come_back_bit_for_bit(store: ClickHouseStore) -> None:
    integers = [-(2**63), 2**63 - 1, -1, 0, None]
    floats = [5e-324, -0.0, float("inf"), 1.7976931348623157e308, None]
    # The first and the last moment that the server takes.
    times = [dt.datetime(1900, 1, 1), dt.datetime(2299, 12, 31, 23, 59, 59, 999_999)]  # noqa: DTZ001
    times += [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)] * 3  # noqa: DTZ001
    given: dict[Any, list[Any]] = {
        pl.Int64: integers,
        pl.Float64: floats,
        pl.Boolean: [True, False] * 2 + [True],
    }
    columns = []
    for name, dtype in BAR_SCHEMA.items():
        values = pl.Series(name, given.get(type(dtype), times)).cast(dtype)
        columns.append(values if name in NULLABLE else values.fill_null(strategy="forward"))
    bars = pl.DataFrame(columns)
    store.write(KEY, month_of(5), bars)

    got = store.read(KEY, store.find(KEY)[JANUARY], ALL)

    assert got is not None
    assert_same(bars, got)
    signs = [str(value) for value in got["close"]]
    assert signs == ["5e-324", "-0.0", "inf", "1.7976931348623157e+308", "1.7976931348623157e+308"]


def test_a_chain_may_be_older_than_computers(store: ClickHouseStore) -> None:
    first = dt.date(1929, 10, 1)
    key = replace(KEY, origin=first)
    month = month_of(3, month=first)
    store.write(key, month, bars_of(3))

    assert check_whole(store, key)[first].links == month.links
    shown = ask(store.address, "SELECT DISTINCT origin FROM current_bars")
    assert shown == [(first,)]


def test_the_view_shows_what_a_scan_shows(store: ClickHouseStore) -> None:
    put(store, 4)
    put(store, 7, 1)
    columns = [*KEY_SCHEMA, "open", "volume", "ofi", "first_agg_trade_id", "is_complete"]
    query = f"SELECT {', '.join(columns)} FROM current_bars ORDER BY close_time, ordinal"  # noqa: S608

    scanned = store.scan_bars().select(columns).collect().rows()

    assert scanned[0][: len(KEY_SCHEMA)] == tuple(KEY.values.values())
    assert ask(store.address, query) == scanned
    described = [name for name, *_ in ask(store.address, "DESCRIBE current_bars")]
    assert described == [*KEY_SCHEMA, "rule_version", *BAR_SCHEMA, "ordinal"]


def test_bars_that_coverage_does_not_name_are_not_there(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = put(store, 4)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_name", die)
    with pytest.raises(KeyboardInterrupt):
        put(store, 7, 1)

    assert ask(store.address, "SELECT count() FROM bars") == [(11,)]
    assert check_whole(store, KEY) == {JANUARY: old}
    assert ask(store.address, "SELECT count() FROM current_bars") == [(4,)]


def test_what_cannot_be_written_whole_leaves_nothing(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 2)
    insert, pieces = store._insert, iter(range(3))  # noqa: SLF001 - where an error would come from

    def fail_late(*arguments: object) -> None:
        if next(pieces) == 2:
            raise StoreError("gone")
        insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_insert", fail_late)
    with says(StoreError, "gone"):
        put(store, 7)

    assert store.keys() == []
    assert ask(store.address, "SELECT count() FROM bars") == [(0,)]


def test_superseded_bars_are_deleted(store: ClickHouseStore) -> None:
    for seed in range(4):
        put(store, 5 + seed, seed)
    put(store, 3, month=FEBRUARY)

    assert ask(store.address, "SELECT count() FROM bars") == [(8 + 3,)]
    store.remove(KEY)
    assert ask(store.address, "SELECT count() FROM bars") == [(0,)]
    assert ask(store.address, "SELECT count() FROM coverage") == [(0,)]


def test_a_removed_month_does_not_bring_the_one_before_it_back(store: ClickHouseStore) -> None:
    put(store, 4)
    put(store, 7, 1)

    store.remove(KEY)

    assert store.find(KEY) == {}
    assert store.keys() == []


def test_an_insert_that_is_sent_twice_counts_once(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 2)
    client = store._client  # noqa: SLF001 - which repeats what a broken connection leaves open
    insert = client.raw_insert

    def insert_twice(*arguments: object, **options: object) -> None:
        for _ in range(2):
            insert(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "raw_insert", insert_twice)
    put(store, 7)

    check_whole(store, KEY)
    assert ask(store.address, "SELECT count() FROM coverage") == [(1,)]


def test_a_clock_that_is_set_back_does_not_make_the_old_current(store: ClickHouseStore) -> None:
    put(store, 4)
    ask(
        store.address,
        "INSERT INTO coverage (* EXCEPT (previous, version), previous) "
        "SELECT * EXCEPT version, toUInt64(version + 1e18) FROM coverage",
    )

    put(store, 7, 1)

    assert check_whole(store, KEY)[JANUARY].bars == 7
    assert ask(store.address, "SELECT count() FROM bars") == [(7,)]


def test_a_longer_month_that_others_wrote_meanwhile_stays(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = month_of(9, days=3)
    put_bars = store._put_bars  # noqa: SLF001 - the moment between

    def be_late(*arguments: object) -> None:
        put_bars(*arguments)  # type: ignore[arg-type]
        with ClickHouseStore(clickhouse_url) as other:
            other.write(KEY, long, bars_of(9))

    monkeypatch.setattr(store, "_put_bars", be_late)
    store.write(KEY, replace(long, links=long.links[:1]), bars_of(3))

    assert check_whole(store, KEY)[JANUARY].links == long.links
    assert ask(store.address, "SELECT count() FROM bars") == [(9,)]


def test_whoever_was_overtaken_deletes_what_he_wrote_himself(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store._name  # noqa: SLF001 - the moment after

    def be_overtaken(*arguments: object, **options: object) -> None:
        name(*arguments, **options)  # type: ignore[arg-type]
        monkeypatch.undo()
        with ClickHouseStore(clickhouse_url) as other:
            put(other, 9, 1)

    monkeypatch.setattr(store, "_name", be_overtaken)
    store.write(KEY, month_of(7), bars_of(7))

    assert check_whole(store, KEY)[JANUARY].bars == 9
    assert ask(store.address, "SELECT count() FROM bars") == [(9,)]


def test_bars_that_are_removed_while_they_are_written_are_not_named(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bars = store._put_bars  # noqa: SLF001 - the moment between

    def be_late(*arguments: object) -> None:
        put_bars(*arguments)  # type: ignore[arg-type]
        with ClickHouseStore(clickhouse_url) as other:
            other.remove(KEY)

    monkeypatch.setattr(store, "_put_bars", be_late)
    reason = "0 of 7 bars are there (the chain was removed meanwhile: write it again)"
    with refuses(Address.parse(clickhouse_url).place, f"writing 2024-01 of {LABEL}", reason):
        put(store, 7)

    assert store.find(KEY) == {}


def test_bars_that_are_named_while_their_chain_is_removed_go_with_it(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, 4)
    run = store._run  # noqa: SLF001 - the moment between

    def be_late(*arguments: object, **parameters: object) -> None:
        if parameters["table"] == "bars":
            with ClickHouseStore(clickhouse_url) as other:
                put(other, 7, 1)
        run(*arguments, **parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_run", be_late)
    store.remove(KEY)

    assert store.find(KEY) == {}
    assert ask(store.address, "SELECT count() FROM bars") == [(0,)]


def test_damaged_bars_are_told_and_not_given(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "LOOKS", (0.0,))
    found = put(store, 4)
    ask(store.address, "DELETE FROM bars WHERE ordinal = 2")
    reason = "it has 3 bars, expected 4 (remove the chain, and its bars are computed again)"

    with refuses(Address.parse(store.url).place, f"reading 2024-01 of {LABEL}", reason):
        store.read(KEY, found, ["open"])


def test_bars_that_go_with_their_chain_are_not_called_damaged(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = put(store, 4)
    ask(store.address, "DELETE FROM bars WHERE 1")
    monkeypatch.setattr("time.sleep", lambda _: store.remove(KEY))

    assert store.read(KEY, found, ["open"]) is None


def test_links_that_cannot_be_read_are_told_and_replaced(store: ClickHouseStore) -> None:
    put(store, 4)
    ask(
        store.address,
        "ALTER TABLE coverage UPDATE links = '[2, 0, 0]' WHERE 1 SETTINGS mutations_sync = 1",
    )
    reason = "version 2, expected 1 (remove the chain, and its bars are computed again)"

    with refuses(Address.parse(store.url).place, f"reading 2024-01 of {LABEL}", reason):
        store.find(KEY)

    put(store, 5, 1)
    assert check_whole(store, KEY)[JANUARY].bars == 5


# Many at once


def test_sixteen_writers_neither_double_nor_lose_a_bar(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    keys = [replace(KEY, threshold_decimal_bps=bps) for bps in (250, 500)]
    failed = list[str]()

    def write(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - not a secret
        own = ClickHouseStore(clickhouse_url) if number % 2 else store
        try:
            for _ in range(2):
                rows, seed = chance.randrange(200), chance.randrange(1000)
                month = chance.choice([JANUARY, FEBRUARY])
                own.write(
                    chance.choice(keys), month_of(rows, seed, month=month), bars_of(rows, seed)
                )
        except StoreError as error:
            failed.append(str(error))
        finally:
            own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sorted(store.keys(), key=lambda key: key.threshold_decimal_bps) == keys
    expected = 0
    for key in keys:
        found = check_whole(store, key)
        assert list(found) == [JANUARY, FEBRUARY]
        expected += sum(month.bars for month in found.values())
    assert ask(store.address, "SELECT count() FROM current_bars") == [(expected,)]


def test_a_reader_gets_a_whole_version_or_none(
    store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    versions = set[int]()
    ended = threading.Event()

    def look() -> None:
        with ClickHouseStore(clickhouse_url) as own:
            while not ended.is_set():
                for month in own.find(KEY).values():
                    bars = own.read(KEY, month, ALL)
                    if bars is not None:
                        rows, seed = map(int, str(month.links[0].ticks).split())
                        assert_same(bars_of(rows, seed), bars)
                        versions.add(seed)

    put(store, 300)
    failed = list[BaseException]()
    threads = [threading.Thread(target=catching(look, failed)) for _ in range(2)]
    for thread in threads:
        thread.start()
    seeds = iter(range(1, 100))
    while len(versions) < 4 and not failed:
        seed = next(seeds)
        put(store, 200 + seed, seed)
    ended.set()
    for thread in threads:
        thread.join()

    assert failed == []


def catching(act: Callable[[], None], caught: list[BaseException]) -> Callable[[], None]:
    """Return what keeps what an act in another thread raises."""

    def acting() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            caught.append(error)

    return acting


# Whoever is killed


def test_a_server_killed_in_an_insert_has_the_old_month(
    own_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 3_000_000
    bars, month = bars_of(rows, 1), month_of(rows, 1)
    store = ClickHouseStore(own_server.url("b"))
    old = put(store, 4)
    begun = threading.Event()
    insert, pieces = store._insert, iter(range(6))  # noqa: SLF001 - tells how far it is

    def tell(*arguments: object) -> None:
        if next(pieces) == 2:
            begun.set()
        insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_insert", tell)
    failed = list[BaseException]()
    writer = threading.Thread(target=catching(lambda: store.write(KEY, month, bars), failed))
    writer.start()
    begun.wait(TIMEOUT)
    # Some way into the insert.
    writer.join(0.2)
    own_server.kill()
    writer.join()
    own_server.start()
    monkeypatch.undo()

    assert [type(error) for error in failed] == [StoreError]
    assert check_whole(store, KEY) == {JANUARY: old}
    put(store, 100_000, 2)
    assert check_whole(store, KEY)[JANUARY].bars == 100_000
    store.close()


def test_whenever_a_server_is_killed_it_has_whole_months(
    own_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    chance = random.Random(0)  # noqa: S311 - not a secret
    store = ClickHouseStore(own_server.url("b"))
    seeds, wrote = iter(range(10**6)), threading.Semaphore(0)

    def write() -> None:
        for seed in seeds:
            put(store, 300 + seed % 100, seed)
            wrote.release()

    for _ in range(3):
        failed = list[BaseException]()
        writer = threading.Thread(target=catching(write, failed))
        writer.start()
        assert wrote.acquire(timeout=TIMEOUT)
        writer.join(chance.random() / 4)
        own_server.kill()
        writer.join()
        own_server.start()

        assert [type(error) for error in failed] == [StoreError]
        assert list(check_whole(store, KEY)) == [JANUARY]
    store.close()


ENDLESS_WRITERS = """
import os, random, signal, sys
sys.path.insert(0, TESTS)
from test_clickhouse import *

# Forked before Polars has threads, which a fork does not take along.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
clickhouse.INSERT_ROWS = 500
for line in sys.stdin:
    if pid := os.fork():
        print(pid, flush=True)
        continue
    chance = random.Random(int(line))
    store = ClickHouseStore(URL)
    while True:
        rows, seed = chance.randrange(2000), chance.randrange(10**6)
        month = month_of(rows, seed, month=chance.choice([JANUARY, FEBRUARY]))
        store.write(KEY, month, bars_of(rows, seed))
"""


class Writers:
    """Processes that write until they are killed; a context manager."""

    def __init__(self, url: str) -> None:
        code = ENDLESS_WRITERS.replace("TESTS", repr(str(Path(__file__).parent)))
        self._nursery = subprocess.Popen(  # noqa: S603 - the tests' own code
            [sys.executable, "-c", code.replace("URL", repr(url), 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._number = 0
        self.alive = list[int]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self.alive:
            self.kill()
        with self._nursery:
            pass

    def start(self) -> None:
        """Start one more."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(f"{self._number}\n")
        self._nursery.stdin.flush()
        self._number += 1
        self.alive.append(int(self._nursery.stdout.readline()))

    def kill(self) -> None:
        """Kill the last; one that ended by itself is an error."""
        os.kill(self.alive.pop(), signal.SIGKILL)


def test_whenever_a_writer_is_killed_every_month_is_whole(store: ClickHouseStore) -> None:
    chance = random.Random(0)  # noqa: S311 - not a secret
    pause = threading.Event().wait
    seen = set[str]()
    with Writers(store.address) as writers:
        for _ in range(10):
            for _ in range(3):
                writers.start()
            # One of them perhaps before it has begun, the others in the middle of their work.
            pause(chance.random() / 5)
            writers.kill()
            for _ in range(TIMEOUT * 100):
                written = {month.token for month in store.find(KEY).values()}
                if not written <= seen:
                    break
                pause(0.01)
            else:
                pytest.fail("nothing is written")
            seen |= written
            while writers.alive:
                pause(chance.random() / 10)
                writers.kill()

            check_whole(store, KEY)
    rows = sum(month.bars for month in check_whole(store, KEY).values())
    assert ask(store.address, "SELECT count() FROM current_bars") == [(rows,)]
