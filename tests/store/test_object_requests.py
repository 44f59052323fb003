"""How many requests a store in a bucket makes: they are what it costs."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.object_server import ObjectServer, bucket_of, sizes_of
from support.subprocesses import run

from rangebar_polars._objects.parquet_end import TAIL_BYTES
from rangebar_polars._series import Series
from rangebar_polars.store import BarKey, Link, ObjectStore, ParquetStore, StoredMonth
from rangebar_polars.testing.stores import ALL, FEBRUARY, JANUARY, KEY, bars_of, month_of

BARS = bars_of(10)
MONTH = month_of(BARS)
ETH = replace(KEY, series=Series("mine", "um", "ETH-USD"))


@pytest.fixture
def objects(objects_url: str) -> ObjectStore:
    return ObjectStore(objects_url)


def february() -> StoredMonth:
    """Return the month after `MONTH`."""
    link = replace(MONTH.links[0], day=FEBRUARY, bar_count=BARS.height)
    return replace(MONTH, month=FEBRUARY, links=(link,))


def test_each_call_makes_as_few_requests_as_it_can(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    def requests(call: Callable[[], Any]) -> list[str]:
        with object_server.counted() as kinds:
            call()
        return kinds

    assert requests(lambda: ObjectStore(objects.url)) == []
    assert requests(lambda: objects.write(KEY, MONTH, BARS)) == ["GET", "PUT"]
    assert requests(lambda: objects.write(KEY, MONTH, BARS)) == ["GET"]
    assert requests(lambda: objects.write(KEY, february(), BARS)) == ["GET", "PUT"]
    assert requests(lambda: objects.find(KEY, [JANUARY])) == ["GET"]
    assert requests(lambda: objects.find(KEY)) == ["LIST", "GET", "GET"]
    assert requests(objects.keys) == ["LIST"]
    assert requests(lambda: objects.siblings(KEY)) == ["LIST"]
    found = objects.find(KEY)[JANUARY]
    assert requests(lambda: objects.read(KEY, found, ALL)) == ["GET"]
    # February does not continue January here, so its bars are not read.
    scanned = ["LIST", "LIST", "GET", "GET", "GET"]
    assert requests(lambda: objects.scan_bars().collect()) == scanned
    assert requests(lambda: objects.remove(KEY)) == ["LIST", "POST"]
    assert objects.keys() == []


def test_a_symbol_is_looked_for_by_folders(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    for key in (KEY, ETH):
        objects.write(key, month_of(BARS, key=key), BARS)
    start = len(object_server.requests)
    cases: list[tuple[dict[str, object], int]] = [
        ({"source": "mine", "market": "um", "symbol": "ETH-USD"}, 1),
        ({"source": "mine"}, 1),
        # The markets of the source, and the symbol in each.
        ({"source": "mine", "symbol": "ETH-USD"}, 3),
        # The sources, their markets, and the symbol in each.
        ({"symbol": "ETH-USD"}, 4),
        ({"threshold_decimal_bps": 30}, 1),
    ]

    for wanted, lists in cases:
        with object_server.counted() as kinds:
            found = objects.keys_of(wanted)
        assert kinds == ["LIST"] * lists
        assert found == [key for key in (KEY, ETH) if wanted.items() <= key.values.items()]
    listed = "".join(object_server.requests[start:])
    assert "symbol%3DETH-USD" in listed


def test_links_that_are_longer_than_the_end_take_another_request(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    # States are stored in the links: these have more bytes than are read at first.
    state = bytes(range(256)) * (TAIL_BYTES // 256)
    links = list[Link]()
    for link in MONTH.links:
        long = replace(link, state=state)
        links.append(long.sealed(KEY, links[-1] if links else None))
    long_month = replace(MONTH, links=tuple(links))
    objects.write(KEY, long_month, BARS)

    with object_server.counted() as kinds:
        (found,) = objects.find(KEY, [JANUARY]).values()

    assert found.links == long_month.links
    assert kinds == ["GET", "GET"]


def test_objects_are_the_files_of_a_folder(objects: ObjectStore, tmp_path: Path) -> None:
    folder = ParquetStore(tmp_path)
    odd = replace(KEY, series=Series("mine", "spot", "BTC/USD ä'%"))
    for store in (objects, folder):
        for key in (KEY, odd):
            store.write(key, month_of(BARS, key=key), BARS)

    files = {
        path.relative_to(tmp_path).as_posix(): path.stat().st_size
        for path in tmp_path.rglob("*.parquet")
    }
    assert sizes_of(objects.url) == files
    assert {*objects.keys()} == {*folder.keys()} == {KEY, odd}
    assert isinstance(objects.keys()[0], BarKey)
    assert objects.find(KEY)[JANUARY].size == files[f"bars/{KEY.path}/2024-01.parquet"]


def test_objects_that_are_no_months_are_left_alone(objects: ObjectStore) -> None:
    objects.write(KEY, MONTH, BARS)
    bucket = bucket_of(objects.url)
    foreign = ["README.md", f"bars/{KEY.path}/notes.txt", f"bars/{KEY.path}/deeper/2024-02.parquet"]
    for name in foreign:
        bucket.put(name, b"mine")

    assert objects.keys() == [KEY]
    assert [*objects.find(KEY)] == [JANUARY]
    assert objects.find(KEY, [dt.date(2024, 3, 1)]) == {}
    objects.remove(KEY)

    assert sorted(sizes_of(objects.url)) == sorted(foreign)


def test_where_ranges_count_from_the_beginning_the_size_is_asked_first(
    objects: ObjectStore, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on Azure, which cannot run here.
    bucket = objects._bucket  # noqa: SLF001 - below the store
    monkeypatch.setattr(bucket, "_at", replace(bucket._at, scheme="az"))  # noqa: SLF001
    assert objects.find(KEY, [JANUARY]) == {}
    objects.write(KEY, MONTH, BARS)

    with object_server.counted() as kinds:
        (found,) = objects.find(KEY, [JANUARY]).values()

    assert kinds == ["HEAD", "GET"]
    assert found.links == MONTH.links
    got = objects.read(KEY, found, ALL)
    assert got is not None
    assert got.equals(BARS)


FORKED = """
import os
import rangebar_polars as rb

store = rb.open_store(URL)
if USED:
    store.keys()
child = os.fork()
if child == 0:
    try:
        print(store.keys(), rb.cache_status(store=URL, cache_dir=URL).height, flush=True)
    except rb.RangeBarError as error:
        print(error, flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
"""


def test_a_child_that_was_forked_after_a_request_makes_none(objects_url: str) -> None:
    used = f"URL, USED = {objects_url!r}, True\n{FORKED}"

    assert run(used) == (
        "this process was forked after its parent had asked a bucket, and would wait for ever for "
        "threads that a fork does not copy (start it by "
        'multiprocessing.get_context("spawn") or "forkserver", or ask no bucket before)\n'
    )
    assert run(used.replace("True", "False", 1)) == "[] 0\n"
