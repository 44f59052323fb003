"""On a terminal there are tables and progress; Ctrl-C and a closed pipe end a verb quietly."""

import os
import signal
import subprocess
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, publish
from support.cached_trades import DAYS, SOURCE, SYMBOL
from support.command_line import CTRL_C, PROGRAM, environment, in_pipes, terminal
from support.subprocesses import TIMEOUT
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._cli.output import show
from rangebar_polars.archive.binance import BinanceFile

ERASE = "\r\x1b[K"
MANY = 200_000
"""Rows whose bars are more than a pipe holds."""


def ended(process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """Return what a process prints until it ends, while its standard input stays open."""
    stdin, process.stdin = process.stdin, None
    try:
        return process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
        if stdin is not None:
            stdin.close()


@pytest.fixture(name="trades")
def _trades(tmp_path: Path) -> Path:
    """Return a file of trades."""
    walk(500).write_csv(tmp_path / "trades.csv")
    return tmp_path / "trades.csv"


@pytest.fixture(name="many", scope="module")
def _many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of many trades, of which each second one ends a bar."""
    folder = tmp_path_factory.mktemp("many")
    rows = pl.int_range(MANY, eager=True)
    pl.DataFrame(
        {
            "timestamp": (rows * 1000).cast(pl.Datetime("ms")),
            "price": 100.0 + rows % 2,
            "quantity": pl.repeat(1.0, MANY, eager=True),
        }
    ).write_parquet(folder / "many.parquet")
    return folder / "many.parquet"


def test_a_terminal_gets_a_table_and_what_it_does_not_show(trades: Path) -> None:
    with terminal("bars", trades, "-t", 20, "--quiet") as shown:
        assert shown.end() == 0

    bars = rb.bars(walk(500), 20)
    lines = shown.text.splitlines()
    header = ["open_time (UTC)", "close_time (UTC)", "open", "high", "low", "close", "volume"]
    assert [cell.strip() for cell in lines[1].strip("│").split("┆")] == header
    first = [cell.strip() for cell in lines[3].strip("│").split("┆")]
    assert first[:2] == [f"{bars[name][0]:%Y-%m-%d %H:%M:%S}" for name in bars.columns[:2]]
    assert list(map(float, first[2:])) == list(bars.row(0)[2:])
    assert lines[-1] == f"{bars.height} bars (not shown: {bars.height - 20} bars; -o writes all)"
    assert len(lines) == 20 + 1 + 5


def test_a_table_is_not_wider_than_the_terminal(trades: Path) -> None:
    with terminal("bars", trades, "-t", 20, "--microstructure", "-q", columns=60) as shown:
        assert shown.end() == 0

    *table, last = (line for line in shown.text.splitlines() if "Warning" not in line)
    assert max(map(len, table)) <= 60
    assert last.endswith(" columns; -o writes all)")


def test_a_terminal_without_unicode_gets_a_table_of_plain_characters(trades: Path) -> None:
    with terminal("bars", trades, "-t", 20, "-q", PYTHONIOENCODING="ascii") as shown:
        assert shown.end() == 0

    assert shown.text.isascii()


def test_progress_is_shown_where_standard_error_is_a_terminal_and_is_gone_after(
    trades: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bars.csv"
    with terminal("bars", trades, "-t", 100, "-o", out) as shown:
        assert shown.end() == 0

        count = rb.bars(walk(500), 100).height
    assert shown.text == f"{ERASE}500 trades read{ERASE}{out}: {count} bars\n"


def test_progress_is_gone_before_a_table_is_printed(trades: Path) -> None:
    with terminal("bars", trades, "-t", 100) as shown:
        assert shown.end() == 0

    assert shown.text.startswith(f"{ERASE}500 trades read{ERASE}┌")
    assert shown.text.count(ERASE) == 2


def test_quiet_leaves_out_progress_and_notes(trades: Path, tmp_path: Path) -> None:
    with terminal("bars", trades, "-t", 100, "-o", tmp_path / "bars.csv", "--quiet") as shown:
        assert shown.end() == 0

    assert shown.text == ""


def test_a_pipe_gets_data_though_progress_is_on_a_terminal(trades: Path) -> None:
    read, write = os.pipe()
    with terminal("bars", trades, "-t", 100, stdout=write) as shown:
        os.close(write)
        assert shown.end() == 0
    with open(read, "rb") as pipe:  # noqa: PTH123 - a descriptor
        printed = pipe.read()

    assert printed == in_pipes("bars", trades, "-t", 100).stdout
    assert "trades read" in shown.text


def test_a_terminal_gets_no_bytes(trades: Path) -> None:
    with terminal("bars", trades, "--format", "parquet") as shown:
        assert shown.end() == 2

    text = "Error: a terminal cannot show parquet (give -o FILE, or redirect the output)\n"
    assert shown.text.endswith(text)


def test_a_terminal_is_no_standard_input_to_wait_for() -> None:
    with terminal("bars", "-") as shown:
        assert shown.end() == 2

    text = "Error: standard input is a terminal (give a file, or pipe trades in)\n"
    assert shown.text.endswith(text)


def test_ctrl_c_ends_a_fetch_without_a_word(server: ArchiveServer) -> None:
    publish(server, DAYS[:3], "BTCUSDT")
    server.faults[BinanceFile("spot", "BTCUSDT", DAYS[1]).path].append(Fault("stall", 500))
    days = ["BTCUSDT", DAYS[0], DAYS[2]]
    with terminal("get", *days, RANGEBAR_BINANCE_URL=server.url) as shown:
        shown.read_until(rb"binance spot BTCUSDT: \d of 3 days")
        shown.press(CTRL_C)
        assert shown.end() == 130

    assert "Error" not in shown.text
    assert "Traceback" not in shown.text
    assert shown.text.replace("^C", "").endswith(ERASE)


def test_ctrl_c_while_standard_input_is_read_is_quiet() -> None:
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [*PROGRAM, "bars", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    # More than a pipe and a buffer hold: it is written only while the program reads.
    process.stdin.write(b"timestamp,price,quantity\n" + b"2024-01-01 00:00:01,1,1\n" * 200_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    printed, said = ended(process)

    assert (process.returncode, printed, said) == (130, b"", b"")


def test_ctrl_c_while_bars_are_written_is_quiet(many: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [*PROGRAM, "bars", many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    # The program waits for the pipe then, which nobody empties.
    assert process.stdout.read(1) == b"o"
    process.send_signal(signal.SIGINT)

    assert process.wait(TIMEOUT) == 130
    assert ended(process)[1] == b""


def test_a_reader_who_has_enough_ends_the_work_without_a_word(many: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [*PROGRAM, "bars", many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    process.stdout.close()

    assert line == b"open_time,close_time,open,high,low,close,volume\n"
    assert process.wait(TIMEOUT) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "code"), [(["bars", "--help"], 1), (["doctor", "--offline"], 141)]
)
def test_a_pipe_that_is_closed_at_once_is_quiet(arguments: list[str], code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [*PROGRAM, *arguments], stdout=write, stderr=subprocess.PIPE, env=environment()
    )
    os.close(write)

    assert ended(process)[1] == b""
    assert process.returncode == code


def test_a_table_of_a_report_shows_every_column_that_says_something(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    walk(500).write_parquet(tmp_path / "trades.parquet")
    names = ["--symbol", SYMBOL, "--source", SOURCE, "--cache-dir", cache]

    with terminal("import", tmp_path / "trades.parquet", *names, columns=200) as shown:
        assert shown.end() == 0

    found = rb.archive_quality(SYMBOL, "1970-01-01", "1970-01-01", source=SOURCE, cache_dir=cache)
    quantities = found["zero_quantities"].item()
    assert quantities > 0
    for word in ("day", "status", "ok", "zero_quantities", f" {quantities} "):
        assert word in shown.text
    for word in ("tombstones", "sha256", "gaps"):
        assert word not in shown.text


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip("│").split("┆")]


@pytest.mark.parametrize("columns", [100, 80, 30])
def test_a_narrow_terminal_gets_few_tables_whose_rows_are_distinct(
    tmp_path: Path, columns: int
) -> None:
    # Two days, of which each has rows that are dropped, cut and unusual.
    trades = pl.concat([walk(500), walk(500).with_columns(pl.col("timestamp").dt.offset_by("1d"))])
    ids = {name: pl.int_range(1_000) for name in ("agg_trade_id", "first_trade_id")}
    rows = trades.with_columns(**ids, last_trade_id=pl.int_range(1_000))
    odd = rows.with_columns(
        price=pl.when(pl.int_range(1_000) % 99 == 98).then(-1).otherwise("price")
    )
    odd.write_parquet(tmp_path / "trades.parquet")
    names = ["--symbol", SYMBOL, "--source", SOURCE, "--cache-dir", tmp_path / "cache"]

    with terminal("import", tmp_path / "trades.parquet", *names, columns=columns) as shown:
        assert shown.end() == 0

    lines = [line for line in shown.text.splitlines() if line[:1] in set("┌│╞└")]
    assert max(map(len, lines)) <= columns
    heads = [number + 1 for number, line in enumerate(lines) if line.startswith("┌")]
    assert len(heads) == {100: 1, 80: 2}.get(columns, len(heads))
    for head in heads:
        assert cells(lines[head])[0] == "day"
    shown_words = " ".join(cell for line in lines for cell in cells(line))
    for word in ("1970-01-01", "1970-01-02", "nonpositive_", "rows_", "before", "after"):
        assert word in shown_words


def test_a_text_that_is_broken_into_lines_keeps_its_beginning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    days = pl.DataFrame(
        {"day": ["a", "b"], "message": [None, "x.parquet cannot be read: " + "it was cut off " * 9]}
    )

    show(days, "days", as_json=False)

    text = capsys.readouterr().out
    (head, *_) = (line for line in text.splitlines() if "message" in line)
    assert cells(head) == ["day", "message"]
    written = " ".join(cells(line)[-1] for line in text.splitlines() if line.startswith("│ "))
    assert "x.parquet cannot be read: it was cut off" in written
    assert written.endswith("…")
