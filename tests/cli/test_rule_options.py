"""``--rule`` and ``--max-gap`` are the arguments of the library, in every verb with bars."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal
from support.cached_trades import DAYS, SOURCE, SYMBOL, default_cache, give, trades_of
from support.trades import walk
from support.verbs import rows, run

import rangebar_polars as rb
from rangebar_polars._cli.program import program

RULES = [rb.VolumeRule(20), rb.CusumRule(30)]
OPTIONS = ["--rule", "volume-20", "--rule", "cusum-30", "--max-gap", "1h"]
OF_SOURCE = ["--source", SOURCE]


def test_bars_of_a_file_take_rules(tmp_path: Path) -> None:
    trades = walk(500).with_columns(pl.col("is_buyer_maker").fill_null(value=True))
    out = tmp_path / "bars.parquet"
    trades.write_parquet(tmp_path / "trades.parquet")

    run("bars", tmp_path / "trades.parquet", *OPTIONS, "--microstructure", "-o", out, "-q")

    want = rb.bars(trades, rule=RULES, max_gap="1h", include_microstructure=True)
    assert_frame_equal(want, pl.read_parquet(out))
    for rule, bars in want.group_by("rule"):
        bars.write_parquet(out)
        run("validate", out, tmp_path / "trades.parquet", "--rule", rule[0], *OPTIONS[-2:])


def test_bars_of_days_take_rules(tmp_path: Path) -> None:
    give(default_cache(), trades_of(DAYS[:2]))
    out = tmp_path / "bars.parquet"
    given = [SYMBOL, DAYS[0], DAYS[1], *OF_SOURCE, *OPTIONS]

    run("get", *given, "-o", out, "-q")

    own: dict[str, Any] = {"source": SOURCE, "rule": RULES, "max_gap": "1h"}
    want = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[1], **own)
    assert_frame_equal(want, pl.read_parquet(out))
    filled = rows("populate", SYMBOL, "-s", DAYS[0], "-e", DAYS[1], *OF_SOURCE, *OPTIONS)
    assert [(row["rule"], row["made"], row["stored"]) for row in filled] == [
        ("volume-20", 0, 2),
        ("cusum-30", 0, 2),
    ]
    (row,) = rows("status", "--rule", "cusum-30")
    assert (row["rule"], row["threshold_decimal_bps"], row["max_gap"]) == ("cusum-30", None, "1h")
    run("clear", SYMBOL, "--rule", "cusum-30", "--confirm")
    assert [row["rule"] for row in rows("status") if row["kind"] == "bars"] == ["volume-20"]


def test_bars_of_days_take_trading_days(tmp_path: Path) -> None:
    give(default_cache(), trades_of(DAYS[:3]))
    out, ticks = tmp_path / "bars.parquet", tmp_path / "trades.parquet"
    day, reset = rb.TradingDay("01:00", "America/New_York"), ["--reset", "01:00@America/New_York"]
    given = [SYMBOL, DAYS[0], DAYS[2], *OF_SOURCE, "-t", 30]

    run("get", *given, *reset, "-o", out, "-q")

    own: dict[str, Any] = {"source": SOURCE, "reset": day}
    want = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[2], 30, **own)
    assert_frame_equal(want, pl.read_parquet(out))
    (filled,) = rows("populate", SYMBOL, "-s", DAYS[0], "-e", DAYS[2], *OF_SOURCE, "-t", 30, *reset)
    assert (filled["made"], filled["stored"]) == (0, 3)
    (row,) = (row for row in rows("status") if row["kind"] == "bars")
    assert (row["reset"], row["origin"]) == (reset[1], str(DAYS[0]))
    rb.scan_ticks(SYMBOL, DAYS[0], DAYS[2], source=SOURCE).collect().write_parquet(ticks)
    run("validate", out, ticks, "-t", 30, *reset)
    cut = CliRunner().invoke(program, ["validate", str(out), str(ticks), "-t", "30"])
    assert cut.exit_code == 1


NO_RULE = 'expected one such as "range-250" or "dollar-1000000"'


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (
            ["--rule", "dollar"],
            2,
            f"Invalid value for '--rule': \"dollar\" is the text of no rule: {NO_RULE}",
        ),
        (
            ["--rule", "when"],
            2,
            (
                "Invalid value for '--rule': 'when' is the text of a rule with an expression, "
                "which the text does not hold (make the rule in Python: WhenRule or SumRule)"
            ),
        ),
        (
            ["--reset", "hour"],
            2,
            (
                "Invalid value for '--reset': reset is 'hour': expected 'day', 'week', 'month', "
                "'year', or a time of day in a zone, such as '17:00@America/New_York'"
            ),
        ),
        (
            ["--reset", "17:00@New York"],
            2,
            (
                "Invalid value for '--reset': zone is 'New York': expected the name of a zone in "
                'the IANA database, such as "America/New_York" or "UTC"'
            ),
        ),
        (
            ["--rule", "tick-3", "-t", "25"],
            2,
            (
                "--threshold is 25 beside rule: expected one of both (--rule range-250 is that "
                "of a threshold)"
            ),
        ),
        (
            ["--rule", "tick-3", "--same-timestamp-close"],
            2,
            (
                "--same-timestamp-close is given beside rule: each rule has its own (--rule "
                "range-250-nogate)"
            ),
        ),
        (
            ["--rule", "Dollar-5e3"],
            2,
            (
                f"Invalid value for '--rule': \"Dollar-5e3\" is the text of no rule: {NO_RULE} "
                '(write "dollar-5000")'
            ),
        ),
        (
            ["--rule", "tick-3", "--rule", "tick-3"],
            2,
            "rule holds tick-3 twice: expected each once",
        ),
        (
            ["--rule", "trade-3", "--columns", "first_trade_id="],
            1,
            (
                'the rule needs a column "first_trade_id", and the trades have [timestamp: '
                "datetime[ms], price: f64, quantity: f64, is_buyer_maker: bool, agg_trade_id: i64, "
                "first_trade_id: i64, last_trade_id: i64] (say which they are: --columns "
                "first_trade_id=...,last_trade_id=..., or count records: --rule tick-N)"
            ),
        ),
        (
            ["--rule", "run-tick-maker-3", "--columns", "is_buyer_maker="],
            1,
            (
                'the rule needs a column "is_buyer_maker", and the trades have [timestamp: '
                "datetime[ms], price: f64, quantity: f64, is_buyer_maker: bool, agg_trade_id: i64, "
                "first_trade_id: i64, last_trade_id: i64] (say which it is: --columns "
                "is_buyer_maker=..., or write tickrule in place of maker in --rule)"
            ),
        ),
        (
            ["--max-gap", "1mo"],
            2,
            "--max-gap is '1mo': expected a fixed length above 0, such as 30m or 1h30m",
        ),
    ],
    ids=str,
)
def test_a_wrong_rule_is_refused_in_options(
    options: list[str], code: int, text: str, tmp_path: Path
) -> None:
    walk(5).write_parquet(tmp_path / "trades.parquet")

    done = CliRunner().invoke(program, ["bars", str(tmp_path / "trades.parquet"), *options])

    assert done.exit_code == code
    assert done.stderr.endswith(f"Error: {text}\n")


def test_bars_of_several_rules_are_validated_one_by_one(tmp_path: Path) -> None:
    trades, bars = str(tmp_path / "trades.parquet"), str(tmp_path / "bars.parquet")
    walk(90).write_parquet(trades)
    run("bars", trades, "--rule", "tick-9", "--rule", "volume-5", "-o", bars, "-q")

    done = CliRunner().invoke(program, ["validate", bars])

    assert done.exit_code == 2
    text = "expected bars of one (make those of one: --rule volume-5)"
    assert done.stderr == f"Error: the bars are of 2 rules, volume-5, tick-9: {text}\n"
    run("bars", trades, "--rule", "tick-9", "-o", bars, "-q")
    run("validate", bars, trades, "--rule", "tick-9")
