"""``get``, ``fetch``, ``populate``, ``quality``, ``import``: the calls of the same names."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal
from support.archive_server import ArchiveServer, publish
from support.cached_trades import DAYS, trades_of
from support.verbs import rows, run

import rangebar_polars as rb
from rangebar_polars._cli.program import program

START, END = str(DAYS[0]), str(DAYS[3])
RANGE = [START, END]
ETH = "ETHUSDT"


@pytest.fixture(name="archive")
def _archive(server: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> ArchiveServer:
    """Serve four days of two symbols where the environment says."""
    publish(server, DAYS[:4], "BTCUSDT", ETH, rows=1000)
    monkeypatch.setenv("RANGEBAR_BINANCE_URL", server.url)
    monkeypatch.setenv("RANGEBAR_BINANCE_LISTING_URL", server.listing_url)
    return server


def of_json(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame of the library as it comes from JSON."""
    found: list[dict[str, Any]] = json.loads(frame.write_json())
    return found


@pytest.mark.usefixtures("archive")
def test_get_writes_the_bars_of_the_library(tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"

    run("get", "BTCUSDT", *RANGE, "-t", 30, "--microstructure", "-o", out, "-q")

    expected = rb.get_range_bars("BTCUSDT", START, END, 30, include_microstructure=True)
    assert expected.height > 100
    assert_frame_equal(pl.read_parquet(out), expected)


@pytest.mark.usefixtures("archive")
def test_get_of_several_symbols_and_thresholds_has_a_column_of_each(tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"

    run("get", "BTCUSDT", ETH, *RANGE, "-t", 30, "-t", 20, "--reset", "day", "-o", out, "-q")

    expected = rb.get_range_bars(["BTCUSDT", ETH], START, END, [30, 20], reset="day")
    assert_frame_equal(pl.read_parquet(out), expected)


@pytest.mark.usefixtures("archive")
def test_get_and_populate_take_columns_by_name(tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"
    asked = [option for name in ("intra_kaufman_er", "ofi") for option in ("--features", name)]
    run("populate", "BTCUSDT", "-s", START, "-e", END, "-t", 30, "--features", "intra_kaufman_er")

    run("get", "BTCUSDT", *RANGE, "-t", 30, *asked, "-o", out, "-q")

    names = ["intra_kaufman_er", "ofi"]
    expected = rb.get_range_bars("BTCUSDT", START, END, 30, features=names)
    assert_frame_equal(pl.read_parquet(out), expected)
    assert [row["features"] for row in rows("status", "-t", 30)] == ["intra_kaufman_er"]


@pytest.mark.usefixtures("archive")
def test_get_and_populate_look_back_and_make_footprints(tmp_path: Path) -> None:
    out = tmp_path / "bars.parquet"
    asked = ("--lookback", "20", "--vpin", "0.5,3", "--footprint", "0.05,80")
    run("populate", "BTCUSDT", "-s", START, "-e", END, "-t", 30, *asked)

    run("get", "BTCUSDT", *RANGE, "-t", 30, *asked, "-o", out, "-q")

    of_bars: dict[str, Any] = {"lookback": 20, "vpin": rb.Vpin(0.5, 3)}
    of_bars |= {"footprint": rb.Footprint(0.05, 80)}
    expected = rb.get_range_bars("BTCUSDT", START, END, 30, **of_bars)
    assert_frame_equal(pl.read_parquet(out), expected)
    (row,) = rows("status", "-t", 30)
    asked_for = (row["lookback"], row["vpin"], row["footprint_settings"])
    assert asked_for == ("20", "0.5-3", "0.05-80-300")


def test_get_stores_bars_unless_it_is_asked_not_to(archive: ArchiveServer) -> None:
    run("get", "BTCUSDT", *RANGE, "--no-store")
    assert rb.cache_status()["kind"].to_list() == ["ticks"]

    run("get", "BTCUSDT", *RANGE)
    asked = len(archive.requests)
    run("get", "BTCUSDT", *RANGE)

    assert rb.cache_status()["kind"].to_list() == ["ticks", "bars"]
    assert len(archive.requests) == asked


def test_settings_are_options_too(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS[:2], "BTCUSDT", market="um")
    where = ["--cache-dir", tmp_path / "c", "--store", tmp_path / "s"]
    days = [DAYS[0], DAYS[1]]

    run("get", "BTCUSDT", *days, "--market", "um", "--archive-url", server.url, *where)

    found = rb.cache_status(cache_dir=tmp_path / "c", store=tmp_path / "s")
    assert found["market"].to_list() == ["um", "um"]


@pytest.mark.usefixtures("archive")
def test_fetch_counts_the_trades_of_each_symbol() -> None:
    found = rows("fetch", "BTCUSDT", ETH, *RANGE)

    first, last = f"{START}T00:00:00+00:00", f"{END}T02:46:30+00:00"
    assert found == [
        {"symbol": symbol, "trades": 4000, "first": first, "last": last}
        for symbol in ("BTCUSDT", ETH)
    ]


@pytest.mark.usefixtures("archive")
def test_trades_that_are_fetched_give_the_bars_that_get_gives(tmp_path: Path) -> None:
    out = tmp_path / "trades.csv.gz"

    run("fetch", "BTCUSDT", *RANGE, "-o", out, "-q")

    assert run("bars", out, "-t", 30).stdout == run("get", "BTCUSDT", *RANGE, "-t", 30).stdout


@pytest.mark.usefixtures("archive")
def test_fetch_of_several_symbols_writes_a_column_of_them(tmp_path: Path) -> None:
    out = tmp_path / "trades.parquet"

    run("fetch", "BTCUSDT", ETH, *RANGE, "-o", out, "-q")

    assert_frame_equal(pl.read_parquet(out), rb.scan_ticks(["BTCUSDT", ETH], *RANGE).collect())


@pytest.mark.usefixtures("archive")
def test_what_is_missing_is_a_warning() -> None:
    text = (
        "Warning: trades of binance spot BTCUSDT are missing: days the archive has no file for: "
        f"{DAYS[4]} (see rangebar-polars quality)\n"
    )

    run("fetch", "BTCUSDT", START, DAYS[4], errors=text)


@pytest.mark.usefixtures("archive")
def test_populate_reports_each_symbol_and_threshold() -> None:
    found = rows("populate", "BTCUSDT", ETH, "-s", START, "-e", END, "-t", 30, "-t", 20)

    assert [(row["symbol"], row["threshold_decimal_bps"], row["status"]) for row in found] == [
        ("BTCUSDT", 20, "ok"),
        ("BTCUSDT", 30, "ok"),
        (ETH, 20, "ok"),
        (ETH, 30, "ok"),
    ]
    assert rb.cache_status()["kind"].to_list() == ["ticks"] * 2 + ["bars"] * 4


@pytest.mark.usefixtures("archive")
def test_populate_ends_with_1_if_a_symbol_is_not_whole() -> None:
    text = (
        "Warning: 1 of 2 symbols were not filled: NONE: ArchiveError: binance spot has no symbol "
        "NONE (it has 2 others)\n"
    )

    found = rows("populate", "BTCUSDT", "NONE", "-s", START, "-e", END, code=1, errors=text)

    assert [row["status"] for row in found] == ["ok", "failed"]


@pytest.mark.usefixtures("archive")
def test_quality_is_the_report_of_the_library() -> None:
    found = rows("quality", "BTCUSDT", *RANGE)

    assert found == of_json(rb.archive_quality("BTCUSDT", *RANGE))


@pytest.mark.usefixtures("archive")
def test_quality_is_a_csv_in_a_pipe_with_its_lists_as_json() -> None:
    printed = run("quality", "BTCUSDT", *RANGE).stdout

    frame = pl.read_csv(printed.encode())
    expected = rb.archive_quality("BTCUSDT", *RANGE)
    assert frame.columns == expected.columns
    assert frame["rows_after"].to_list() == expected["rows_after"].to_list()
    assert frame["gaps"].to_list() == ["[]"] * 4


@pytest.mark.usefixtures("archive")
def test_strict_quality_ends_with_1_where_a_day_has_a_defect() -> None:
    run("quality", "BTCUSDT", *RANGE, "--strict")
    text = (
        f"Error: binance spot BTCUSDT has defects: {DAYS[4]}: hole 1 (rangebar-polars quality "
        "shows them, without --strict they are accepted)\n"
    )

    run("quality", "BTCUSDT", START, DAYS[4], "--strict", code=1, errors=text)


def test_offline_fetches_nothing(archive: ArchiveServer, tmp_path: Path) -> None:
    text = (
        f"Error: no trades of binance spot BTCUSDT are cached for {START} to {END} in "
        f"{tmp_path / 'cache'} (without --offline they are fetched)\n"
    )

    run("get", "BTCUSDT", *RANGE, "--offline", code=1, errors=text)

    assert archive.requests == []


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ["get", "btcusdt", *RANGE],
            2,
            "symbol 'btcusdt' is no symbol of binance (did you mean 'BTCUSDT'?)",
        ),
        (
            ["get", "BTCUSDT", START, "2024-13-01"],
            2,
            "end_date is '2024-13-01' (write a UTC day as YYYY-MM-DD)",
        ),
        (
            ["fetch", "BTCUSDT", *RANGE, "--market", "xx"],
            2,
            "market is 'xx' (binance has 'spot', 'um' and 'cm')",
        ),
        (["fetch", "NONE", *RANGE], 1, "binance spot has no symbol NONE (it has 2 others)"),
        (
            ["populate", "BTCUSDT", "-s", START, "-e", END, "--processes", 0],
            2,
            "processes is 0: expected 1 or more",
        ),
        (
            ["get", "BTCUSDT", *RANGE, "--features", "kaufman"],
            2,
            (
                "features holds 'kaufman': expected names of columns of bars (write "
                "'intra_kaufman_er')"
            ),
        ),
    ],
)
@pytest.mark.usefixtures("archive")
def test_what_is_wrong_is_one_line(arguments: list[object], code: int, text: str) -> None:
    assert run(*arguments, code=code, errors=f"Error: {text}\n").stdout == ""


def test_an_archive_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANGEBAR_BINANCE_URL", "http://127.0.0.1:1")

    done = CliRunner().invoke(program, ["get", "BTCUSDT", *RANGE])

    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: http://127.0.0.1:1/")


def test_imported_trades_are_there_for_get(tmp_path: Path) -> None:
    given = trades_of(DAYS[:4])
    given.write_parquet(tmp_path / "trades.parquet")

    report = rows("import", tmp_path / "trades.parquet", "--source", "mine", "--symbol", "X")
    printed = run("get", "X", *RANGE, "--source", "mine", "-t", 30).stdout

    assert [row["day"] for row in report] == [str(day) for day in DAYS[:4]]
    assert printed.encode() == rb.bars(given, 30).write_csv().encode()


def test_imported_trades_of_a_csv_need_the_options_of_bars(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_text("timestamp,px,quantity\n1723075200000,100,1\n1723075201000,101,1\n")
    names = ["--source", "mine", "--symbol", "X"]
    text = (
        f"Error: {file} has no column 'price' for price (it has timestamp, px, quantity; "
        "name it with --columns price=...)\n"
    )

    run("import", file, *names, code=2, errors=text)
    run("import", file, *names, "--columns", "price=px", "--time-unit", "ms")


def test_other_trades_of_a_day_need_replace(tmp_path: Path) -> None:
    names = ["--source", "mine", "--symbol", "X"]
    for seed, name in enumerate(("a", "b")):
        trades_of(DAYS[:1], seed).write_parquet(tmp_path / f"{name}.parquet")
    run("import", tmp_path / "a.parquet", *names)

    done = CliRunner().invoke(program, ["import", str(tmp_path / "b.parquet"), *names])
    assert done.exit_code == 1
    assert done.stderr.endswith("give all trades of the day together, with --replace)\n")

    run("import", tmp_path / "b.parquet", *names, "--replace")


def test_several_files_with_sides_as_text_are_one_import(tmp_path: Path) -> None:
    given = trades_of(DAYS[:2])
    maker = pl.col("is_buyer_maker")
    side = pl.when(maker).then(pl.lit("Buy")).when(~maker).then(pl.lit("Sell"))
    written = given.with_columns(side=side).drop("is_buyer_maker")
    folder = tmp_path / "in"
    folder.mkdir()
    files = [folder / f"{number}.parquet" for number in range(2)]
    for file, part in zip(files, (written[:100], written[100:]), strict=True):
        part.write_parquet(file)
    options = ["--source", "mine", "--columns", "side=side,side_of=maker"]

    rows("import", *files, *options, "--symbol", "X")
    rows("import", folder, *options, "--symbol", "Y")

    for symbol in ("X", "Y"):
        ticks = rb.scan_ticks(symbol, DAYS[0], DAYS[1], source="mine").collect()
        assert ticks["is_buyer_maker"].equals(given["is_buyer_maker"])


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (
            "side=side,is_buyer_maker=m",
            "side is 'side' and is_buyer_maker 'm': expected one column",
        ),
        ("sell=S", "sell is given without side"),
        ("side=side,side_of=me", "side_of is 'me': expected 'taker' or 'maker'"),
    ],
)
def test_sides_that_contradict_each_other_are_a_bad_option(
    columns: str, text: str, tmp_path: Path
) -> None:
    given = ["import", str(tmp_path), "--source", "mine", "--symbol", "X", "--columns", columns]

    done = CliRunner().invoke(program, given)

    assert done.exit_code == 2
    assert f"Invalid value for '--columns': {text}" in done.stderr


def test_days_are_written_as_asked(tmp_path: Path) -> None:
    trades_of(DAYS).write_parquet(tmp_path / "trades.parquet")
    names = ["--source", "mine", "--symbol", "X"]
    sizes = {}
    for kind in ("lz4", "uncompressed"):
        given = ["--cache-compression", kind, "--cache-dir", tmp_path / kind]
        run("import", tmp_path / "trades.parquet", *names, *given)
        sizes[kind] = sum(each.stat().st_size for each in (tmp_path / kind).rglob("*.parquet"))

    assert sizes["lz4"] < sizes["uncompressed"]
