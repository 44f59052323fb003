"""``validate`` and ``plot``: bars of a file, checked and drawn by the functions of the package."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from support.command_line import terminal
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._cli.program import program
from rangebar_polars._cli.trades_file import TradesFile

THRESHOLD = 100
BARS = rb.bars(walk(500), THRESHOLD)


def run(*arguments: object) -> Result:
    """Run a verb."""
    return CliRunner().invoke(program, list(map(str, arguments)))


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_bars_of_a_csv_have_the_dtypes_that_they_were_written_with(
    unit: str, tmp_path: Path
) -> None:
    bars = rb.bars(
        walk(500).with_columns(
            pl.col("timestamp").cast(pl.Datetime(unit)).dt.replace_time_zone("UTC")  # type: ignore[arg-type]
        ),
        THRESHOLD,
        include_microstructure=True,
        include_incomplete=True,
    )
    nothing = bars.with_columns(pl.lit(None, pl.Int64).alias("first_agg_trade_id"))
    nothing.write_csv(tmp_path / "bars.csv")

    read = TradesFile(tmp_path / "bars.csv", "csv", "bars.csv").table().collect()

    assert read.schema == nothing.schema
    assert read.rows() == nothing.rows()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_good_bars_pass(suffix: str, tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / f"bars.{suffix}"
    run("bars", tmp_path / "trades.parquet", "-t", THRESHOLD, "-o", out)

    done = run("validate", out, "-t", THRESHOLD, "--json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert "fail" not in {row["status"] for row in json.loads(done.stdout)}


def test_good_bars_of_a_rule_with_gaps_pass_and_of_another_rule_do_not(tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    cut = ("--rule", "tick-7", "--max-gap", "2s")
    run("bars", tmp_path / "trades.parquet", *cut, "-o", tmp_path / "bars.parquet")

    for rule, code in ((cut, 0), (("--rule", "tick-8", "--max-gap", "2s"), 1)):
        done = run("validate", tmp_path / "bars.parquet", tmp_path / "trades.parquet", *rule)
        assert (done.exit_code, done.stderr) == (code, "")


def test_good_bars_are_made_of_their_trades(tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    BARS.write_parquet(tmp_path / "bars.parquet")
    files = [tmp_path / "bars.parquet", tmp_path / "trades.parquet"]

    done = run("validate", *files, "-t", THRESHOLD, "--json")

    assert done.exit_code == 0
    assert "conservation" in {row["check"] for row in json.loads(done.stdout)}


def test_a_check_that_fails_ends_with_1_and_is_listed_alone_on_a_terminal(tmp_path: Path) -> None:
    BARS.with_columns(high=pl.col("open") - 1).write_parquet(tmp_path / "bars.parquet")

    with terminal("validate", tmp_path / "bars.parquet", "-t", THRESHOLD, columns=200) as shown:
        assert shown.end() == 1

    assert "ohlc" in shown.text
    assert "pass" not in shown.text


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (walk(500).drop("agg_trade_id"), ["--without", "agg_trade_id"]),
        (walk(500).with_columns(pl.col("agg_trade_id") * 2), ["--ids-may-skip"]),
    ],
)
def test_trades_of_other_kinds_have_an_option(
    given: pl.DataFrame, option: list[str], tmp_path: Path
) -> None:
    bars = rb.bars(given, THRESHOLD, include_microstructure=True)
    bars.write_parquet(tmp_path / "bars.parquet")
    asked = ["validate", tmp_path / "bars.parquet", "-t", THRESHOLD]

    assert run(*asked).exit_code == 1
    assert run(*asked, *option).exit_code == 0


def test_a_chart_has_the_title_that_is_given(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    BARS.write_parquet(tmp_path / "bars.parquet")
    out = tmp_path / "bars.json"

    run("plot", tmp_path / "bars.parquet", "-o", out, "--title", "BTC, 0.25 %")

    assert json.loads(out.read_text(encoding="utf-8"))["title"]["text"] == "BTC, 0.25 %"


@pytest.mark.parametrize("suffix", ["html", "json"])
def test_a_chart_is_written_to_a_file(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    BARS.write_parquet(tmp_path / "bars.parquet")
    out = tmp_path / f"bars.{suffix}"

    done = run("plot", tmp_path / "bars.parquet", "-o", out)

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"{out}: {out.stat().st_size:,} bytes\n"
    assert "vega" in out.read_text(encoding="utf-8")
