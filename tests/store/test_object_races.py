"""Writers and readers of one object at once, and a server that fails in between."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from threading import Barrier

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from support.object_server import Answer, ObjectServer, bucket_of, refusal, sizes_of

from rangebar_polars._objects import bucket as buckets
from rangebar_polars._objects.bucket import ATTEMPTS
from rangebar_polars.errors import StoreError
from rangebar_polars.store import ObjectStore, StoredMonth
from rangebar_polars.testing.stores import ALL, JANUARY, KEY, bars_of, month_of

NAME = f"bars/{KEY.path}/2024-01.parquet"
OLD, NEW = bars_of(10), bars_of(12, seed=1)


@pytest.fixture
def objects(objects_url: str) -> ObjectStore:
    return ObjectStore(objects_url)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a server at once."""
    monkeypatch.setattr(buckets, "RETRIES", 0)


def stored(objects: ObjectStore) -> pl.DataFrame:
    """Return the bars that are there."""
    (found,) = objects.find(KEY, [JANUARY]).values()
    bars = objects.read(KEY, found, ALL)
    assert bars is not None
    return bars


def first_days(month: StoredMonth, count: int) -> StoredMonth:
    """Return a month without its last days."""
    return replace(month, links=month.links[:count])


def test_a_writer_that_loses_looks_again_and_keeps_the_longer_month(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    month = month_of(OLD)
    short = first_days(month, 1)
    written = list[str]()

    def longer_first(method: str, _: str) -> None:
        if method == "PUT" and not written:
            written.append(method)
            # Another writer, between the look and the write of this one.
            ObjectStore(objects.url).write(KEY, month, OLD)

    with object_server.counted() as kinds, object_server.disturbed(longer_first):
        objects.write(KEY, short, month.of_days(OLD, [short.links[0].day]))

    # The second PUT finds that it has lost, and the look after it that all of its days are there.
    assert kinds == ["GET", "PUT", "GET", "PUT", "GET"]
    assert objects.find(KEY)[JANUARY].links == month.links
    assert_frame_equal(OLD, stored(objects), check_exact=True)


def test_a_writer_that_loses_replaces_the_version_that_it_then_finds(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    newest, other = bars_of(14, seed=2), list[str]()

    def other_first(method: str, _: str) -> None:
        if method == "PUT" and not other:
            other.append(method)
            ObjectStore(objects.url).write(KEY, month_of(NEW), NEW)

    with object_server.disturbed(other_first):
        objects.write(KEY, month_of(newest), newest)

    assert_frame_equal(newest, stored(objects), check_exact=True)


def test_a_writer_whose_month_is_removed_meanwhile_creates_it(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    removed = list[str]()

    def remove_first(method: str, _: str) -> None:
        if method == "PUT" and not removed:
            removed.append(method)
            ObjectStore(objects.url).remove(KEY)

    with object_server.disturbed(remove_first):
        objects.write(KEY, month_of(NEW), NEW)

    assert_frame_equal(NEW, stored(objects), check_exact=True)


def test_of_many_conditional_writes_at_once_one_wins(objects: ObjectStore) -> None:
    barrier, bucket = Barrier(6), objects._bucket  # noqa: SLF001 - below the store's own look
    # The ETag is of the bytes, so equal bytes would be one version.
    numbers = count()
    bucket.put(NAME, b"first", None)

    def put(_: int) -> bool:
        seen = bucket.tail(NAME, 10)
        barrier.wait()
        return bucket.put(NAME, str(next(numbers)).encode(), seen)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(10):
            assert sum(pool.map(put, range(6))) == 1


def test_a_reader_never_gets_another_version(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    (before,) = objects.find(KEY).values()
    replaced = list[str]()

    def replace_first(method: str, _: str) -> None:
        if method == "GET" and not replaced:
            replaced.append(method)
            ObjectStore(objects.url).write(KEY, month_of(NEW), NEW)

    with object_server.disturbed(replace_first):
        assert objects.read(KEY, before, ALL) is None

    assert_frame_equal(NEW, stored(objects), check_exact=True)


def test_a_server_that_ignores_the_condition_of_a_read_is_seen_through(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    (before,) = objects.find(KEY).values()
    objects.write(KEY, month_of(NEW), NEW)
    data = bytes(bucket_of(objects.url).get(NAME).bytes())
    headers = [
        ("ETag", '"another"'),
        ("Last-Modified", "Thu, 08 Aug 2024 00:00:00 GMT"),
        ("Content-Length", str(len(data))),
    ]

    with object_server.disturbed(lambda *_: ("200 OK", headers, data)):
        assert objects.read(KEY, before, ALL) is None


def test_a_write_that_the_server_refuses_changes_nothing(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)

    def failing(method: str, _: str) -> Answer | None:
        return refusal("500 Internal Server Error", "InternalError") if method == "PUT" else None

    with object_server.disturbed(failing), pytest.raises(StoreError) as caught:
        ObjectStore(objects.url).write(KEY, month_of(NEW), NEW)

    assert str(caught.value) == (
        f"writing {objects.url}/{NAME} failed: as the test wants (InternalError) (see whether "
        "the server is up, and try again)"
    )
    assert_frame_equal(OLD, stored(objects), check_exact=True)
    assert [*sizes_of(objects.url)] == [NAME]


def test_a_server_that_fails_once_is_asked_again(
    objects_url: str, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "RETRIES", 3)
    objects, failed = ObjectStore(objects_url), set[str]()

    def once(method: str, _: str) -> Answer | None:
        if method in failed:
            return None
        failed.add(method)
        return refusal("503 Slow Down", "SlowDown")

    with object_server.disturbed(once):
        objects.write(KEY, month_of(OLD), OLD)

    assert failed == {"GET", "PUT"}
    assert_frame_equal(OLD, stored(objects), check_exact=True)


def test_a_server_that_says_for_ever_that_another_won_is_given_up(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    def lost(method: str, _: str) -> Answer | None:
        is_put = method == "PUT"
        return refusal("412 Precondition Failed", "PreconditionFailed") if is_put else None

    message = (
        f"writing {objects.url}/{NAME} failed: each of {ATTEMPTS} times the server reported that "
        "another version is there (let other writers end, and try again)"
    )
    with (
        object_server.disturbed(lost),
        pytest.raises(StoreError, match=f"^{re.escape(message)}$"),
    ):
        objects.write(KEY, month_of(OLD), OLD)


@pytest.mark.parametrize("keep", [4, 100, -1])
def test_half_an_object_is_damaged_and_is_replaced(objects: ObjectStore, keep: int) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    bucket = bucket_of(objects.url)
    bucket.put(NAME, bytes(bucket.get(NAME).bytes())[:keep])

    with pytest.raises(StoreError) as caught:
        objects.find(KEY)
    assert str(caught.value).startswith(f"{objects.url}/{NAME} cannot be read: ")
    assert str(caught.value).endswith("(delete it, and its bars are computed again)")

    objects.write(KEY, month_of(NEW), NEW)
    assert_frame_equal(NEW, stored(objects), check_exact=True)


def test_bars_that_were_changed_are_damaged(objects: ObjectStore) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    bucket = bucket_of(objects.url)
    data = bytearray(bucket.get(NAME).bytes())
    # In the pages of the first column; what the file says of itself is at its end.
    data[12:40] = bytes(28)
    bucket.put(NAME, bytes(data))

    (found,) = objects.find(KEY).values()
    with pytest.raises(StoreError, match=r"cannot be read|is damaged"):
        objects.read(KEY, found, ALL)


def test_an_object_of_another_chain_is_refused(objects: ObjectStore) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    other = replace(KEY, origin=None, reset="day")
    bucket = bucket_of(objects.url)
    bucket.copy(NAME, f"bars/{other.path}/2024-01.parquet")

    with pytest.raises(StoreError, match=f"holds bars of {re.escape(KEY.path)}"):
        objects.find(other)


def test_a_write_whose_answer_is_lost_is_found_by_the_next_look(
    objects_url: str, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "RETRIES", 3)
    objects, lost = ObjectStore(objects_url), list[str]()

    def lose_one(method: str, _: str) -> Answer | None:
        if method != "PUT" or lost:
            return None
        lost.append(method)
        ObjectStore(objects_url).write(KEY, month_of(OLD), OLD)
        return refusal("500 Internal Server Error", "InternalError")

    with object_server.counted() as kinds, object_server.disturbed(lose_one):
        objects.write(KEY, month_of(OLD), OLD)

    # Inside of the first PUT: what really arrived. Then the PUT again, and the look.
    assert kinds == ["GET", "PUT", "GET", "PUT", "PUT", "GET"]
    assert_frame_equal(OLD, stored(objects), check_exact=True)


def test_an_answer_that_ends_early_is_an_error(
    objects: ObjectStore, object_server: ObjectServer
) -> None:
    objects.write(KEY, month_of(OLD), OLD)
    (found,) = objects.find(KEY).values()
    headers = [
        ("ETag", found.version),
        ("Last-Modified", "Thu, 08 Aug 2024 00:00:00 GMT"),
        ("Content-Length", "10000"),
    ]

    with (
        object_server.disturbed(lambda *_: ("200 OK", headers, b"PAR1")),
        pytest.raises(StoreError) as caught,
    ):
        objects.read(KEY, found, ALL)

    assert str(caught.value).startswith(f"reading {objects.url}/{NAME} failed: ")
    assert str(caught.value).endswith("(see whether the server is up, and try again)")
    assert_frame_equal(OLD, stored(objects), check_exact=True)
