"""Footprints in a store: nested columns that are read alone, hashed, and met as plain bars are."""

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.clickhouse_server import ask
from support.entry_points import assert_same
from support.stored_chains import FOOTPRINT, WARNINGS, check_days

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.schema import FOOTPRINT_NAMES
from rangebar_polars.store import BarKey, BarStore, ParquetStore, StoredMonth, chain

ASKED: dict[str, Any] = {"threshold_decimal_bps": 30, "footprint": FOOTPRINT}
pytestmark = WARNINGS


def fill(store: BarStore, root: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Store the bars of all days, and return them."""
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": root}
    return rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own, **ASKED | options)


@pytest.mark.parametrize("largest", [1 << 14, 64], ids=["small states", "large states"])
def test_chains_from_other_first_days_meet_as_those_without_do(
    tmp_path: Path,
    cache: Path,
    read: list[dt.date],
    monkeypatch: pytest.MonkeyPatch,
    largest: int,
) -> None:
    monkeypatch.setattr(chain, "LARGEST_STATE", largest)
    store = ParquetStore(tmp_path / "store")
    check_days(store, cache, DAYS[2], DAYS[-1], **ASKED)
    read.clear()

    check_days(store, cache, DAYS[0], DAYS[-1], **ASKED)
    assert read == DAYS[:3]
    read.clear()
    give(cache, trades_of([DAYS[9]], seed=1).head(90))
    check_days(store, cache, DAYS[0], DAYS[-1], **ASKED, include_incomplete=True)

    # The state before it is that of the last day of January, or is made of the trades since.
    assert read == (DAYS[9:11] if largest > 64 else [DAYS[9], *DAYS[6:9], DAYS[10]])


def test_months_as_units_of_work_leave_one_chain(tmp_path: Path) -> None:
    days = day_range("2024-01-20", "2024-03-12")
    give(tmp_path, trades_of(days, per_day=60))
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path, "unit": "month"}
    own |= {"store": tmp_path / "store"}

    with ThreadPoolExecutor(2) as executor:
        filled = rb.populate(SYMBOL, days[0], days[-1], **own, **ASKED, executor=executor)

    assert filled.select("status", "made", "message").rows() == [("ok", len(days), None)]
    store = rb.open_store(tmp_path / "store")
    assert [key.origin for key in store.keys()] == [days[0]]  # noqa: SIM118 - not a dict
    check_days(store, tmp_path, days[0], days[-1], **ASKED)


def test_only_columns_that_are_used_are_read(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ParquetStore(tmp_path / "store")
    want, asked, original = fill(store, cache), list[str](), ParquetStore.read

    def spied(
        self: ParquetStore, key: BarKey, month: StoredMonth, columns: Sequence[str]
    ) -> pl.DataFrame | None:
        asked.extend(columns)
        return original(self, key, month, columns)

    monkeypatch.setattr(ParquetStore, "read", spied)
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own, **ASKED)
    for names in (["close"], ["poc", "ofi"], ["footprint"]):
        known = [name for name in names if name in plan.collect_schema()]
        assert_same(want.select(known), plan.select(known).collect())
        scanned = store.scan_bars().select(known).collect()
        assert_same(want.select(known), scanned)
        assert [name for name in FOOTPRINT_NAMES if name in asked] == [
            name for name in known if name in FOOTPRINT_NAMES
        ]
        asked.clear()


def test_scanned_bars_have_footprints_where_their_chain_stores_them(
    store: BarStore, cache: Path
) -> None:
    want = fill(store, cache).select(*FOOTPRINT_NAMES, "close")
    fill(store, cache, footprint=None)

    bars = store.scan_bars().collect()

    rich = bars.filter(pl.col("footprint_settings") == "0.05-80-200")
    plain = bars.filter(pl.col("footprint_settings").is_null())
    assert_same(want, rich.select(want.columns))
    assert bars.height == rich.height + plain.height == 2 * want.height
    assert plain["footprint"].null_count() == plain["poc"].null_count() == want.height


def test_sql_reads_the_levels_of_stored_bars(cache: Path) -> None:
    pytest.importorskip("duckdb")
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], source=SOURCE, cache_dir=cache, **ASKED)

    with rb.duckdb.connect(cache_dir=cache) as connection:
        query = "SELECT sum(level.volume), count(*) FROM (SELECT unnest(footprint) AS level "
        query += "FROM bars WHERE footprint_settings = '0.05-80-200')"
        got = connection.sql(query).fetchall()
        comment = connection.sql(
            "SELECT comment FROM duckdb_columns() WHERE column_name = 'footprint_settings'"
        ).fetchall()

    assert got == [(bars["volume"].sum(), bars["footprint"].list.len().sum())]
    assert comment[0][0].startswith("The tick of footprints")


def test_a_level_that_was_changed_in_a_file_is_damage(cache: Path, tmp_path: Path) -> None:
    store = ParquetStore(tmp_path / "store")
    want = fill(store, cache)
    (key,) = store.keys()
    february = store.path(key, dt.date(2024, 2, 1))
    metadata = pl.read_parquet_metadata(february)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    bars = pl.read_parquet(february, hive_partitioning=False)
    levels = pl.element().struct.with_fields(pl.field("volume") + 1)
    bars.with_columns(pl.col("footprint").list.eval(levels)).write_parquet(february, metadata=own)

    with pytest.raises(rb.errors.StoreError, match=r"column footprint has other values .*delete"):
        fill(store, cache)

    plan = store.scan_bars().select("close", "poc")
    assert_same(want.select("close", "poc"), plan.collect())
    february.unlink()
    assert_same(want, fill(store, cache))


def test_clickhouse_has_levels_as_an_array_and_knows_changed_ones(
    clickhouse_store: BarStore, clickhouse_url: str, cache: Path
) -> None:
    want = fill(clickhouse_store, cache)
    fill(clickhouse_store, cache, footprint=None)
    query = (
        "SELECT sum(arraySum(footprint.volume)), sum(length(footprint)) FROM current_bars "
        "WHERE footprint_settings = '0.05-80-200'"
    )
    assert ask(clickhouse_url, query) == [
        (want["volume"].sum(), want["footprint"].list.len().sum())
    ]
    without = "SELECT max(length(footprint)), count(poc) FROM current_bars "
    without += "WHERE footprint_settings IS NULL"
    assert ask(clickhouse_url, without) == [(0, 0)]

    changed = "ALTER TABLE bars UPDATE footprint = arrayReverse(footprint) WHERE ordinal = 3 "
    ask(clickhouse_url, f"{changed} SETTINGS mutations_sync = 2")

    with pytest.raises(rb.errors.StoreError, match="column footprint has other values"):
        fill(clickhouse_store, cache)
    # Who asks for none does not read them.
    assert fill(clickhouse_store, cache, footprint=None).height == want.height


def test_stored_footprints_are_drawn_as_those_of_one_pass(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    store = ParquetStore(tmp_path / "store")
    fill(store, cache)

    charts = [
        rb.plot_footprint(bars).to_dict()
        for bars in (fill(store, cache), one_pass(cache, DAYS[0], DAYS[-1], **ASKED))
    ]

    assert charts[0] == charts[1]
