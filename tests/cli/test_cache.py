"""``status``, ``list-symbols``, ``clear``, ``doctor``: what is there, and whether it works."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from support.archive_server import ArchiveServer, publish
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.verbs import rows, run

import rangebar_polars as rb
from rangebar_polars._cli import doctor
from rangebar_polars._cli.program import program

ETH = "ETH-USD"


@pytest.fixture(name="filled")
def _filled(tmp_path: Path) -> Path:
    """Return a cache with trades of two symbols, and bars of one."""
    root = tmp_path / "cache"
    for symbol in (SYMBOL, ETH):
        give(root, trades_of(DAYS[:4]), symbol)
    for threshold in (30, 50):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[3], threshold, source=SOURCE, cache_dir=root)
    return root


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "only"),
    [
        ([], {}),
        ([SYMBOL], {"symbol": SYMBOL}),
        ([SYMBOL, "-t", 30], {"symbol": SYMBOL, "threshold_decimal_bps": 30}),
        (["--source", "other"], {"source": "other"}),
    ],
)
def test_status_is_that_of_the_library(options: list[object], only: dict[str, Any]) -> None:
    expected = rb.cache_status(**only)

    assert rows("status", *options) == json.loads(expected.write_json())
    assert run("status", *options).stdout == expected.write_csv()


@pytest.mark.usefixtures("filled")
def test_cached_symbols_are_listed_with_their_rules() -> None:
    bars = rb.cache_status(symbol=SYMBOL)["rows"][1:].sum()
    same = {"source": SOURCE, "market": "spot", "days_of_trades": 4}

    assert rows("list-symbols") == [
        same | {"symbol": SYMBOL, "rules": "range-30 range-50", "bars": bars},
        same | {"symbol": ETH, "rules": "", "bars": 0},
    ]
    assert f"{SOURCE},spot,{SYMBOL},4,range-30 range-50,{bars}\n" in run("list-symbols").stdout


def test_symbols_of_the_archive_are_listed(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS[:1], "BTCUSDT", "ETHUSDT", market="um")
    monkeypatch.setenv("RANGEBAR_BINANCE_LISTING_URL", server.listing_url)
    where = ["--archive-url", server.url, "--market", "um"]

    printed = run("list-symbols", "--available", *where).stdout

    assert printed == "symbol\nBTCUSDT\nETHUSDT\n"


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (
            ["--archive-url", "http://a.example"],
            1,
            (
                "the archive of binance has no list of symbols (set "
                "RANGEBAR_BINANCE_LISTING_URL to that of the mirror)"
            ),
        ),
        (["--source", "mine"], 2, "source 'mine' has no archive (leave --available out)"),
    ],
)
def test_an_archive_without_a_list_says_so(options: list[str], code: int, text: str) -> None:
    done = CliRunner().invoke(program, ["list-symbols", "--available", *options])

    assert done.exit_code == code
    assert done.stderr.endswith(f"Error: {text}\n")


def kinds() -> list[tuple[str, str, int | None]]:
    """Return what is cached."""
    return rb.cache_status().select("kind", "symbol", "threshold_decimal_bps").rows()


@pytest.mark.usefixtures("filled")
def test_clear_lists_and_leaves_everything_without_confirm() -> None:
    text = "Warning: nothing was cleared (add --confirm to clear this)\n"
    before = kinds()

    found = rows("clear", SYMBOL, code=1, errors=text)

    assert [row["threshold_decimal_bps"] for row in found] == [30, 50]
    assert kinds() == before


@pytest.mark.usefixtures("filled")
def test_clear_removes_the_bars_of_a_threshold_or_of_all() -> None:
    run("clear", SYMBOL, "-t", 30, "--confirm")
    assert kinds()[2:] == [("bars", SYMBOL, 50)]

    run("clear", SYMBOL, "--confirm")
    assert kinds() == [("ticks", SYMBOL, None), ("ticks", ETH, None)]


@pytest.mark.usefixtures("filled")
def test_clear_removes_trades_only_where_they_are_named() -> None:
    run("clear", ETH, "--kind", "ticks", "--confirm")
    assert ("ticks", ETH, None) not in kinds()

    run("clear", "--all-symbols", "--kind", "ticks", "--confirm")
    assert kinds() == [("bars", SYMBOL, 30), ("bars", SYMBOL, 50)]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "give SYMBOL or --all-symbols, and not both"),
        (["X", "--all-symbols"], "give SYMBOL or --all-symbols, and not both"),
        (
            ["X", "--kind", "ticks", "-t", "30"],
            "trades have no rule (leave -t out, or give --kind bars)",
        ),
        (
            ["X", "--kind", "ticks", "--rule", "range-30"],
            "trades have no rule (leave --rule out, or give --kind bars)",
        ),
    ],
)
def test_clear_refuses_what_is_not_clear(options: list[str], text: str) -> None:
    done = CliRunner().invoke(program, ["clear", *options, "--confirm"])

    assert done.exit_code == 2
    assert done.stderr.endswith(f"Error: {text}\n")


def test_doctor_finds_everything_well(server: ArchiveServer, filled: Path) -> None:
    found = {row["check"]: row for row in rows("doctor", "--archive-url", server.url)}

    assert {row["result"] for row in found.values()} == {"ok"}
    assert rb.__version__ in found["versions"]["detail"]
    assert found["bars"]["detail"] == "3 bars of a frame, a plan, a processor are the known ones"
    assert found["cache"]["detail"].startswith(f"{filled}: ")
    assert f"{filled}: 2 chains of bars" in found["store"]["detail"]
    assert found["archive"]["detail"].startswith(f"{server.url} answers")


def test_doctor_does_not_ask_the_archive_offline(server: ArchiveServer) -> None:
    found = rows("doctor", "--offline", "--archive-url", server.url)

    assert found[-1] == {"check": "archive", "result": "skipped", "detail": "--offline"}
    assert server.requests == []


def test_doctor_ends_with_1_and_says_what_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = ["--store", "postgres://db", "--archive-url", "http://127.0.0.1:1"]

    found = {row["check"]: row for row in rows("doctor", *places, code=1)}

    failed = {name for name, row in found.items() if row["result"] == "failed"}
    assert failed == {"store", "archive"}
    assert found["store"]["detail"] == (
        "no bar store has a URL that begins with 'postgres:' (give a folder, 'parquet:///folder', "
        "'clickhouse://user:password@host:port/database' or 's3://bucket/prefix', or gs:// or az://)"
    )


def test_doctor_does_not_print_the_password_of_a_store(clickhouse_url: str) -> None:
    with rb.open_store(clickhouse_url) as store:
        address, password = store.address, urlsplit(store.address).password

    printed = run("doctor", "--store", clickhouse_url, "--offline").stdout

    assert password
    assert urlsplit(address).path in printed
    assert f":{password}@" not in printed


def test_doctor_notices_bars_that_are_not_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_KNOWN", doctor._KNOWN[:-1])  # noqa: SLF001

    found = {row["check"]: row for row in rows("doctor", "--offline", code=1)}

    assert found["bars"]["result"] == "failed"
    assert found["bars"]["detail"].startswith("the bars of a frame are [(50000.0, 50125.0,")
