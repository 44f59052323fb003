"""The calls for bars of days: arguments, trades that are missing or wrong, the last n bars."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv, publish
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._days import day_range
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import (
    ArchiveError,
    CacheError,
    DownloadError,
    RangeBarError,
    RangeBarWarning,
    StoreError,
)
from rangebar_polars.store import ParquetStore


def of_archive(server: ArchiveServer, start: Any, end: Any, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return bars of BTCUSDT."""
    asked: dict[str, Any] = {"threshold_decimal_bps": 30, "archive": server.url} | options
    return rb.get_range_bars("BTCUSDT", start, end, **asked)


# From the archive


def test_the_first_call_needs_nothing_but_an_archive(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS)

    got = of_archive(server, "2024-01-26", dt.date(2024, 2, 8), include_microstructure=True)

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30, include_microstructure=True).collect(), got)
    asked = len(server.requests)
    assert_same(got, of_archive(server, DAYS[0], DAYS[-1], include_microstructure=True))
    assert len(server.requests) == asked
    rule = "source=binance/market=spot/symbol=BTCUSDT/rule=range-30"
    folder = tmp_path / "cache" / "bars" / rule / "origin=2024-01-26" / "version=2"
    assert [path.name for path in sorted(folder.iterdir())] == [
        "2024-01.parquet",
        "2024-02.parquet",
    ]


def test_a_hit_needs_neither_archive_nor_trades(server: ArchiveServer) -> None:
    publish(server, DAYS)
    want = of_archive(server, DAYS[0], DAYS[-1])
    rb.cache_clear("ticks")
    asked = len(server.requests)

    assert_same(want, of_archive(server, DAYS[0], DAYS[-1]))
    assert_same(want, of_archive(server, DAYS[0], DAYS[-1], fetch_if_missing=False))
    assert len(server.requests) == asked


def test_a_hole_of_the_archive_is_warned_of_whenever_its_bars_are_given(
    server: ArchiveServer,
) -> None:
    publish(server, [day for day in DAYS if day != DAYS[3]])
    text = (
        "bars of binance spot BTCUSDT run over missing trades: days the archive has no file for: "
        "2024-01-29; 100 agg_trade_ids are missing: 2024-01-30 (see archive_quality)"
    )

    for _ in range(2):
        with pytest.warns(RangeBarWarning) as told:
            got = of_archive(server, DAYS[0], DAYS[-1])
        assert [str(warning.message) for warning in told] == [text]
        assert told[0].filename == __file__
    with pytest.warns(RangeBarWarning) as told:
        lazy = rb.scan_range_bars("BTCUSDT", DAYS[0], DAYS[-1], 30, archive=server.url)
    assert [str(warning.message) for warning in told] == [text]
    assert told[0].filename == __file__
    assert_same(got, lazy.collect())


def test_a_gap_at_the_end_of_what_was_stored_is_seen(server: ArchiveServer) -> None:
    publish(server, DAYS[:3])
    of_archive(server, DAYS[0], DAYS[2])
    csv = day_csv(DAYS[3], first_id=5_000_000)
    server.publish(BinanceFile("spot", "BTCUSDT", DAYS[3]), csv)

    with pytest.warns(RangeBarWarning, match=r"agg_trade_ids are missing: 2024-01-29 \("):
        of_archive(server, DAYS[0], DAYS[3])


def test_a_hole_that_is_filled_later_makes_the_bars_from_it_on_stale(
    server: ArchiveServer, read: list[dt.date]
) -> None:
    publish(server, [day for day in DAYS if day != DAYS[3]])
    with pytest.warns(RangeBarWarning):
        of_archive(server, DAYS[0], DAYS[-1])
    publish(server, [DAYS[3]])
    rb.scan_ticks("BTCUSDT", DAYS[3], DAYS[3], archive=server.url)
    read.clear()

    got = of_archive(server, DAYS[0], DAYS[-1])

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), got)
    assert read == DAYS[3:]


def test_days_after_the_last_one_published_are_asked_for_again(server: ArchiveServer) -> None:
    publish(server, DAYS[:5])
    with pytest.warns(RangeBarWarning, match="no file for: 2024-01-31 to 2024-02-08"):
        short = of_archive(server, DAYS[0], DAYS[-1])
    publish(server, DAYS[5:])

    got = of_archive(server, DAYS[0], DAYS[-1])

    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), got)
    assert got.height > short.height


def test_days_not_published_yet_are_warned_of(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS[:5])
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[5])

    with pytest.warns(RangeBarWarning, match="days not published yet: 2024-01-31 to 2024-02-08"):
        got = of_archive(server, DAYS[0], DAYS[-1])

    assert got.height > 0


def test_nothing_to_be_had_is_an_error(server: ArchiveServer) -> None:
    publish(server, [dt.date(2023, 1, 1)])
    with pytest.raises(ArchiveError, match="the archive has no file of binance spot BTCUSDT for"):
        of_archive(server, DAYS[0], DAYS[1])
    text = (
        f"no trades of mine spot BTC-USD are cached for 2024-01-26 in {_cache()} "
        "(import_trades puts them there)"
    )
    with says(CacheError, text):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[0], source=SOURCE)
    with pytest.raises(CacheError, match="fetch_if_missing=True fetches them"):
        of_archive(server, DAYS[0], DAYS[1], fetch_if_missing=False)


def _cache() -> Path:
    store = rb.open_store()
    assert isinstance(store, ParquetStore)
    return store.root


def test_a_server_that_fails_leaves_what_is_stored(server: ArchiveServer) -> None:
    publish(server, DAYS)
    of_archive(server, DAYS[0], DAYS[4])
    before = tree(_cache() / "bars")
    path = BinanceFile("spot", "BTCUSDT", DAYS[5]).path
    server.faults[f"{path}.CHECKSUM"].extend([Fault("status", 500)] * 50)
    server.faults[path].extend([Fault("status", 500)] * 50)

    archive = rb.BinanceArchive(server.url, attempts=2, timeout=5)
    with pytest.raises(DownloadError):
        of_archive(server, DAYS[0], DAYS[6], archive=archive)

    assert tree(_cache() / "bars") == before


# Days that nobody can vouch for


def test_bars_over_a_day_that_was_not_fetched_are_given_but_not_stored(
    server: ArchiveServer, read: list[dt.date]
) -> None:
    publish(server, DAYS)
    for days in (DAYS[:3], DAYS[4:]):
        rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)

    for _ in range(2):
        read.clear()
        with pytest.warns(RangeBarWarning, match="days not cached: 2024-01-29; 100 agg"):
            got = of_archive(server, DAYS[0], DAYS[-1], fetch_if_missing=False)
        assert set(read) >= set(DAYS[4:])
    read.clear()
    whole = of_archive(server, DAYS[0], DAYS[-1])

    assert read == DAYS[3:]
    assert not whole.equals(got)
    ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect(), whole)


# Arguments


BAD_ARGUMENTS: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "a threshold": (
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
        {"threshold_decimal_bps": 0},
    ),
    "a day": (
        ValueError,
        "start_date is '2024-02-30' (write a UTC day as YYYY-MM-DD)",
        {"start_date": "2024-02-30"},
    ),
    "a datetime": (
        TypeError,
        (
            "end_date is datetime.datetime(2024, 1, 31, 0, 0) (give a UTC day: 'YYYY-MM-DD' or "
            "datetime.date)"
        ),
        {"end_date": dt.datetime(2024, 1, 31)},  # noqa: DTZ001 - what is refused
    ),
    "days": (
        ValueError,
        "end_date 2024-01-25 lies before start_date 2024-01-26 (both days are included)",
        {"end_date": "2024-01-25"},
    ),
    "a market": (ValueError, None, {"market": "futures"}),  # type: ignore[dict-item]
    "a symbol": (ValueError, None, {"symbol": ""}),  # type: ignore[dict-item]
    "a reset": (
        ValueError,
        "reset is 'hour': expected 'day', 'week', 'month', 'year' or None",
        {"reset": "hour"},
    ),
    "a flag": (TypeError, "use_cache is 1: expected True or False", {"use_cache": 1}),
    "a flag of bars": (
        TypeError,
        "include_incomplete is 'yes': expected True or False",
        {"include_incomplete": "yes"},
    ),
    "progress": (
        ValueError,
        "progress is 'dots' (give None, 'tqdm', or a callable)",
        {"progress": "dots"},
    ),
    "a store": (
        TypeError,
        "the store is 7 (give a URL, a folder or a BarStore)",
        {"store": 7},
    ),
}


@pytest.mark.parametrize("call", [rb.get_range_bars, rb.scan_range_bars])
@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_a_bad_argument_is_refused_at_the_call(name: str, call: Any) -> None:  # noqa: ANN401
    kind, text, argument = BAD_ARGUMENTS[name]
    arguments = {"symbol": "BTCUSDT", "start_date": DAYS[0], "end_date": DAYS[1]} | argument

    with pytest.raises(kind) if text is None else says(kind, text):
        call(**arguments, fetch_if_missing=arguments.pop("fetch_if_missing", False))


def test_the_store_is_the_one_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    give(_cache(), trades_of(DAYS[:2]))
    monkeypatch.setenv("RANGEBAR_STORE", str(tmp_path / "elsewhere"))

    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], source=SOURCE)

    assert (tmp_path / "elsewhere" / "bars").is_dir()
    assert not (_cache() / "bars" / "source=mine").is_dir() or _cache() == tmp_path / "elsewhere"


# Days are those of UTC


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"])
def test_days_are_those_of_utc_whatever_the_zone_of_the_machine(zone: str, tmp_path: Path) -> None:
    # Around the change to summer time in New York.
    days = day_range("2024-03-09", "2024-03-11")
    give(tmp_path, trades_of(days))
    want = one_pass(tmp_path, days[0], days[-1], threshold_decimal_bps=30)
    code = f"""
import rangebar_polars as rb
for step in ["2024-03-10", "2024-03-11"]:
    bars = rb.get_range_bars("{SYMBOL}", "2024-03-09", step, 30, source="{SOURCE}",
                             cache_dir={str(tmp_path)!r}, store={str(tmp_path / zone)!r})
bars.write_ipc({str(tmp_path / "bars.arrow")!r})
"""

    run(code, TZ=zone)

    assert_same(want, pl.read_ipc(tmp_path / "bars.arrow"))


# Lazily


def test_a_plan_runs_again_and_reads_only_what_it_uses(read: list[dt.date]) -> None:
    give(_cache(), trades_of(DAYS))
    want = one_pass(
        _cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30, include_microstructure=True
    )
    plan = rb.scan_range_bars(
        SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE, include_microstructure=True
    )
    assert read == []

    for _ in range(2):
        assert_same(want, plan.collect())
        assert_same(want, plan.collect(engine="streaming"))
        assert_same(
            want.filter(pl.col("ofi") > 0).select("close", "open_time"),
            plan.filter(pl.col("ofi") > 0).select("close", "open_time").collect(),
        )
        assert plan.select(pl.len()).collect().item() == want.height
        assert_same(want.tail(3), plan.tail(3).collect())
    assert read == DAYS


def test_a_plan_that_stops_early_makes_no_more_months_than_it_needs(read: list[dt.date]) -> None:
    give(_cache(), trades_of(DAYS))
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)

    assert plan.head(3).collect().height == 3
    assert read == DAYS[:6]


def test_trades_that_change_between_two_runs_of_a_plan_are_seen() -> None:
    give(_cache(), trades_of(DAYS))
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    plan.collect()
    give(_cache(), trades_of([DAYS[7]], seed=1))

    assert_same(one_pass(_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30), plan.collect())


# The last bars


def test_trades_that_change_before_a_plan_runs_are_seen() -> None:
    give(_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    give(_cache(), trades_of([DAYS[7]], seed=1))

    assert_same(one_pass(_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30), plan.collect())


def test_the_last_n_bars_are_of_the_shortest_chain_that_has_them() -> None:
    give(_cache(), trades_of(DAYS))
    end = DAYS[-1]
    chains = {
        days: one_pass(_cache(), end - dt.timedelta(days=days - 1), end, threshold_decimal_bps=40)
        for days in (1, 2, 4, 8, 10)
    }
    of_one, of_two, of_ten = chains[1].height, chains[2].height, chains[10].height
    for count, days in [(1, 1), (of_one, 1), (of_one + 1, 2), (of_two + 1, 4), (of_ten, 10)]:
        got = rb.get_n_range_bars(
            SYMBOL, count, 40, end_date=end, max_lookback_days=10, source=SOURCE
        )
        assert_same(chains[days].tail(count), got)
    assert not (_cache() / "bars").exists()


def test_the_last_bars_up_to_the_last_cached_day_are_the_default() -> None:
    give(_cache(), trades_of(DAYS))

    got = rb.get_n_range_bars(SYMBOL, 5, 40, source=SOURCE)

    want = one_pass(_cache(), DAYS[-1], DAYS[-1], threshold_decimal_bps=40)
    assert_same(want.tail(5), got)


def test_the_last_published_day_is_the_default_of_the_archive(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS)
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[-1] + dt.timedelta(days=3))

    got = rb.get_n_range_bars("BTCUSDT", 5, 30, archive=server.url)

    ticks = rb.scan_ticks("BTCUSDT", DAYS[-1], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect().tail(5), got)


def test_a_kept_chain_is_used_for_the_last_bars_and_extended(read: list[dt.date]) -> None:
    give(_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[-1], DAYS[-1], 40, source=SOURCE)
    read.clear()

    rb.get_n_range_bars(SYMBOL, 5, 40, source=SOURCE)

    assert read == []


def test_with_a_reset_the_last_bars_are_those_of_the_periods() -> None:
    give(_cache(), trades_of(DAYS))
    whole = one_pass(_cache(), DAYS[3], DAYS[-1], threshold_decimal_bps=40, reset="week")

    got = rb.get_n_range_bars(SYMBOL, 200, 40, source=SOURCE, reset="week", max_lookback_days=8)

    assert_same(whole.tail(200), got)


def test_fewer_bars_than_asked_for_are_an_error_that_says_how_many() -> None:
    give(_cache(), trades_of(DAYS))
    has = one_pass(_cache(), DAYS[-3], DAYS[-1], threshold_decimal_bps=40).height
    told = (
        f"mine spot BTC-USD has {has} completed bars of 40 decimal basis points in the 3 days up "
        "to 2024-02-08: expected 100000"
    )
    question: dict[str, Any] = {"max_lookback_days": 3, "source": SOURCE}

    with says(
        RangeBarError,
        f"{told} (raise max_lookback_days, lower the threshold, or give allow_fewer=True)",
    ):
        rb.get_n_range_bars(SYMBOL, 100_000, 40, **question)
    with pytest.warns(RangeBarWarning) as warned:
        got = rb.get_n_range_bars(SYMBOL, 100_000, 40, allow_fewer=True, **question)

    assert [str(each.message) for each in warned] == [told]
    assert warned[0].filename == __file__
    assert got.height == has


@pytest.mark.parametrize(
    ("argument", "kind", "text"),
    [
        ({"n_bars": 0}, ValueError, "n_bars is 0: expected 1 or more"),
        ({"n_bars": 1.5}, TypeError, "n_bars is 1.5: expected an integer"),
        ({"n_bars": True}, TypeError, "n_bars is True: expected an integer"),
        (
            {"n_bars": 1, "max_lookback_days": 0},
            ValueError,
            "max_lookback_days is 0: expected 1 or more",
        ),
        (
            {"n_bars": 1, "max_lookback_days": 10**7, "end_date": "2024-01-01"},
            ValueError,
            "max_lookback_days is 10000000: expected at most 36600, and days that the calendar has",
        ),
        (
            {"n_bars": 1, "allow_fewer": None},
            TypeError,
            "allow_fewer is None: expected True or False",
        ),
        (
            {"n_bars": 1, "threshold_decimal_bps": [250]},
            TypeError,
            (
                "threshold_decimal_bps is [250]: expected an integer of decimal basis points "
                "(250 is 0.25 %)"
            ),
        ),
    ],
)
def test_a_bad_argument_for_the_last_bars_is_refused(
    argument: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.get_n_range_bars(SYMBOL, source=SOURCE, **argument)


def test_the_last_bars_of_nothing_are_an_error() -> None:
    with pytest.raises(CacheError, match="no trades of mine spot BTC-USD are cached"):
        rb.get_n_range_bars(SYMBOL, 1, source=SOURCE)
    with pytest.raises(CacheError, match="no trades of mine spot BTC-USD are cached for 2023-"):
        rb.get_n_range_bars(SYMBOL, 1, source=SOURCE, end_date="2024-01-01")


# Files of bars


def test_damaged_bars_are_an_error_that_names_the_file() -> None:
    give(_cache(), trades_of(DAYS))
    question: dict[str, Any] = {"source": SOURCE, "include_microstructure": True}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question)
    (path,) = (_cache() / "bars").rglob("*.parquet")
    whole = path.read_bytes()
    want = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question)
    found = set[str]()
    for place in range(20, len(whole) // 2, 997):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            # Not every bit of a file means something.
            assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question))
        except StoreError as error:
            text = str(error)
        else:
            continue
        assert text.startswith(f"{path} ")
        assert text.endswith("delete it, and its bars are computed again)")
        found.add(text)
    assert any("holds other bars than were written to it" in text for text in found)
    path.unlink()
    want = one_pass(
        _cache(), DAYS[0], DAYS[5], threshold_decimal_bps=30, include_microstructure=True
    )
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question))


def test_a_file_of_bars_in_another_place_is_refused() -> None:
    give(_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)
    (path,) = (_cache() / "bars").rglob("*.parquet")
    other = Path(str(path).replace("range-30", "range-40"))
    other.parent.mkdir(parents=True)
    path.rename(other)

    with pytest.raises(StoreError, match="it was moved: move it back, or delete it"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 40, source=SOURCE)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    give(_cache(), trades_of(DAYS[:1]))
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="choose another with cache_dir or RANGEBAR_CACHE_DIR"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[0], 30, source=SOURCE, store=tmp_path / "file")


def test_equal_questions_leave_equal_bytes_whatever_came_before(tmp_path: Path) -> None:
    trees = []
    for number, steps in enumerate([[13], [0, 3, 5, 6, 13], [2, 13, 8]]):
        root = tmp_path / str(number)
        give(root, trades_of(DAYS))
        for step in steps:
            rb.get_range_bars(SYMBOL, DAYS[0], DAYS[step], [30, 50], source=SOURCE, cache_dir=root)
        trees.append(tree(root / "bars"))

    assert len(trees[0]) == 4
    assert trees[0] == trees[1] == trees[2]


# Without what is optional


def test_neither_pyarrow_nor_pandas_nor_numpy_is_needed(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS))
    code = f"""
import sys
for name in ("pyarrow", "pandas", "numpy", "duckdb", "clickhouse_connect", "tqdm"):
    sys.modules[name] = None
import rangebar_polars as rb
for _ in range(2):
    bars = rb.get_range_bars("{SYMBOL}", "{DAYS[0]}", "{DAYS[-1]}", 30, source="{SOURCE}",
                             cache_dir={str(tmp_path)!r}, include_microstructure=True)
print(bars.height, rb.cache_status(cache_dir={str(tmp_path)!r}).height)
"""
    want = one_pass(tmp_path, DAYS[0], DAYS[-1], threshold_decimal_bps=30)

    assert run(code).split() == [str(want.height), "2"]


def test_bars_go_to_arrow_without_copies() -> None:
    pa = pytest.importorskip("pyarrow")
    give(_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)

    table = pa.table(bars)

    for name in ("close", "volume"):
        ours = bars[name].get_chunks()[0].to_numpy(allow_copy=False).ctypes.data
        assert table[name].chunk(0).buffers()[1].address == ours
