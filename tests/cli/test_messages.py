"""What goes wrong is one line on standard error, in the words of the command line."""

import re
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from support.command_line import in_pipes
from support.trades import trades, walk

from rangebar_polars._cli.program import program

HEADER = "timestamp,price,quantity"
FIRST, SECOND = "2024-01-01 00:00:01,1,1", "2024-01-01 00:00:02,3,1"
RUNNER = CliRunner()
SUFFIXES = ".csv, .csv.gz, .parquet, .ipc, .arrow, .feather"


def failed(*arguments: object) -> tuple[int, str]:
    """Return the exit code and the last line of standard error; nothing else is printed."""
    done = RUNNER.invoke(program, list(map(str, arguments)))
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    usage = [line for line in lines if line.startswith(("Usage: ", "Try ")) or not line]
    assert len(lines) == len(usage) + 1, done.stderr
    return done.exit_code, lines[-1]


def csv(folder: Path, *lines: str) -> Path:
    """Write a CSV."""
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


CASES: list[tuple[list[str], list[object], int, str]] = [
    (
        [HEADER, FIRST, "2024-01-01 00:00:02,abc,1"],
        [],
        1,
        (
            "column 'price' of {file} is 'abc' at row 1, expected a finite number (repair or drop "
            "such rows)"
        ),
    ),
    (
        [HEADER, FIRST, '2024-01-01 00:00:02,"1,5",1'],
        [],
        1,
        (
            "column 'price' of {file} is '1,5' at row 1, expected a finite number (repair or drop "
            "such rows)"
        ),
    ),
    (
        [HEADER, FIRST, "2024-01-01 00:00:00,1,1"],
        [],
        1,
        (
            "trades are not sorted by time at row 1: 2024-01-01 00:00:00.000000 after 2024-01-01 "
            "00:00:01.000000 (sort by timestamp and trade id; without ids, reverse trades that "
            "come newest first; a join, unique or group_by before needs maintain_order)"
        ),
    ),
    (
        [HEADER, FIRST, f"{SECOND},1"],
        [],
        1,
        (
            "{file} cannot be read: line 3 has 4 fields, expected 3 as in the first line (repair "
            "the line)"
        ),
    ),
    (
        ["timestamp,px,quantity", FIRST],
        [],
        1,
        (
            'no column "price" among the trades: they have [timestamp: datetime[μs, UTC], px: str, '
            "quantity: f64] (say which it is: --columns price=...)"
        ),
    ),
    (
        [HEADER, FIRST],
        ["--columns", "quantity=size"],
        1,
        (
            'no column "size" among the trades: they have [timestamp: datetime[μs, UTC], price: '
            "f64, quantity: str] (say which it is: --columns quantity=...)"
        ),
    ),
    (
        [HEADER.replace(",", ";"), FIRST.replace(",", ";")],
        [],
        1,
        (
            "{file} has one column, 'timestamp;price;quantity' (is there another separator? give "
            "--separator)"
        ),
    ),
    (
        [FIRST, SECOND],
        [],
        1,
        (
            "{file} has no header: its first line is 2024-01-01 00:00:01, 1, 1 (name "
            "its columns, in their order: --header timestamp,price,quantity)"
        ),
    ),
    (
        [HEADER, "1723075200000,1,1"],
        [],
        2,
        (
            "column 'timestamp' is Int64, expected a Datetime (give --time-unit ms, in which "
            "1723075200000 lies between 1990 and 2100)"
        ),
    ),
    (
        [HEADER, "1723075200000,1,1"],
        ["--time-unit", "us"],
        1,
        (
            "column 'timestamp' of {file}, 1723075200000 us since 1970, is no time from 1990 to "
            "2100 at row 0 (give --time-unit ms)"
        ),
    ),
    (
        [HEADER, FIRST],
        ["--by", "symbol"],
        1,
        'no column "symbol" among the trades: they have [timestamp, price, quantity]',
    ),
    (
        [HEADER, FIRST],
        ["-t", 0],
        2,
        "--threshold is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
    ),
    (
        [HEADER, FIRST],
        ["-t", 0.25],
        2,
        (
            "Invalid value for '-t' / '--threshold': '0.25' is not a valid integer of decimal "
            "basis points (0.25 % is 250, a fraction of 0.25, 25 %, is 25000)"
        ),
    ),
    (
        [HEADER, FIRST],
        ["-t", "small"],
        2,
        (
            "Invalid value for '-t' / '--threshold': 'small' is not a valid integer of decimal "
            "basis points (250 is 0.25 %, and 'micro', 'tight', 'standard', 'medium', 'wide', "
            "'macro' are names of some)"
        ),
    ),
    ([HEADER, FIRST], ["-t", 5, "-t", 5], 2, "--threshold holds 5 twice: expected each once"),
    (
        [HEADER, FIRST],
        ["--columns", "cost=px"],
        2,
        (
            "Invalid value for '--columns': 'cost=px' is not ROLE=NAME with a role of timestamp, "
            "price, quantity, is_buyer_maker, agg_trade_id, first_trade_id, last_trade_id, "
            "side, sell, buy, side_of"
        ),
    ),
    (
        [HEADER, FIRST],
        ["--columns", "price="],
        2,
        "Invalid value for '--columns': price is None: expected the name of a column",
    ),
    (
        [HEADER, FIRST],
        ["--footprint", "0.5,70,300,1"],
        2,
        (
            "Invalid value for '--footprint': '0.5,70,300,1' is not "
            "TICK[,VALUE_AREA[,IMBALANCE]], such as 0.5 or 0.5,70,300: the height of a level, and "
            "percents"
        ),
    ),
    (
        [HEADER, FIRST],
        ["--footprint", "0.5,70.5"],
        2,
        (
            "Invalid value for '--footprint': '0.5,70.5' is not "
            "TICK[,VALUE_AREA[,IMBALANCE]], such as 0.5 or 0.5,70,300: the height of a level, and "
            "percents"
        ),
    ),
    (
        [HEADER, FIRST],
        ["--footprint", "0.5,0"],
        2,
        "Invalid value for '--footprint': value_area is 0: expected 1 to 100 percent",
    ),
    (
        [HEADER, FIRST],
        ["-o", "bars.txt"],
        2,
        (
            f"Invalid value for -o: 'bars.txt' ends in none of {SUFFIXES} (rename it, or give "
            "--format)"
        ),
    ),
    (
        [HEADER, FIRST],
        ["-o", "no-such-folder/bars.csv"],
        2,
        "Invalid value for -o: there is no folder 'no-such-folder'",
    ),
    ([], [], 1, "{file} cannot be read: {reason}"),
]


@pytest.mark.parametrize(("lines", "options", "code", "text"), CASES)
def test_what_is_wrong_with_trades_or_options_is_one_line(
    lines: list[str], options: list[object], code: int, text: str, tmp_path: Path
) -> None:
    file = csv(tmp_path, *lines)
    if not lines:
        file.write_bytes(b"")
    reason = "it is empty (is it the whole file?)"

    expected = f"Error: {text.replace('{file}', str(file)).replace('{reason}', reason)}"

    assert failed("bars", file, *options) == (code, expected)


def test_a_file_that_is_not_there_is_named() -> None:
    text = "Error: none.csv cannot be read: it is not there (is it the right path?)"

    assert failed("bars", "none.csv") == (1, text)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    text = f"Error: Invalid value for IN: {str(tmp_path)!r} is a folder (give a file)"

    assert failed("bars", tmp_path) == (2, text)


def test_a_suffix_of_no_format_has_a_remedy_that_works(tmp_path: Path) -> None:
    file = tmp_path / "trades.txt"
    walk(100).write_csv(file)
    text = (
        f"Error: Invalid value for IN: {str(file)!r} ends in none of {SUFFIXES} (rename it, or "
        "give --in-format)"
    )

    assert failed("bars", file) == (2, text)
    assert RUNNER.invoke(program, ["bars", str(file), "--in-format", "csv"]).exit_code == 0


def test_a_file_that_is_of_another_format_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trades.parquet"
    walk(100).write_csv(file)

    code, line = failed("bars", file)

    assert code == 1
    assert re.fullmatch(
        rf"Error: {re.escape(str(file))} cannot be read: parquet: .* \(is it the right file, and "
        r"whole\?\)",
        line,
    )


def test_nothing_on_standard_input_is_an_error() -> None:
    text = "Error: standard input cannot be read: it is empty (is it the whole file?)\n"

    done = in_pipes("bars", "-")

    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", text)


def test_a_verb_that_is_not_there_is_refused_with_the_one_that_is_like_it() -> None:
    assert failed("barz") == (2, "Error: No such command 'barz'. Did you mean 'bars'?")


def test_the_traceback_is_there_for_who_asks(tmp_path: Path) -> None:
    done = RUNNER.invoke(program, ["bars", str(tmp_path / "none.csv"), "-v"])

    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("Error: ")
    assert done.exit_code == 1


def test_a_warning_is_a_line_and_names_options(tmp_path: Path) -> None:
    trades([100.0, 101.0]).write_csv(tmp_path / "trades.csv")

    done = RUNNER.invoke(program, ["bars", str(tmp_path / "trades.csv"), "--microstructure"])

    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line == (
        "Warning: the trades have no is_buyer_maker, so that buy_volume, sell_volume, "
        "buy_turnover, sell_turnover, buy_trade_count, sell_trade_count, ofi, kyle_lambda_proxy, "
        "aggression_ratio, turnover_imbalance are null in every bar (say which column it is: "
        "--columns is_buyer_maker=...)"
    )


def test_times_of_text_that_are_cut_are_a_warning(tmp_path: Path) -> None:
    file = csv(tmp_path, HEADER, FIRST, "2024-01-01 00:00:02.1234567,3,1")

    done = RUNNER.invoke(program, ["bars", str(file)])

    assert done.stderr == (
        f"Warning: times of {file} have nanoseconds, the first at row 1, which are cut to "
        "microseconds (give whole numbers and --time-unit ns to keep them)\n"
    )


def test_what_nobody_expected_asks_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> pl.DataFrame:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("rangebar_polars.cache_status", broken)
    text = "Error: ZeroDivisionError: by zero (-v shows where; please report it)"

    assert failed("status") == (1, text)
