"""The database of a ClickHouse store: who makes it, its version and columns, and users' rights."""

import threading
from collections.abc import Callable, Iterator

import pytest
from support.clickhouse_months import (
    JANUARY,
    KEY,
    LABEL,
    check_whole,
    put,
    refuses,
)
from support.clickhouse_server import GRANTED, ClickHouseServer, ask

from rangebar_polars.errors import StoreError
from rangebar_polars.store import (
    ClickHouseStore,
)
from rangebar_polars.store.clickhouse.address import Address
from rangebar_polars.store.clickhouse.tables import SCHEMA_VERSION


def test_a_database_is_created_by_many_clients_at_once(clickhouse_url: str) -> None:
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
    assert ask(clickhouse_url, "SELECT DISTINCT schema FROM store_version") == [(SCHEMA_VERSION,)]


@pytest.mark.parametrize("version", [5, 7])
def test_a_database_of_another_version_is_refused(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, version: int
) -> None:
    ask(clickhouse_url, "TRUNCATE TABLE store_version")
    ask(clickhouse_url, "INSERT INTO store_version SELECT {version:UInt32}", version=version)
    at = Address.parse(clickhouse_url)
    reason = (
        f"it has schema version {version}, expected {SCHEMA_VERSION} (use the version of "
        "rangebar-polars that made it, or another database)"
    )

    with refuses(at.place, f"opening database {at.database}", reason):
        ClickHouseStore(clickhouse_store.address)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "ALTER TABLE bars MODIFY COLUMN open Float32",
            "column open of table bars is Float32, expected Float64",
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
    clickhouse_store: ClickHouseStore, clickhouse_url: str, change: str, reason: str
) -> None:
    ask(clickhouse_url, change)
    at = Address.parse(clickhouse_url)

    with refuses(
        at.place, f"opening database {at.database}", f"{reason} (choose another database)"
    ):
        ClickHouseStore(clickhouse_store.address)


def test_tables_of_somebody_else_are_left_as_they_are(clickhouse_url: str) -> None:
    at = Address.parse(clickhouse_url)
    server, database = clickhouse_url.rsplit("/", 1)
    ask(server, "CREATE DATABASE {name:Identifier}", name=database)
    ask(clickhouse_url, "CREATE TABLE bars (key LowCardinality(String)) ENGINE = Log")
    reason = (
        "column symbol of table bars is absent, expected LowCardinality(String) (choose another "
        "database)"
    )

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
