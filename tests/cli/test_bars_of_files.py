"""``bars``: every format in and out, standard input and output, and the options of the library."""

import gzip
import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal
from support.command_line import in_pipes
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._cli.program import program
from rangebar_polars._core.arguments import TimeUnit

Read = Callable[[Any], Any]
THRESHOLD = 100
BARS = rb.bars(walk(500), THRESHOLD)
WRITERS: dict[str, Any] = {
    "csv": pl.DataFrame.write_csv,
    "csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
    "parquet": pl.DataFrame.write_parquet,
    "ipc": pl.DataFrame.write_ipc,
    "arrow": pl.DataFrame.write_ipc,
    "feather": pl.DataFrame.write_ipc,
}
IN_UTC = pl.col("open_time", "close_time").dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def read(data: bytes) -> pl.DataFrame:
    """Return the bars of a CSV."""
    frame = pl.read_csv(data, schema_overrides={"open_time": pl.String, "close_time": pl.String})
    times = pl.col("open_time", "close_time").str.to_datetime(time_unit="us", time_zone="UTC")
    return frame.with_columns(times)


def bars_of(*arguments: object, given: bytes = b"") -> bytes:
    """Return what `bars` prints, in this process; it says nothing else."""
    done = CliRunner().invoke(program, ["bars", *map(str, arguments)], input=given)
    assert (done.exit_code, done.stderr_bytes) == (0, b"")
    return done.stdout_bytes


def piped(*arguments: object, given: bytes = b"") -> bytes:
    """Return what `bars` prints, in a process of its own between pipes."""
    done = in_pipes("bars", *arguments, given=given)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_of_any_format_gives_the_bars_of_the_library(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"trades.{suffix}"
    WRITERS[suffix](walk(500), file)

    assert_frame_equal(read(bars_of(file, "-t", THRESHOLD)), BARS.with_columns(IN_UTC))


# Without a name the three suffixes of IPC are one format.
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "ipc"])
def test_standard_input_of_any_format_gives_the_bars_of_the_library(
    suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / "trades"
    WRITERS[suffix](walk(500), file)

    printed = piped("-", "-t", THRESHOLD, given=file.read_bytes())

    assert_frame_equal(read(printed), BARS.with_columns(IN_UTC))


@pytest.mark.parametrize(("suffix", "scan"), [("parquet", pl.read_parquet), ("ipc", pl.read_ipc)])
def test_a_file_of_typed_columns_is_written_as_the_library_gives_the_bars(
    suffix: str,
    scan: Read,
    tmp_path: Path,
) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / f"bars.{suffix}"

    done = in_pipes("bars", tmp_path / "trades.parquet", "-t", THRESHOLD, "-o", out)

    assert_frame_equal(scan(out), BARS)
    line = f"{out}: {BARS.height} bars\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (0, b"", line)


@pytest.mark.parametrize(("suffix", "text"), [("csv", bytes), ("csv.gz", gzip.decompress)])
def test_a_csv_is_written_as_it_is_printed(suffix: str, text: Read, tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / f"bars.{suffix}"

    assert bars_of(tmp_path / "trades.parquet", "-t", THRESHOLD, "-o", out, "--quiet") == b""
    assert text(out.read_bytes()) == bars_of(tmp_path / "trades.parquet", "-t", THRESHOLD)


@pytest.mark.parametrize(("form", "scan"), [("parquet", pl.read_parquet), ("ipc", pl.read_ipc)])
def test_a_pipe_takes_the_format_that_is_asked_for(form: str, scan: Read, tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")

    printed = piped(tmp_path / "trades.parquet", "-t", THRESHOLD, "-o", "-", "--format", form)

    assert_frame_equal(scan(io.BytesIO(printed)), BARS)


def test_trades_without_a_bar_give_the_header(tmp_path: Path) -> None:
    trades([100.0]).write_csv(tmp_path / "trades.csv")

    printed = bars_of(tmp_path / "trades.csv")

    assert printed == b"open_time,close_time,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ([], {}),
        (["-t", 100, "-t", 50], {"threshold_decimal_bps": [100, 50]}),
        (["-t", "standard", "-t", "tight"], {"threshold_decimal_bps": [100, 50]}),
        (["-t", 100, "--reset", "day"], {"threshold_decimal_bps": 100, "reset": "day"}),
        (
            ["-t", 100, "--reset", "00:03@Europe/London"],
            {"threshold_decimal_bps": 100, "reset": rb.TradingDay("00:03", "Europe/London")},
        ),
        (
            ["-t", 100, "--microstructure"],
            {"threshold_decimal_bps": 100, "include_microstructure": True},
        ),
        (["-t", 100, "--features", "ofi"], {"threshold_decimal_bps": 100, "features": ["ofi"]}),
        (
            ["-t", 100, "--features", "intra_amihud", "--features", "vwap"],
            {"threshold_decimal_bps": 100, "features": ["intra_amihud", "vwap"]},
        ),
        (["-t", 100, "--lookback", "5"], {"threshold_decimal_bps": 100, "lookback": 5}),
        (["-t", 100, "--lookback", "2m"], {"threshold_decimal_bps": 100, "lookback": "2m"}),
        (["-t", 100, "--vpin", "0.5,3"], {"threshold_decimal_bps": 100, "vpin": rb.Vpin(0.5, 3)}),
        (
            ["-t", 100, "--footprint", "0.5"],
            {"threshold_decimal_bps": 100, "footprint": rb.Footprint(0.5)},
        ),
        (
            ["-t", 100, "--footprint", "0.25,80,200"],
            {"threshold_decimal_bps": 100, "footprint": rb.Footprint(0.25, 80, 200)},
        ),
        (["-t", 100, "--incomplete"], {"threshold_decimal_bps": 100, "include_incomplete": True}),
        (["-t", 100, "--by", "s"], {"threshold_decimal_bps": 100, "by": "s"}),
        (["-t", 100, "--by", "s", "--by", "r"], {"threshold_decimal_bps": 100, "by": ["s", "r"]}),
        (
            ["-t", 100, "--same-timestamp-close"],
            {"threshold_decimal_bps": 100, "prevent_same_timestamp_close": False},
        ),
    ],
)
def test_an_option_is_the_argument_of_the_library(
    options: list[object], arguments: dict[str, Any], tmp_path: Path
) -> None:
    rows = pl.int_range(pl.len())
    of_two_days = walk(500).with_columns(
        pl.col("timestamp") + pl.duration(minutes=10 * (rows // 2)),
        pl.lit("A").alias("s"),
        pl.when(rows % 3 == 0).then(pl.lit("x")).otherwise(pl.lit("y")).alias("r"),
    )
    of_two_days.write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / "trades.parquet", *options, "-o", out, "--quiet")

    expected = rb.bars(of_two_days, **arguments)
    assert expected.height > 1
    assert_frame_equal(pl.read_parquet(out), expected)


@pytest.mark.parametrize("place", ["printed", "file"])
def test_a_csv_has_the_levels_of_footprints_as_json(place: str, tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    out = ["-o", tmp_path / "bars.csv.gz", "-q"] if place == "file" else []

    printed = bars_of(tmp_path / "trades.parquet", "-t", THRESHOLD, "--footprint", "0.5", *out)

    text = gzip.decompress((tmp_path / "bars.csv.gz").read_bytes()) if out else printed
    want = rb.bars(walk(500), THRESHOLD, footprint=rb.Footprint(0.5))
    got = read(text).with_columns(pl.col("footprint").str.json_decode(want.schema["footprint"]))
    assert_frame_equal(got, want.with_columns(IN_UTC), check_exact=True)


def test_the_features_of_a_csv_are_those_of_the_frame_it_was_written_from(tmp_path: Path) -> None:
    walk(500).write_csv(tmp_path / "trades.csv")
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / "trades.csv", "-t", THRESHOLD, "--microstructure", "-o", out, "--quiet")

    expected = rb.bars(walk(500), THRESHOLD, include_microstructure=True)
    assert_frame_equal(pl.read_parquet(out), expected.with_columns(IN_UTC))


def test_keys_of_a_csv_are_the_text_that_stands_there(tmp_path: Path) -> None:
    keyed = walk(300).with_columns(pl.Series("key", ["007", "7", ""] * 100))
    keyed.write_csv(tmp_path / "trades.csv")

    printed = bars_of(tmp_path / "trades.csv", "-t", 50, "--by", "key").decode()

    assert {line.partition(",")[0] for line in printed.splitlines()[1:]} == {"007", "7", '""'}


@pytest.mark.parametrize("unit", get_args(TimeUnit))
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_whole_numbers_are_times_of_their_unit(unit: TimeUnit, suffix: str, tmp_path: Path) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = walk(500).with_columns(
        (pl.int_range(pl.len()) + 1_700_000_000).cast(pl.Int64).alias("timestamp") * per_second
    )
    WRITERS[suffix](given, tmp_path / f"trades.{suffix}")
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / f"trades.{suffix}", "--time-unit", unit, "-t", THRESHOLD, "-o", out, "-q")

    kept: Any = "us" if unit == "s" else unit
    times = pl.from_epoch("timestamp", time_unit=unit).cast(pl.Datetime(kept))
    frame = given.with_columns(times.dt.replace_time_zone("UTC"))
    assert_frame_equal(pl.read_parquet(out), rb.bars(frame, THRESHOLD))


@pytest.mark.parametrize("text", [["price", "quantity"], ["timestamp", "is_buyer_maker"]])
def test_columns_of_text_are_read_in_a_file_of_typed_columns_too(
    text: list[str], tmp_path: Path
) -> None:
    walk(500).with_columns(pl.col(text).cast(pl.String)).write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / "trades.parquet", "-t", THRESHOLD, "--microstructure", "-o", out, "-q")

    expected = rb.bars(walk(500), THRESHOLD, include_microstructure=True)
    in_utc = expected.with_columns(IN_UTC) if "timestamp" in text else expected
    assert_frame_equal(pl.read_parquet(out), in_utc)


@pytest.mark.parametrize("form", [pl.Decimal(18, 8), pl.Int32])
def test_prices_of_any_number_are_as_in_the_library(form: pl.DataType, tmp_path: Path) -> None:
    given = walk(500).with_columns(pl.col("price").cast(form))
    given.write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / "trades.parquet", "-t", THRESHOLD, "-o", out, "-q")

    assert_frame_equal(pl.read_parquet(out), rb.bars(given, THRESHOLD))


def test_nanoseconds_of_whole_numbers_are_kept(tmp_path: Path) -> None:
    first = 1_700_000_000_000_000_001
    (tmp_path / "trades.csv").write_text(
        f"timestamp,price,quantity\n{first},100,1\n{first + 1},101,1\n"
    )
    out = tmp_path / "bars.parquet"

    bars_of(tmp_path / "trades.csv", "--time-unit", "ns", "-o", out, "-q")

    bars = pl.read_parquet(out)
    assert bars["open_time"].to_physical().to_list() == [first]
    assert bars["close_time"].to_physical().to_list() == [first + 1]


def test_columns_of_other_names_are_found(tmp_path: Path) -> None:
    names = {"timestamp": "T", "price": "p", "quantity": "q", "is_buyer_maker": "m"}
    other = walk(500).select("timestamp", "price", "quantity", "is_buyer_maker").rename(names)
    other.write_csv(tmp_path / "trades.csv")
    given = ["--columns", "timestamp=T,price=p", "--columns", "quantity=q,is_buyer_maker=m"]

    printed = bars_of(tmp_path / "trades.csv", *given, "-t", THRESHOLD)

    assert_frame_equal(read(printed), BARS.with_columns(IN_UTC))


def test_a_column_with_an_empty_name_is_not_read(tmp_path: Path) -> None:
    # An id twice is refused where ids are read.
    walk(500).with_columns(agg_trade_id=1).write_csv(tmp_path / "trades.csv")

    printed = bars_of(tmp_path / "trades.csv", "--columns", "agg_trade_id=", "-t", THRESHOLD)

    assert_frame_equal(read(printed), BARS.with_columns(IN_UTC))


def test_a_csv_may_have_another_separator_and_no_header(tmp_path: Path) -> None:
    frame = walk(500).select("quantity", "timestamp", "price")
    frame.write_csv(tmp_path / "trades.csv", separator=";", include_header=False)
    form = ["--separator", ";", "--header", "quantity,timestamp,price"]

    printed = bars_of(tmp_path / "trades.csv", *form, "-t", THRESHOLD)

    assert_frame_equal(read(printed), BARS.with_columns(IN_UTC))


def test_a_file_without_a_suffix_is_of_the_format_that_is_given(tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades")
    out = tmp_path / "bars"
    forms = ["--in-format", "parquet", "--format", "ipc"]

    bars_of(tmp_path / "trades", *forms, "-t", THRESHOLD, "-o", out, "-q")

    assert_frame_equal(pl.read_ipc(out), BARS)


def test_a_run_that_fails_leaves_the_file_of_before_and_nothing_else(tmp_path: Path) -> None:
    walk(500).reverse().write_parquet(tmp_path / "trades.parquet")
    out = tmp_path / "bars.csv"
    out.write_text("of before")

    done = in_pipes("bars", tmp_path / "trades.parquet", "-o", out)

    assert done.returncode == 1
    assert out.read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.csv", "trades.parquet"]


def test_the_file_that_is_read_may_be_the_one_that_is_written(tmp_path: Path) -> None:
    file = tmp_path / "trades.parquet"
    walk(500).write_parquet(file)

    bars_of(file, "-t", THRESHOLD, "-o", file, "-q")

    assert_frame_equal(pl.read_parquet(file), BARS)


def test_a_written_file_has_the_rights_of_any_new_one(tmp_path: Path) -> None:
    walk(500).write_parquet(tmp_path / "trades.parquet")
    (tmp_path / "any").touch()

    bars_of(tmp_path / "trades.parquet", "-o", tmp_path / "bars.csv", "-q")

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("any", "bars.csv")]
    assert modes[0] == modes[1]


SIDES = {
    "by default": ("Sell", "Buy", ["side=side"]),
    "named": ("A", "B", ["side=side,sell=A,sell=ask", "buy=B"]),
    "of the resting order": ("buy", "sell", ["side=side,side_of=maker"]),
}


@pytest.mark.parametrize("name", SIDES)
def test_sides_that_are_text_and_records_without_quantities_are_read(
    name: str, tmp_path: Path
) -> None:
    sold, bought, named = SIDES[name]
    maker = pl.col("is_buyer_maker")
    side = pl.when(maker).then(pl.lit(sold)).when(~maker).then(pl.lit(bought)).alias("side")
    frame = walk(500).with_columns(side).drop("is_buyer_maker", "quantity")
    frame.write_csv(tmp_path / "trades.csv")
    out = tmp_path / "bars.parquet"
    given = [option for each in (*named, "quantity=") for option in ("--columns", each)]

    bars_of(tmp_path / "trades.csv", *given, "-t", THRESHOLD, "--microstructure", "-o", out, "-q")

    ones = walk(500).with_columns(quantity=pl.lit(1.0))
    expected = rb.bars(ones, THRESHOLD, include_microstructure=True)
    assert_frame_equal(pl.read_parquet(out), expected.with_columns(IN_UTC))
