"""Every call over a cache in a bucket, its credentials, and errors that say what to do."""

import json
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import platformdirs
import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, settings_of, trades_of
from support.command_line import environment
from support.damaged import FIRST, LAST, MIDDLE, THREE
from support.entry_points import assert_same
from support.object_server import SECRET, ObjectServer, bucket_of, refusal, sizes_of
from support.verbs import rows

import rangebar_polars as rb
from rangebar_polars._objects import bucket as buckets
from rangebar_polars.errors import CacheError
from rangebar_polars.store import ObjectStore

NAME = f"ticks/source=mine/market=spot/symbol=BTC-USD/{MIDDLE}.parquet"
WHO = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of a user who may get, put, list "
    "and delete objects there"
)
LAST_DAY = DAYS[3]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on a server at once."""
    monkeypatch.setattr(buckets, "RETRIES", 0)


@pytest.fixture
def filled(cache_url: str) -> str:
    """Return a cache of three days."""
    give(cache_url, trades_of(THREE))
    return cache_url


# Every call


def test_every_call_takes_the_bucket_of_the_environment(
    objects_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "local"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: local)
    give(tmp_path / "folder", trades_of(DAYS[:4]))
    want = one_pass(tmp_path / "folder", DAYS[0], LAST_DAY, threshold_decimal_bps=30)
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", objects_url)
    own: dict[str, Any] = {"source": SOURCE}

    rb.import_trades(trades_of(DAYS[:4]), symbol=SYMBOL, **own)
    filled = rb.populate(SYMBOL, DAYS[0], LAST_DAY, 30, processes=1, **own)
    assert filled["status"].to_list() == ["ok"]
    # Bars lie beside the trades, as in a folder.
    with rb.open_store() as store:
        assert isinstance(store, ObjectStore)
        assert store.url == objects_url
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], LAST_DAY, 30, **own))
    assert_same(want, rb.scan_range_bars(SYMBOL, DAYS[0], LAST_DAY, 30, **own).collect())
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], LAST_DAY, 30, use_cache=False, **own))
    last = rb.get_n_range_bars(SYMBOL, 5, 30, end_date=LAST_DAY, max_lookback_days=4, **own)
    assert last.height == 5
    feed = rb.resume_range_bars(SYMBOL, DAYS[0], 30, end=LAST_DAY, **own)
    assert feed.get_incomplete_bar() is not None
    assert rb.archive_quality(SYMBOL, DAYS[0], LAST_DAY, **own)["status"].to_list() == ["ok"] * 4
    with rb.Catalog(**own) as catalog:
        assert catalog.trades(SYMBOL, DAYS[1], DAYS[1]).collect().height == 200
        assert catalog.status()["rows"].to_list() == [800, want.height]
        assert catalog.clear("bars").height == catalog.clear("ticks").height == 1

    assert sizes_of(objects_url) == {}
    assert tree(local) == {}


def test_duckdb_reads_the_trades_of_a_bucket(filled: str, object_server: ObjectServer) -> None:
    with rb.duckdb.connect(cache_dir=filled) as connection:

        def query(text: str) -> pl.DataFrame:
            found: pl.DataFrame = connection.sql(text).pl()
            return found

        counts = query("SELECT day, count(*) AS trades FROM ticks GROUP BY day ORDER BY day")
        assert counts.rows() == [(day, 200) for day in THREE]
        assert query("SELECT status FROM quality")["status"].to_list() == ["ok"] * 3
        asked = len(object_server.requests)
        # The trades of a day end at noon.
        middle = f"timestamp < '{MIDDLE} 06:00:00+00'"
        assert query(f"SELECT count(*) AS n FROM ticks WHERE {middle}").item() == 300  # noqa: S608

    # Of the last day, only what its object says of itself.
    read = [each for each in object_server.requests[asked:] if f"{LAST}.parquet" in each]
    assert len(read) == 1


def test_the_command_line_takes_a_bucket(filled: str) -> None:
    own = ("--cache-dir", filled)

    assert rows("status", *own) == json.loads(rb.cache_status(cache_dir=filled).write_json())
    (checked,) = [each for each in rows("doctor", "--offline", *own) if each["check"] == "cache"]
    assert checked["detail"].startswith(f"{filled}: 1 series of trades, in ")


def test_an_executor_needs_no_store_beside_a_bucket(filled: str) -> None:
    with ThreadPoolExecutor(1) as executor:
        report = rb.populate(
            SYMBOL, FIRST, LAST, 30, source=SOURCE, cache_dir=filled, executor=executor
        )

    assert report["status"].to_list() == ["ok"]
    assert any(name.startswith("bars/") for name in sizes_of(filled))


# A killed writer


KILLED = """
import sys
import rangebar_polars as rb
archive = rb.BinanceArchive(sys.argv[1], None, threads=1)
rb.scan_ticks("BTCUSDT", "2024-01-30", "2024-02-01", archive=archive, cache_dir=sys.argv[2])
"""


def test_a_kill_in_the_middle_of_a_put_leaves_nothing_that_the_next_call_keeps(
    server: ArchiveServer, cache_url: str, object_server: ObjectServer, tmp_path: Path
) -> None:
    publish(server, THREE)
    putting, killed = threading.Event(), threading.Event()

    def stall(method: str, path: str) -> Any:  # noqa: ANN401
        if method == "PUT" and path.endswith(f"{MIDDLE}.parquet"):
            putting.set()
            assert killed.wait(60)
            return refusal("500 Internal Server Error", "InternalError")
        return None

    child = subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", KILLED, server.url, cache_url],
        env=environment(),
        stderr=subprocess.PIPE,
    )
    with object_server.disturbed(stall):
        assert putting.wait(60), child.communicate()
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        killed.set()
    child.communicate()

    assert [name[-18:-8] for name in sizes_of(cache_url)] == [str(FIRST)]
    (left,) = tree(tmp_path / "local")
    assert left.endswith(".part")
    question: dict[str, Any] = {"archive": server.url, "cache_dir": cache_url}
    assert rb.scan_ticks("BTCUSDT", FIRST, LAST, **question).collect().height == 300
    assert rb.archive_quality("BTCUSDT", FIRST, LAST, **question)["status"].to_list() == ["ok"] * 3
    assert tree(tmp_path / "local") == {}


# Damage


def test_a_damaged_day_is_an_error_of_every_call(filled: str) -> None:
    bucket, own = bucket_of(filled), dict[str, Any](source=SOURCE, cache_dir=filled)
    data = bytearray(bucket.get(NAME).bytes())
    # In the pages of the first column; what the file says of itself is at its end.
    data[100:140] = bytes(40)
    bucket.put(NAME, bytes(data))

    place = f"{filled}/{NAME}"
    with pytest.raises(CacheError, match=f"^{place} "):
        rb.get_range_bars(SYMBOL, FIRST, LAST, 30, **own)
    with pytest.raises((CacheError, pl.exceptions.ComputeError), match=place):
        rb.scan_range_bars(SYMBOL, FIRST, LAST, 30, **own).collect()
    report = rb.archive_quality(SYMBOL, FIRST, LAST, **own)
    assert report["status"].to_list() == ["ok", "damaged", "ok"]

    give(filled, trades_of([MIDDLE]))
    assert rb.get_range_bars(SYMBOL, FIRST, LAST, 30, **own).height > 0


def test_a_plan_whose_day_was_removed_names_it(filled: str) -> None:
    plan = rb.scan_ticks(SYMBOL, FIRST, LAST, source=SOURCE, cache_dir=filled)
    bucket_of(filled).delete(NAME)

    with pytest.raises((OSError, pl.exceptions.PolarsError), match=str(MIDDLE)):
        plan.collect()


# Errors


def test_an_absent_bucket_is_named(cache_url: str) -> None:
    wrong = cache_url.replace("test-", "no-")
    bucket = wrong.split("/")[2]
    message = (
        f"listing {wrong}/ticks failed: there is no bucket {bucket!r} (create it, or correct the "
        "URL)"
    )
    with says(CacheError, message):
        rb.cache_status(cache_dir=wrong)
    with pytest.raises(CacheError, match=f"there is no bucket {bucket!r}"):
        give(wrong, trades_of([FIRST]))


def test_a_bucket_that_may_only_be_read_is_read(
    filled: str, object_server: ObjectServer, server: ArchiveServer
) -> None:
    publish(server, THREE)

    def read_only(method: str, _: str) -> Any:  # noqa: ANN401
        is_read = method in {"GET", "HEAD"}
        return None if is_read else refusal("403 Forbidden", "AccessDenied")

    own: dict[str, Any] = {"cache_dir": filled}
    with object_server.disturbed(read_only):
        plan = rb.scan_ticks(SYMBOL, FIRST, LAST, source=SOURCE, **own)
        assert plan.collect().height == 600
        with pytest.raises(CacheError) as caught:
            rb.scan_ticks("BTCUSDT", FIRST, FIRST, archive=server.url, **own)

    place = f"{filled}/ticks/source=binance/market=spot/symbol=BTCUSDT/{FIRST}.parquet"
    assert str(caught.value) == (
        f"writing {place} failed: the server refuses the credentials (AccessDenied) ({WHO})"
    )
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_without_the_extra_the_error_names_it(
    cache_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    message = "a cache in a bucket needs obstore (pip install --upgrade 'rangebar-polars[objects]')"

    with says(ModuleNotFoundError, message):
        rb.scan_ticks(SYMBOL, FIRST, LAST, source=SOURCE, cache_dir=cache_url)


# Credentials


def test_credentials_are_in_no_text_pickle_or_plan(filled: str) -> None:
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": filled}
    settings = settings_of(SOURCE, filled)
    cache = settings.cache(settings.series(SYMBOL))
    assert cache.days() == THREE
    ticks = rb.scan_ticks(SYMBOL, FIRST, LAST, **own)
    bars = rb.scan_range_bars(SYMBOL, FIRST, LAST, 30, **own)

    written = [pickle.dumps(cache), cloudpickle.dumps(rb.Catalog(**own)), cloudpickle.dumps(bars)]
    written += [ticks.serialize(), ticks.explain().encode(), f"{cache!r} {settings!r}".encode()]

    assert not any(SECRET.encode() in each for each in written)
    assert pickle.loads(written[0]).days() == THREE  # noqa: S301 - our own
    assert pickle.loads(written[2]).collect().equals(bars.collect())  # noqa: S301 - our own


def test_credentials_in_the_url_are_refused_and_never_shown() -> None:
    url = f"s3://user:{SECRET}@bucket/team"
    message = (
        "cache_dir has '@' or '?', as if with credentials, which it must not have (set "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and give s3://bucket/prefix)"
    )
    for call in (rb.cache_status, rb.Catalog, rb.duckdb.connect, rb.open_store):
        with says(ValueError, message):
            call(cache_dir=url)
