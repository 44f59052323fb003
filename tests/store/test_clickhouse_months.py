"""The months of a ClickHouse store: what is in the tables, and who writes and removes it at once.

What it has in common with the other store is tested for both in test_stores.py.
"""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.clickhouse_months import (
    ALL,
    FEBRUARY,
    JANUARY,
    KEY,
    LABEL,
    NULLABLE,
    bars_of,
    check_whole,
    month_of,
    put,
    refuses,
)
from support.clickhouse_server import ask
from support.entry_points import assert_same

from rangebar_polars._series import Series
from rangebar_polars.errors import StoreError
from rangebar_polars.schema import CHAIN_STATISTICS, STORED_SCHEMA, stored_schema
from rangebar_polars.store import (
    ClickHouseStore,
)
from rangebar_polars.store.bar_key import KEY_SCHEMA
from rangebar_polars.store.clickhouse import store as clickhouse
from rangebar_polars.store.clickhouse.address import Address


def test_a_name_may_have_any_characters(clickhouse_store: ClickHouseStore) -> None:
    symbols = [*"'\"\\`%/ \t\né{};?&", "a\\'b", "a%27b", "{key:String}", "'; DROP TABLE bars --"]
    keys = [replace(KEY, series=Series(name, name, name)) for name in symbols]
    for seed, key in enumerate(keys):
        clickhouse_store.write(key, month_of(3, seed), bars_of(3, seed))

    stored = clickhouse_store.keys()
    assert {key.series.symbol for key in stored} == set(symbols)
    for seed, key in enumerate(keys):
        assert check_whole(clickhouse_store, key)[JANUARY].links == month_of(3, seed).links
    shown = ask(
        clickhouse_store.address, "SELECT DISTINCT source, market, symbol FROM current_bars"
    )
    assert set(shown) == {(name,) * 3 for name in symbols}


def test_extremes_come_back_bit_for_bit(clickhouse_store: ClickHouseStore) -> None:
    integers = [-(2**63), 2**63 - 1, -1, 0, None]
    floats = [5e-324, -0.0, float("inf"), 1.7976931348623157e308, None]
    most = "9" * 38
    units = [most, f"-{most}", "1", "0", None]
    # The first and the last moment that the server takes.
    times = [dt.datetime(1900, 1, 1), dt.datetime(2299, 12, 31, 23, 59, 59, 999_999)]  # noqa: DTZ001
    times += [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)] * 3  # noqa: DTZ001
    given: dict[Any, list[Any]] = {
        pl.Int64: integers,
        pl.Float64: floats,
        pl.Boolean: [True, False] * 2 + [True],
    }
    columns = []
    for name, dtype in STORED_SCHEMA.items():
        if isinstance(dtype, pl.Decimal):
            sums = [each and Decimal(f"{each}e-{dtype.scale}") for each in units]
            values = pl.Series(name, sums, dtype)
        else:
            values = pl.Series(name, given.get(type(dtype), times)).cast(dtype)
        columns.append(values if name in NULLABLE else values.fill_null(strategy="forward"))
    bars = pl.DataFrame(columns)
    clickhouse_store.write(KEY, month_of(5), bars)

    got = clickhouse_store.read(KEY, clickhouse_store.find(KEY)[JANUARY], ALL)

    assert got is not None
    assert_same(bars, got)
    signs = [str(value) for value in got["close"]]
    assert signs == ["5e-324", "-0.0", "inf", "1.7976931348623157e+308", "1.7976931348623157e+308"]


def test_a_chain_may_be_older_than_computers(clickhouse_store: ClickHouseStore) -> None:
    first = dt.date(1929, 10, 1)
    key = replace(KEY, origin=first)
    month = month_of(3, month=first)
    clickhouse_store.write(key, month, bars_of(3))

    assert check_whole(clickhouse_store, key)[first].links == month.links
    shown = ask(clickhouse_store.address, "SELECT DISTINCT origin FROM current_bars")
    assert shown == [(first,)]


def test_the_view_shows_what_a_scan_shows(clickhouse_store: ClickHouseStore) -> None:
    put(clickhouse_store, 4)
    put(clickhouse_store, 7, 1)
    columns = [*KEY_SCHEMA, "open", "buy_trade_count", "first_agg_trade_id", "is_complete"]
    query = f"SELECT {', '.join(columns)} FROM current_bars ORDER BY close_time, ordinal"  # noqa: S608

    scanned = clickhouse_store.scan_bars().select(columns).collect().rows()

    assert scanned[0][: len(KEY_SCHEMA)] == tuple(KEY.values.values())
    assert ask(clickhouse_store.address, query) == scanned
    described = [name for name, *_ in ask(clickhouse_store.address, "DESCRIBE current_bars")]
    of_bars = stored_schema(CHAIN_STATISTICS)
    assert described == [*KEY_SCHEMA, "rule_version", *of_bars, "ordinal"]


def test_bars_that_coverage_does_not_name_are_not_there(
    clickhouse_store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = put(clickhouse_store, 4)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clickhouse_store, "_name", die)
    with pytest.raises(KeyboardInterrupt):
        put(clickhouse_store, 7, 1)

    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(11,)]
    assert check_whole(clickhouse_store, KEY) == {JANUARY: old}
    assert ask(clickhouse_store.address, "SELECT count() FROM current_bars") == [(4,)]


def test_what_cannot_be_written_whole_leaves_nothing(
    clickhouse_store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 2)
    insert, pieces = clickhouse_store._insert, iter(range(3))  # noqa: SLF001 - where an error would come from

    def fail_late(*arguments: object) -> None:
        if next(pieces) == 2:
            raise StoreError("gone")
        insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(clickhouse_store, "_insert", fail_late)
    with says(StoreError, "gone"):
        put(clickhouse_store, 7)

    assert clickhouse_store.keys() == []
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(0,)]


def test_superseded_bars_are_deleted(clickhouse_store: ClickHouseStore) -> None:
    for seed in range(4):
        put(clickhouse_store, 5 + seed, seed)
    put(clickhouse_store, 3, month=FEBRUARY)

    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(8 + 3,)]
    clickhouse_store.remove(KEY)
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(0,)]
    assert ask(clickhouse_store.address, "SELECT count() FROM coverage") == [(0,)]


def test_a_removed_month_does_not_bring_the_one_before_it_back(
    clickhouse_store: ClickHouseStore,
) -> None:
    put(clickhouse_store, 4)
    put(clickhouse_store, 7, 1)

    clickhouse_store.remove(KEY)

    assert clickhouse_store.find(KEY) == {}
    assert clickhouse_store.keys() == []


def test_an_insert_that_is_sent_twice_counts_once(
    clickhouse_store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 2)
    client = clickhouse_store._client  # noqa: SLF001 - which repeats what a broken connection leaves open
    insert = client.raw_insert

    def insert_twice(*arguments: object, **options: object) -> None:
        for _ in range(2):
            insert(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "raw_insert", insert_twice)
    put(clickhouse_store, 7)

    check_whole(clickhouse_store, KEY)
    assert ask(clickhouse_store.address, "SELECT count() FROM coverage") == [(1,)]


def test_a_clock_that_is_set_back_does_not_make_the_old_current(
    clickhouse_store: ClickHouseStore,
) -> None:
    put(clickhouse_store, 4)
    ask(
        clickhouse_store.address,
        "INSERT INTO coverage (* EXCEPT (previous, version), previous) "
        "SELECT * EXCEPT version, toUInt64(version + 1e18) FROM coverage",
    )

    put(clickhouse_store, 7, 1)

    assert check_whole(clickhouse_store, KEY)[JANUARY].bar_count == 7
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(7,)]


def test_a_longer_month_that_others_wrote_meanwhile_stays(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = month_of(9, days=3)
    put_bars = clickhouse_store._put_bars  # noqa: SLF001 - the moment between

    def be_late(*arguments: object) -> None:
        put_bars(*arguments)  # type: ignore[arg-type]
        with ClickHouseStore(clickhouse_url) as other:
            other.write(KEY, long, bars_of(9))

    monkeypatch.setattr(clickhouse_store, "_put_bars", be_late)
    clickhouse_store.write(KEY, replace(long, links=long.links[:1]), bars_of(3))

    assert check_whole(clickhouse_store, KEY)[JANUARY].links == long.links
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(9,)]


def test_a_writer_that_was_overtaken_deletes_what_it_wrote(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = clickhouse_store._name  # noqa: SLF001 - the moment after

    def be_overtaken(*arguments: object, **options: object) -> None:
        name(*arguments, **options)  # type: ignore[arg-type]
        monkeypatch.undo()
        with ClickHouseStore(clickhouse_url) as other:
            put(other, 9, 1)

    monkeypatch.setattr(clickhouse_store, "_name", be_overtaken)
    clickhouse_store.write(KEY, month_of(7), bars_of(7))

    assert check_whole(clickhouse_store, KEY)[JANUARY].bar_count == 9
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(9,)]


def test_bars_that_are_removed_while_they_are_written_are_not_named(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_bars = clickhouse_store._put_bars  # noqa: SLF001 - the moment between

    def be_late(*arguments: object) -> None:
        put_bars(*arguments)  # type: ignore[arg-type]
        with ClickHouseStore(clickhouse_url) as other:
            other.remove(KEY)

    monkeypatch.setattr(clickhouse_store, "_put_bars", be_late)
    reason = "0 of 7 bars are there (the chain was removed meanwhile: write it again)"
    with refuses(Address.parse(clickhouse_url).place, f"writing 2024-01 of {LABEL}", reason):
        put(clickhouse_store, 7)

    assert clickhouse_store.find(KEY) == {}


def test_bars_that_are_named_while_their_chain_is_removed_go_with_it(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(clickhouse_store, 4)
    run = clickhouse_store._run  # noqa: SLF001 - the moment between

    def be_late(*arguments: object, **parameters: object) -> None:
        if parameters["table"] == "bars":
            with ClickHouseStore(clickhouse_url) as other:
                put(other, 7, 1)
        run(*arguments, **parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(clickhouse_store, "_run", be_late)
    clickhouse_store.remove(KEY)

    assert clickhouse_store.find(KEY) == {}
    assert ask(clickhouse_store.address, "SELECT count() FROM bars") == [(0,)]


def test_damaged_bars_are_reported_and_not_returned(
    clickhouse_store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "LOOKS", (0.0,))
    found = put(clickhouse_store, 4)
    ask(clickhouse_store.address, "DELETE FROM bars WHERE ordinal = 2")
    reason = "it has 3 bars, expected 4 (remove the chain, and its bars are computed again)"

    with refuses(Address.parse(clickhouse_store.url).place, f"reading 2024-01 of {LABEL}", reason):
        clickhouse_store.read(KEY, found, ["open"])


def test_bars_that_go_with_their_chain_are_not_called_damaged(
    clickhouse_store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = put(clickhouse_store, 4)
    ask(clickhouse_store.address, "DELETE FROM bars WHERE 1")
    monkeypatch.setattr("time.sleep", lambda _: clickhouse_store.remove(KEY))

    assert clickhouse_store.read(KEY, found, ["open"]) is None


def test_links_that_cannot_be_read_are_reported_and_replaced(
    clickhouse_store: ClickHouseStore,
) -> None:
    put(clickhouse_store, 4)
    ask(
        clickhouse_store.address,
        "ALTER TABLE coverage UPDATE links = '[1, 0, 0]' WHERE 1 SETTINGS mutations_sync = 1",
    )
    reason = "version 1, expected 2 (remove the chain, and its bars are computed again)"

    with refuses(Address.parse(clickhouse_store.url).place, f"reading 2024-01 of {LABEL}", reason):
        clickhouse_store.find(KEY)

    put(clickhouse_store, 5, 1)
    assert check_whole(clickhouse_store, KEY)[JANUARY].bar_count == 5


def test_bars_that_were_changed_on_the_server_are_not_returned(
    clickhouse_store: ClickHouseStore,
) -> None:
    found = put(clickhouse_store, 4)
    change = "ALTER TABLE bars UPDATE close = close * 2 WHERE ordinal = 3"
    ask(clickhouse_store.address, f"{change} SETTINGS mutations_sync = 1")

    with refuses(
        Address.parse(clickhouse_store.url).place,
        f"reading 2024-01 of {LABEL}",
        "column close has other values than were written (remove the chain, and its bars are "
        "computed again)",
    ):
        clickhouse_store.read(KEY, found, ["open", "close"])
    untouched = clickhouse_store.read(KEY, found, ["open"])
    assert untouched is not None
    assert_same(bars_of(4).select("open"), untouched)
