"""The address of a store in a bucket, its credentials, and errors that say what to do."""

import copy
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.object_server import CLOUDS, KEY, NOT_INSTALLED, SECRET, Answer, ObjectServer, refusal

import rangebar_polars as rb
from rangebar_polars._objects import bucket as buckets
from rangebar_polars.errors import StoreError
from rangebar_polars.store import ObjectStore, address_of
from rangebar_polars.testing.stores import JANUARY, bars_of, month_of
from rangebar_polars.testing.stores import KEY as CHAIN

AWS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
USER = f"set {AWS} to those of a user"
NAME = f"bars/{CHAIN.path}/2024-01.parquet"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a server at once."""
    monkeypatch.setattr(buckets, "RETRIES", 0)


@pytest.fixture
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide credentials and endpoints of the environment."""
    pytest.importorskip("obstore", reason=NOT_INSTALLED)
    for name in os.environ:
        if name.startswith(CLOUDS):
            monkeypatch.delenv(name)


@pytest.fixture
def closed() -> Iterator[str]:
    """Return an address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.usefixtures("no_cloud")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://my.bucket-1/team/bars_of/", "s3://my.bucket-1/team/bars_of"),
        ("gs://bucket/a", "gs://bucket/a"),
    ],
)
def test_a_url_is_a_bucket_and_a_folder(url: str, shown: str) -> None:
    with rb.open_store(url) as store:
        assert isinstance(store, ObjectStore)
        assert store.url == store.address == shown
        assert repr(store) == f"ObjectStore({shown!r})"
        assert pickle.loads(pickle.dumps(store)).url == shown  # noqa: S301 - our own
        assert copy.copy(store).url == shown


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
@pytest.mark.parametrize(
    "place", ["", "/", "/folder", "bucket//a", "bucket/a/../b", "bucket/./a", "a b", "bucket/%41"]
)
def test_a_url_of_another_form_is_refused(scheme: str, place: str) -> None:
    message = (
        f"the URL of the store is not of the form {scheme}://bucket/prefix (give the name of a "
        "bucket, and folders of letters, digits and !_.*'()=~+,- or none)"
    )
    with says(ValueError, message):
        rb.open_store(f"{scheme}://{place}")


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (f"s3://{KEY}:{SECRET}@bucket/team", AWS),
        (f"s3://bucket/team?secret={SECRET}", AWS),
        (f"gs://{SECRET}@bucket", "GOOGLE_APPLICATION_CREDENTIALS"),
        (
            f"az://container/team?sig={SECRET}",
            "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        ),
    ],
)
def test_credentials_in_a_url_are_refused_and_never_shown(
    url: str, names: str, tmp_path: Path
) -> None:
    scheme = url.partition(":")[0]
    message = (
        "the URL of the store has '@' or '?', as if with credentials, which it must not have "
        f"(set {names}, and give {scheme}://bucket/prefix)"
    )
    catalog = rb.Catalog(store=url, cache_dir=tmp_path)
    calls: list[Any] = [
        lambda: rb.open_store(url),
        lambda: rb.cache_status(store=url, cache_dir=tmp_path),
        lambda: rb.populate("S", "2024-01-01", "2024-01-02", store=url, source="mine"),
        lambda: pickle.dumps(address_of(url, tmp_path)),
        lambda: pickle.dumps(catalog),
    ]
    for call in calls:
        with says(ValueError, message):
            call()
    assert SECRET not in f"{catalog!r} {address_of(url, tmp_path)!r}"


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    message = "a store in a bucket needs obstore (pip install --upgrade 'rangebar-polars[objects]')"
    with says(ModuleNotFoundError, message):
        rb.open_store("s3://bucket")


@pytest.mark.usefixtures("no_cloud")
def test_a_container_of_azure_needs_an_account() -> None:
    message = (
        "opening az://container failed: there are no credentials (set AZURE_STORAGE_ACCOUNT_NAME "
        "and AZURE_STORAGE_ACCOUNT_KEY to those of a user)"
    )
    with says(StoreError, message):
        rb.open_store("az://container")


@pytest.mark.parametrize(
    ("doing", "place"),
    [("listing", "/bars"), ("reading", f"/{NAME}"), ("writing", f"/{NAME}")],
)
def test_an_absent_bucket_is_named(objects_url: str, doing: str, place: str) -> None:
    with rb.open_store(objects_url.replace("test-", "no-")) as store:
        bucket = store.url.split("/")[2]
        message = (
            f"{doing} {store.url}{place} failed: there is no bucket {bucket!r} (create it, or "
            "correct the URL)"
        )
        bars = bars_of(3)
        # What a write looks at first is the month that it would replace.
        calls: dict[str, Any] = {
            "listing": store.keys,
            "reading": lambda: store.find(CHAIN, [JANUARY]),
            "writing": lambda: put(store),
        }
        with says(StoreError, message):
            calls[doing]()
        with pytest.raises(StoreError, match="there is no bucket"):
            store.write(CHAIN, month_of(bars), bars)


def put(store: Any) -> None:  # noqa: ANN401
    """Write an object without the look before it."""
    store._bucket.put(NAME, b"", None)  # noqa: SLF001 - below the store


@pytest.mark.parametrize(
    ("status", "code", "reason", "remedy"),
    [
        (
            "403 Forbidden",
            "AccessDenied",
            "the server refuses the credentials (AccessDenied)",
            f"{USER} who may get, put, list and delete objects there",
        ),
        (
            "403 Forbidden",
            "SignatureDoesNotMatch",
            "the server refuses the credentials (SignatureDoesNotMatch)",
            f"{USER} who may get, put, list and delete objects there",
        ),
        (
            "501 Not Implemented",
            "NotImplemented",
            "the server has no conditional writes",
            "use one that has them, or a folder",
        ),
        (
            "301 Moved Permanently",
            "PermanentRedirect",
            "the bucket is in another region",
            "set AWS_REGION to it",
        ),
        (
            "500 Internal Server Error",
            "InternalError",
            "as the test wants (InternalError)",
            "see whether the server is up, and try again",
        ),
    ],
)
def test_an_error_of_the_server_has_a_reason_and_a_remedy(
    objects_url: str,
    object_server: ObjectServer,
    *,
    status: str,
    code: str,
    reason: str,
    remedy: str,
) -> None:
    def answer(_: str, __: str) -> Answer:
        return refusal(status, code)

    with (
        rb.open_store(objects_url) as store,
        object_server.disturbed(answer),
        pytest.raises(StoreError) as caught,
    ):
        store.find(CHAIN, [JANUARY])

    assert str(caught.value) == f"reading {store.url}/{NAME} failed: {reason} ({remedy})"
    whole = "".join(traceback.format_exception(caught.value))
    assert SECRET not in whole


def test_a_server_that_is_not_there_is_reported(
    objects_url: str, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed)
    message = (
        f"listing {objects_url}/bars failed: no connection (start the server, or correct its "
        "address in the environment)"
    )
    with rb.open_store(objects_url) as store, says(StoreError, message):
        store.keys()


@pytest.mark.usefixtures("own_cache")
def test_every_entry_takes_it(
    objects_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(tmp_path, trades_of(DAYS[:4]))
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path}
    want = one_pass(tmp_path, DAYS[0], DAYS[3], threshold_decimal_bps=30)

    filled = rb.populate(SYMBOL, DAYS[0], DAYS[3], 30, store=objects_url, processes=1, **own)
    assert filled["status"].to_list() == ["ok"]

    monkeypatch.setenv("RANGEBAR_STORE", objects_url)
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[3], 30, **own))
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[3], 30, **own)
    pickled = pickle.dumps(rb.Catalog(**own))
    assert SECRET.encode() not in pickled
    assert_same(want, plan.collect())
    status = rb.cache_status(**own).filter(kind="bars")
    assert status["rows"].to_list() == [filled["bars"].item()]
    assert status["bytes"].item() > 0
    with rb.duckdb.connect(cache_dir=tmp_path) as connection:
        shown = connection.sql("SELECT count(*) AS bars FROM bars").pl()
    assert shown.item() == filled["bars"].item()
    assert rb.cache_clear("bars", **own).height == 1
    assert not any(str(path).startswith("s3") for path in Path.cwd().iterdir())


def test_settings_of_the_environment_alone_open_it(
    objects_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rb.open_store(objects_url) as store:
        assert store.keys() == []
        # A store keeps the credentials with which it was opened.
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert store.keys() == []
