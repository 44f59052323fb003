"""A URL is never taken for the name of a folder, wherever a path is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.assertions import says
from support.trades import trades

import rangebar_polars as rb

DAY = "2024-08-08"
FOLDER = "(give the path of a local folder)"
CACHE = "(give the path of a local folder, or the text 's3://bucket/prefix')"
WITH_CACHE: dict[str, Callable[[Any], object]] = {
    "scan_ticks": lambda place: rb.scan_ticks("S", DAY, DAY, source="mine", cache_dir=place),
    "archive_quality": lambda place: rb.archive_quality(
        "S", DAY, DAY, source="mine", cache_dir=place
    ),
    "get_range_bars": lambda place: rb.get_range_bars(
        "S", DAY, DAY, source="mine", cache_dir=place
    ),
    "scan_range_bars": lambda place: rb.scan_range_bars(
        "S", DAY, DAY, source="mine", cache_dir=place
    ),
    "get_n_range_bars": lambda place: rb.get_n_range_bars("S", 1, source="mine", cache_dir=place),
    "populate": lambda place: rb.populate("S", DAY, DAY, source="mine", cache_dir=place),
    "import_trades": lambda place: rb.import_trades(
        trades([100]), symbol="S", source="mine", cache_dir=place
    ),
    "cache_status": lambda place: rb.cache_status(cache_dir=place),
    "cache_clear": lambda place: rb.cache_clear("ticks", cache_dir=place),
    "open_store": lambda place: rb.open_store(cache_dir=place),
    "duckdb": lambda place: rb.duckdb.connect(cache_dir=place),
}
URLS = ["S3://bucket/cache", "file:///tmp/cache", "memory://", ":memory:"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", WITH_CACHE)
def test_a_cache_folder_is_no_url(name: str, url: str, here: Path) -> None:
    with says(ValueError, f"cache_dir is {url!r}: expected a path on this machine {CACHE}"):
        WITH_CACHE[name](url)

    assert not [*here.iterdir()]


def test_a_path_that_was_a_url_is_refused(here: Path) -> None:
    with says(ValueError, f"cache_dir is 's3:/bucket/x': expected a path on this machine {CACHE}"):
        rb.cache_status(cache_dir=Path("s3://bucket/x"))

    assert not [*here.iterdir()]


def test_a_cache_folder_of_the_environment_is_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", "ftp://host")

    with says(
        ValueError, f"RANGEBAR_CACHE_DIR is 'ftp://host': expected a path on this machine {CACHE}"
    ):
        rb.cache_status()


@pytest.mark.parametrize("place", [b"folder", 3, ["folder"]], ids=repr)
def test_what_is_no_path_is_a_type_error(place: Any) -> None:  # noqa: ANN401
    with says(TypeError, f"cache_dir is {place!r}: expected a path {CACHE}"):
        rb.cache_status(cache_dir=place)


STORES = {
    ":memory:": f"the store is ':memory:': expected a path on this machine {FOLDER}",
    "s3:/bucket": f"the store is 's3:/bucket': expected a path on this machine {FOLDER}",
    "ftp://bucket": (
        "no bar store has a URL that begins with 'ftp:' (give a folder, 'parquet:///folder', "
        "'clickhouse://user:password@host:port/database' or 's3://bucket/prefix', or gs:// or "
        "az://)"
    ),
    "parquet://folder/bars": (
        "the store is 'parquet://folder/bars': expected a path on this machine "
        "('parquet:///folder/bars' is that of a folder)"
    ),
}


@pytest.mark.parametrize("place", ["argument", "environment"])
@pytest.mark.parametrize("url", STORES)
def test_a_store_is_a_folder_or_a_url_that_is_known(
    url: str,
    place: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if place == "environment":
        monkeypatch.setenv("RANGEBAR_STORE", url)

    with says(ValueError, STORES[url]):
        rb.open_store(None if place == "environment" else url)

    assert not [*here.iterdir()]


def test_folders_with_a_colon_or_of_a_drive_are_folders(here: Path) -> None:
    for name in ("a:b", "C:"):
        assert rb.cache_status(cache_dir=here / name).is_empty()
    assert rb.cache_status(cache_dir="C:/cache").is_empty()
