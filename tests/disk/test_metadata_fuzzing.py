"""Whatever a day's file states about itself is its report or damage of that file, never a surprise.

RANGEBAR_FUZZ=N in the environment tries N files instead of a few hundred.
"""

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from support.assertions import tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.strange_json import mutated, nested

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars._ticks.report import DayReport, DayStatus, quality_frame
from rangebar_polars.errors import CacheError

FILES = int(os.environ.get("RANGEBAR_FUZZ", "300"))
SEED = 13


def state(path: Path, rows: pl.DataFrame, metadata: dict[str, str]) -> None:
    """Write a day's file that states this about itself."""
    rows.write_parquet(path, metadata=metadata)


@pytest.fixture
def cached(tmp_path: Path) -> DiskTickCache:
    """Return a cache of three days, the first with a gap in its report."""
    give(tmp_path, trades_of(DAYS[:3]))
    return DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL))


def with_a_gap(text: str) -> str:
    """Return a report of everything that a report may have."""
    report = json.loads(text)
    gap = {"after_id": 5, "after_time": 1_706_227_200_000_000}
    gap |= {"before_id": 9, "before_time": 1_706_227_201_000_000}
    report["gaps"], report["missing_ids"] = [gap], 3
    report["origin"]["archive"] = "BTCUSDT-aggTrades-2024-01-26.zip"
    return json.dumps(report)


def test_a_report_that_says_anything_else_is_damage_of_its_file_and_can_be_cleared(
    cached: DiskTickCache,
) -> None:
    chance, outcomes = random.Random(SEED), Counter[str]()  # noqa: S311 - not a secret
    path = cached.path(DAYS[0])
    rows, metadata = pl.read_parquet(path), pl.read_parquet_metadata(path)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    good = with_a_gap(own["rangebar.report"])
    assert DayReport.from_json(good).gaps

    for number in range(FILES):
        text = mutated(chance, good)
        own["rangebar.report"] = text
        # The sum is right: it shows damage, and another program would state it too.
        own["rangebar.report.sha256"] = hashlib.sha256(text.encode()).hexdigest()
        state(path, rows, own)
        found = report_or_damage(cached)
        if isinstance(found, str):
            outcomes["damage" if "is damaged" in found else "another day"] += 1
            assert found.startswith(f"{path} ")
        else:
            outcomes["a report"] += 1
            assert DayReport.from_json(found.to_json()) == found
            assert quality_frame([DayStatus(DAYS[0], "ok", found)]).height == 1
            found.defects()
        if number % 25 == 0:
            (row,) = rb.cache_status(cache_dir=cached.root).to_dicts()
            assert row["days"] == 3
            assert row["message"] == (found if isinstance(found, str) else None)

    print(f"{FILES} files: {dict(outcomes)}")  # noqa: T201 - for a long run
    assert outcomes["damage"] > FILES / 2
    assert outcomes["a report"] > 0
    state(path, rows, own | {"rangebar.report": nested(chance)})
    rb.cache_clear("ticks", cache_dir=cached.root)
    assert tree(cached.root) == {}


def report_or_damage(cache: DiskTickCache) -> DayReport | str:
    """Return the report of the first day, or what is wrong with its file."""
    try:
        report = cache.report(DAYS[0])
    except CacheError as error:
        return str(error)
    assert report is not None
    return report


KEYS: dict[str, Callable[[str], str]] = {
    "rangebar.version": lambda _: "\0",
    "rangebar.series": lambda _: "mine spot " + "x" * 100_000,
    "rangebar.report": lambda text: f"[{text}]",
    "rangebar.report.sha256": lambda _: "é",
}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_that_says_something_else_is_an_error_that_names_the_file(
    key: str, cached: DiskTickCache
) -> None:
    path = cached.path(DAYS[0])
    rows, metadata = pl.read_parquet(path), pl.read_parquet_metadata(path)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    own[key] = KEYS[key](own[key])
    state(path, rows, own)

    with pytest.raises(CacheError) as caught:
        cached.report(DAYS[0])

    assert str(caught.value).startswith(f"{path} ")
    assert rb.cache_status(cache_dir=cached.root)["message"].item() == str(caught.value)
    rb.cache_clear("ticks", cache_dir=cached.root)
    assert tree(cached.root) == {}


def test_bytes_of_the_footer_that_flip_are_damage_or_change_nothing(cached: DiskTickCache) -> None:
    chance, path = random.Random(SEED), cached.path(DAYS[0])  # noqa: S311 - not a secret
    whole, want = path.read_bytes(), cached.report(DAYS[0])
    begin = whole.index(b"rangebar.report") - 100
    outcomes = Counter[str]()

    for _ in range(FILES):
        data = bytearray(whole)
        at = chance.randrange(begin, len(data))
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        found = report_or_damage(cached)
        outcomes["damage" if isinstance(found, str) else "the same"] += 1
        assert found.startswith(f"{path} ") if isinstance(found, str) else found == want

    print(f"{FILES} flips: {dict(outcomes)}")  # noqa: T201 - for a long run
    assert outcomes["damage"] > FILES / 2
