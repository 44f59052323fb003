"""Months of bars on disks that fail, and of metadata that says anything.

RANGEBAR_FUZZ=N in the environment tries N files instead of a few hundred.
"""

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.disks import leave_free, make_read_only, small_disk
from support.entry_points import assert_same
from support.strange_json import mutated

import rangebar_polars as rb
from rangebar_polars.errors import StoreError
from rangebar_polars.store import ParquetStore, StoredMonth

FILES = int(os.environ.get("RANGEBAR_FUZZ", "300"))
SEED = 14
ELSEWHERE = "choose another folder with cache_dir or RANGEBAR_CACHE_DIR"
FULL = f"no space is left on the disk (free some, or {ELSEWHERE})"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of one megabyte."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def bars_of(root: Path, store: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of all days."""
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": root, "store": store}
    return rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, **own | options)


def test_bars_are_stored_or_nothing_is_changed_whatever_is_free(cache: Path, disk: Path) -> None:
    store, want = disk / "store", one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    failures, successes = list[str](), 0

    for pages in range(0, 200, 7):
        leave_free(disk, pages * 4096)
        before = tree(store)
        try:
            got = bars_of(cache, store)
        except StoreError as error:
            failures.append(str(error))
            # Of two months, the first may be stored.
            assert len(tree(store)) <= 1 or tree(store) == before
            assert not any(name.endswith(".part") for name in tree(store))
        else:
            successes += 1
            assert_same(want, got)
            rb.cache_clear("bars", store=store, cache_dir=cache)

    assert successes > 0
    assert failures
    for failure in failures:
        assert failure.startswith(str(store))
        assert failure.endswith(f" cannot be written: {FULL}")


def test_bars_on_a_read_only_disk_are_read_and_not_written(cache: Path, disk: Path) -> None:
    want = bars_of(cache, disk)
    make_read_only(disk)

    assert_same(want, bars_of(cache, disk))
    remedy = f"the disk is read-only (have it mounted to be written, or {ELSEWHERE})"
    with pytest.raises(StoreError) as caught:
        bars_of(cache, disk, reset="day")
    assert str(caught.value).endswith(f"2024-01.parquet cannot be written: {remedy}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("kind", ["a named pipe", "a folder"])
def test_what_is_in_the_place_of_a_month_is_reported_and_does_not_hang(
    kind: str, cache: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    want = bars_of(cache, store)
    path = next(store.rglob("2024-01.parquet"))
    path.unlink()
    os.mkfifo(path) if kind == "a named pipe" else path.mkdir()
    text = f"{path} cannot be read: it is {kind}, expected a regular file (move it away)"

    with says(StoreError, text):
        bars_of(cache, store)
    assert rb.cache_status(store=store, cache_dir=cache)["message"].to_list() == [None, text]
    path.rename(tmp_path / "away")
    assert_same(want, bars_of(cache, store))


def test_a_link_at_an_unfinished_month_overwrites_nothing(cache: Path, tmp_path: Path) -> None:
    store, victim = tmp_path / "store", tmp_path / "victim"
    victim.write_bytes(b"precious")
    bars_of(cache, store)
    path = next(store.rglob("2024-01.parquet"))
    path.unlink()
    path.with_name(f".{path.name}.part").symlink_to(victim)

    reason = f"it is a symbolic link, expected a regular file (move it away, or {ELSEWHERE})"
    with says(StoreError, f"{path} cannot be written: {reason}"):
        bars_of(cache, store)

    assert victim.read_bytes() == b"precious"
    rb.cache_clear("bars", store=store, cache_dir=cache)
    bars_of(cache, store)
    assert victim.read_bytes() == b"precious"


def test_what_a_month_says_of_itself_is_read_or_damage_of_its_file(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:3]))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[2], 30, source=SOURCE, cache_dir=tmp_path)
    store = ParquetStore(tmp_path)
    (key,) = store.keys()
    path = store.path(key, DAYS[0].replace(day=1))
    rows, metadata = pl.read_parquet(path), pl.read_parquet_metadata(path)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    good, sums = own["rangebar.month"], own["rangebar.checksums"]
    chance, outcomes = random.Random(SEED), Counter[str]()  # noqa: S311 - not a secret

    for number in range(FILES):
        is_month = chance.random() < 0.8
        text = mutated(chance, good if is_month else sums)
        said = {"rangebar.month": text} if is_month else {"rangebar.checksums": text}
        said = own | said
        made_of = [said["rangebar.checksums"], said["rangebar.month"]]
        said["rangebar.sha256"] = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
        rows.write_parquet(path, metadata=said)
        found = months_or_damage(store)
        if isinstance(found, str):
            outcomes["damage"] += 1
            assert found.startswith(f"{path} ")
        else:
            outcomes["months"] += 1
            for month in found:
                assert StoredMonth.from_json(month.to_json(), sums="{}").links == month.links
        if number % 10 == 0:
            message = rb.cache_status(cache_dir=tmp_path)["message"][1]
            assert message == (found if isinstance(found, str) else None)
            if isinstance(found, str):
                with pytest.raises((StoreError, pl.exceptions.ComputeError)) as caught:
                    store.scan_bars().collect()
                assert found in str(caught.value)

    print(f"{FILES} files: {dict(outcomes)}")  # noqa: T201 - for a long run
    assert outcomes["damage"] > FILES / 2
    assert outcomes["months"] > 0
    rb.cache_clear("bars", cache_dir=tmp_path)
    assert store.keys() == []


def months_or_damage(store: ParquetStore) -> list[StoredMonth] | str:
    """Return what is stored of the chain, or what is wrong with a file."""
    (key,) = store.keys()
    try:
        return list(store.find(key).values())
    except StoreError as error:
        return str(error)
