"""`populate` with workers of other machines: their folders, their versions, their disks."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from support.assertions import tree
from support.cached_trades import DAYS, give, one_pass, trades_of
from support.entry_points import assert_same
from support.populating import populate, stored

from rangebar_polars import _internal
from rangebar_polars.errors import RangeBarWarning
from rangebar_polars.store import ParquetStore


class Elsewhere(Executor):
    """A worker of another machine: with settings and a working directory of its own."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.patch = root, patch
        self.given = list[bytes]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:  # noqa: ANN401
        """Run it at once."""
        self.given += args
        self.root.mkdir(exist_ok=True)
        future = Future[Any]()
        with self.patch.context() as there:
            there.setenv("RANGEBAR_CACHE_DIR", str(self.root))
            there.chdir(self.root)
            future.set_result(self.run(fn, *args))
        return future

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Run it."""
        return fn(*args)


def test_without_a_cache_folder_each_worker_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(tmp_path / "there", trades_of(DAYS))
    there = Elsewhere(tmp_path / "there", monkeypatch)

    report = populate(None, store=tmp_path / "store", executor=there)

    assert report["made"].to_list() == [14]
    expected = one_pass(tmp_path / "there", DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert_same(expected, stored(tmp_path / "without trades", store=tmp_path / "store"))


def test_folders_of_the_caller_are_the_same_in_another_working_directory(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cache.parent)
    there = Elsewhere(tmp_path / "there", monkeypatch)

    for store in ("store", ParquetStore(Path("other"))):
        report = populate(Path(cache.name), store=store, executor=there)
        assert report["made"].to_list() == [14]

    assert tree(Path("store")) == tree(Path("other"))
    assert len(tree(Path("store"))) == 2
    assert tree(tmp_path / "there") == {}


def test_equal_calls_are_not_equal_tasks(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Elsewhere(tmp_path / "there", monkeypatch)

    made = [populate(cache, store=tmp_path / "store", executor=there)["made"] for _ in range(2)]

    assert [each.to_list() for each in made] == [[14], [0]]
    assert len(set(there.given)) == 2


class NotShared(Elsewhere):
    """A worker that has another disk at the path of the store."""

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Run it, and hide what it stored from the caller."""
        outcome = fn(*args)
        (self.root.parent / "store").rename(self.root / "store")
        return outcome


def test_a_folder_that_the_worker_does_not_share_is_a_failure(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = NotShared(tmp_path / "there", monkeypatch)

    with pytest.warns(RangeBarWarning, match="1 of 1 symbols were not filled"):
        report = populate(cache, store=tmp_path / "store", executor=there)

    assert report["status"].item() == "failed"
    assert report["message"].item() == (
        f"its worker stored bars that are not in {tmp_path / 'store'} of the caller (give a store "
        "that means the same to all: a URL or a shared folder)"
    )


class Damaging(Elsewhere):
    """A worker after which the files of the store cannot be read."""

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Run it, and damage what it stored."""
        outcome = fn(*args)
        for path in (self.root.parent / "store").rglob("*.parquet"):
            path.write_bytes(b"PAR1")
        return outcome


def test_a_store_that_the_caller_cannot_read_is_a_failure(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Damaging(tmp_path / "there", monkeypatch)

    with pytest.warns(RangeBarWarning, match="1 of 1 symbols were not filled"):
        report = populate(cache, store=tmp_path / "store", executor=there)

    assert report["message"].item().startswith("StoreError: ")


class Older(Elsewhere):
    """A worker with another version of the package."""

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Run it as that version."""
        with self.patch.context() as older:
            older.setattr(_internal, "VERSION", "0.0.9")
            return fn(*args)


def test_a_worker_of_another_version_does_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Older(tmp_path / "there", monkeypatch)

    with pytest.warns(RangeBarWarning, match="1 of 1 symbols were not filled"):
        report = populate(cache, store=tmp_path / "store", executor=there)

    assert report["message"].item() == (
        "RangeBarError: the process that fills it has rangebar-polars 0.0.9, and the caller "
        f"{_internal.VERSION} (install the same version on both)"
    )
    assert not (tmp_path / "store").exists()
