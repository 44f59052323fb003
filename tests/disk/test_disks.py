"""A disk that is full, read-only or another user's is reported as that, and nothing stays half."""

import datetime as dt
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.disks import (
    as_root,
    leave_free,
    make_read_only,
    run_as_nobody,
    shared_folder,
    small_disk,
)

import rangebar_polars as rb
from rangebar_polars._disk.locked_file import locked
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError

SERIES = Series(SOURCE, "spot", SYMBOL)
BINANCE = Series("binance", "spot", "BTCUSDT")
ELSEWHERE = "choose another folder with cache_dir or RANGEBAR_CACHE_DIR"
FULL = f"no space is left on the disk (free some, or {ELSEWHERE})"
FORBIDDEN = "its permissions forbid it (change those of the file or of its folder"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one megabyte."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder of root's that every user can reach."""
    with shared_folder() as folder:
        yield folder


def scanned(root: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the trades of three days."""
    return rb.scan_ticks(
        SYMBOL, DAYS[0], DAYS[2], source=SOURCE, cache_dir=root, **options
    ).collect()


# Full


def test_an_import_succeeds_or_changes_nothing_whatever_is_free(disk: Path) -> None:
    trades = trades_of(DAYS[:1], per_day=2_000)
    root, failures, successes = disk / "cache", list[str](), 0

    for pages in range(64):
        leave_free(disk, pages * 4096)
        try:
            give(root, trades)
        except CacheError as error:
            failures.append(str(error))
            assert tree(root) == {}
        else:
            successes += 1
            assert DiskTickCache(root, SERIES).damage(DAYS[0]) is None
            assert len(tree(root)) == 1
            rb.cache_clear("ticks", cache_dir=root)

    assert successes > 0
    assert len({failure.partition(" cannot")[0] for failure in failures}) > 1
    for failure in failures:
        assert failure.startswith(str(root))
        assert failure.endswith(f" cannot be written: {FULL}")


def test_a_day_that_is_replaced_stays_as_it_was_where_the_disk_is_full(disk: Path) -> None:
    root = disk / "cache"
    give(root, trades_of(DAYS[:3]))
    before = tree(root)
    leave_free(disk, 8192)

    with pytest.raises(CacheError, match="no space is left on the disk"):
        give(root, trades_of(DAYS[:3], seed=1, per_day=4_000))

    assert tree(root) == before
    (disk / "filler").unlink()
    give(root, trades_of(DAYS[:3], seed=1, per_day=4_000))
    assert scanned(root).height == 12_000


def test_a_fetch_to_a_full_disk_says_so_and_continues_once_there_is_space(
    server: ArchiveServer, disk: Path
) -> None:
    days = [dt.date(2024, 8, day) for day in (5, 6, 7)]
    publish(server, days, rows=8_000)
    asked: dict[str, Any] = {"archive": server.url, "cache_dir": disk / "cache"}

    for size in (0, 4096, 32_768):
        leave_free(disk, size)
        with pytest.raises(CacheError) as caught:
            rb.scan_ticks("BTCUSDT", days[0], days[-1], **asked)
        assert str(caught.value).endswith(f" cannot be written: {FULL}")
        assert not [name for name in tree(disk) if name.endswith((".part", ".arrow"))]

    (disk / "filler").unlink()
    for day in days:
        got = rb.scan_ticks("BTCUSDT", day, day, **asked).collect()
        assert got.height == 8_000
        rb.cache_clear("ticks", cache_dir=disk / "cache")


def test_what_hides_that_a_disk_is_full_is_asked_for_the_reason(disk: Path) -> None:
    error = pl.exceptions.ComputeError("Invalid thrift: transport error")

    with pytest.raises(pl.exceptions.ComputeError), locked(disk / "a.part") as file, file.written():
        raise error
    leave_free(disk, 8192)
    with (
        pytest.raises(OSError, match="No space left"),
        locked(disk / "a.part") as file,
        file.written(),
    ):
        raise error
    with pytest.raises(KeyboardInterrupt), locked(disk / "a.part") as file, file.written():
        raise KeyboardInterrupt

    assert [path.name for path in disk.iterdir()] == ["filler"]


# Read-only


def test_what_is_cached_on_a_read_only_disk_is_read_with_what_a_kill_left(disk: Path) -> None:
    give(disk, trades_of(DAYS[:3]))
    want = scanned(disk)
    cache = DiskTickCache(disk, SERIES)
    cache.unfinished("import").write_bytes(b"half")
    make_read_only(disk)

    assert scanned(disk).equals(want)
    assert rb.cache_status(cache_dir=disk)["message"].to_list() == [None]


def test_what_is_to_be_written_to_a_read_only_disk_says_so(
    server: ArchiveServer, disk: Path
) -> None:
    give(disk, trades_of(DAYS[:1]))
    publish(server, [DAYS[0]])
    make_read_only(disk)
    remedy = f"the disk is read-only (have it mounted to be written, or {ELSEWHERE})"

    part = DiskTickCache(disk, SERIES).unfinished("import")
    with says(CacheError, f"{part} cannot be written: {remedy}"):
        give(disk, trades_of(DAYS[1:2]))
    part = DiskTickCache(disk, BINANCE).unfinished(f"BTCUSDT-aggTrades-{DAYS[0]}.zip")
    with says(CacheError, f"{part} cannot be written: {remedy}"):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url, cache_dir=disk)
    path = DiskTickCache(disk, SERIES).path(DAYS[0])
    remedy = "the disk is read-only (have it mounted to be written)"
    with says(CacheError, f"{path} cannot be removed: {remedy}"):
        rb.cache_clear("ticks", cache_dir=disk)


# Of another user


@as_root
def test_a_day_that_may_not_be_read_is_reported_as_that_and_read_once_it_may(shared: Path) -> None:
    give(shared, trades_of(DAYS[:3]))
    path = DiskTickCache(shared, SERIES).path(DAYS[1])
    path.chmod(0o600)
    ask = (
        f"own = {{'source': {SOURCE!r}, 'cache_dir': {str(shared)!r}}}\n"
        "try:\n"
        f"    print(rb.scan_ticks({SYMBOL!r}, '{DAYS[0]}', '{DAYS[2]}', **own).collect().height)\n"
        "except rb.CacheError as error:\n"
        "    print(error)\n"
        "    print(*rb.cache_status(cache_dir=own['cache_dir'])['message'])\n"
    )

    refused = f"{path} cannot be read: {FORBIDDEN})\n"
    assert run_as_nobody(ask) == refused * 2
    path.chmod(0o644)
    assert run_as_nobody(ask) == "600\n"


@as_root
@pytest.mark.parametrize("level", ["ticks", "source", "market", "symbol"])
def test_a_folder_that_may_not_be_read_is_not_empty(level: str, shared: Path) -> None:
    give(shared, trades_of(DAYS[:1]))
    folder = DiskTickCache(shared, SERIES).folder
    depth = ["symbol", "market", "source", "ticks"].index(level)
    hidden = [folder, *folder.parents][depth]
    hidden.chmod(0o700)
    ask = (
        "for call in (rb.cache_status, lambda **root: rb.cache_clear('ticks', **root)):\n"
        "    try:\n"
        f"        print(*call(cache_dir={str(shared)!r})['message'])\n"
        "    except rb.CacheError as error:\n"
        "        print(error)\n"
    )

    shown = run_as_nobody(ask).splitlines()

    verbs = ["read", "cleared"] if level == "symbol" else ["read", "read"]
    # Listing a folder is what fails, or looking at what is in it.
    assert shown == [f"{hidden} cannot be {verb}: {FORBIDDEN})" for verb in verbs]


@as_root
def test_a_folder_that_may_not_be_written_is_reported_as_that(shared: Path) -> None:
    give(shared, trades_of(DAYS[:1]))
    trades_of(DAYS[1:2]).write_parquet(shared / "given.parquet")
    part = DiskTickCache(shared, SERIES).unfinished("import")

    shown = run_as_nobody(
        "try:\n"
        f"    rb.import_trades({str(shared / 'given.parquet')!r}, symbol={SYMBOL!r}, "
        f"source={SOURCE!r}, cache_dir={str(shared)!r})\n"
        "except rb.CacheError as error:\n"
        "    print(error)\n"
    )

    assert shown == f"{part} cannot be written: {FORBIDDEN}, or {ELSEWHERE})\n"


@as_root
def test_what_another_user_left_unfinished_is_left_to_them(shared: Path) -> None:
    shared.chmod(0o777)
    give(shared, trades_of(DAYS[:1]))
    part = DiskTickCache(shared, SERIES).unfinished("import")
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"half")
    part.chmod(0o600)

    shown = run_as_nobody(
        f"own = {{'source': {SOURCE!r}, 'cache_dir': {str(shared)!r}}}\n"
        f"print(rb.scan_ticks({SYMBOL!r}, '{DAYS[0]}', '{DAYS[0]}', **own).collect().height)\n"
    )

    assert shown == "200\n"
    assert part.read_bytes() == b"half"


@as_root
def test_a_link_that_another_user_put_at_an_unfinished_file_overwrites_nothing(
    shared: Path,
) -> None:
    victim = shared / "victim"
    victim.write_bytes(b"precious")
    part = DiskTickCache(shared, SERIES).unfinished("import")
    part.parent.mkdir(parents=True)
    part.parent.chmod(0o777)
    run_as_nobody(f"os.symlink({str(victim)!r}, {str(part)!r})")

    reason = f"it is a symbolic link, expected a regular file (move it away, or {ELSEWHERE})"
    with says(CacheError, f"{part} cannot be written: {reason}"):
        give(shared, trades_of(DAYS[:1]))

    assert victim.read_bytes() == b"precious"
    rb.cache_clear("ticks", cache_dir=shared)
    give(shared, trades_of(DAYS[:1]))
    assert victim.read_bytes() == b"precious"
    assert DiskTickCache(shared, SERIES).days() == DAYS[:1]


# In the place of a day


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("kind", ["a named pipe", "a folder"])
def test_what_is_in_the_place_of_a_day_is_reported_and_does_not_hang(
    kind: str, tmp_path: Path
) -> None:
    give(tmp_path, trades_of(DAYS[:3]))
    path = DiskTickCache(tmp_path, SERIES).path(DAYS[1])
    path.unlink()
    os.mkfifo(path) if kind == "a named pipe" else path.mkdir()
    text = f"{path} cannot be read: it is {kind}, expected a regular file (move it away)"

    with says(CacheError, text):
        scanned(tmp_path)
    with says(CacheError, text):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[2], source=SOURCE, cache_dir=tmp_path)

    quality = rb.archive_quality(SYMBOL, DAYS[0], DAYS[2], source=SOURCE, cache_dir=tmp_path)
    assert quality["status"].to_list() == ["ok", "damaged", "ok"]
    assert rb.cache_status(cache_dir=tmp_path)["message"].to_list() == [text]
    shutil.move(path, tmp_path / "away")
    with pytest.warns(rb.RangeBarWarning, match="days not cached"):
        assert scanned(tmp_path).height == 400


def test_a_cache_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.touch()
    reason = "a file is where a folder should be (move it away"

    with says(CacheError, f"{root / 'ticks'} cannot be read: {reason})"):
        rb.cache_status(cache_dir=root)
    part = DiskTickCache(root, SERIES).unfinished("import")
    with says(CacheError, f"{part} cannot be written: {reason}, or {ELSEWHERE})"):
        give(root, trades_of(DAYS[:1]))
    with says(CacheError, f"{DiskTickCache(root, SERIES).path(DAYS[0])} cannot be read: {reason})"):
        scanned(root)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' paths have other limits")
def test_a_path_that_is_too_long_is_reported_as_that(tmp_path: Path) -> None:
    root = Path("/".join([str(tmp_path), *["x" * 200] * 20]))
    part = DiskTickCache(root, SERIES).unfinished("import")
    long = DiskTickCache(root, SERIES).path(DAYS[0])

    reason = "its path has {} bytes, more than the disk allows (give shorter names"
    written = reason.format(len(str(part)))
    with says(CacheError, f"{part} cannot be written: {written}, or {ELSEWHERE})"):
        give(root, trades_of(DAYS[:1]))
    with says(CacheError, f"{long} cannot be read: {reason.format(len(str(long)))})"):
        scanned(root)
    name = DiskTickCache(tmp_path / ("y" * 256), SERIES).path(DAYS[0])
    with says(
        CacheError,
        f"{name} cannot be read: a name in its path has 256 bytes, more than the disk allows (give "
        "shorter names)",
    ):
        scanned(name.parents[4])
