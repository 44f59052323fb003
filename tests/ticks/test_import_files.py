"""Files as people and venues have them: packed, many at once, zips of the archive, on servers."""

import datetime as dt
import gzip
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import day_csv, zipped
from support.assertions import says
from support.entry_points import assert_same
from support.range_server import RangeServer
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars.errors import ArchiveError, QualityError

START = 1_723_075_200
FRAME = (
    walk(300)
    .drop("agg_trade_id", "first_trade_id", "last_trade_id")
    .with_columns(
        (pl.col("timestamp") + pl.duration(seconds=START))
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
    )
)
DAY = dt.date(2024, 8, 8)
ON: dict[str, Any] = {"include_microstructure": True}
BARS = rb.bars(FRAME, 20, **ON)


def csv_of(frame: pl.DataFrame) -> bytes:
    return frame.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.6f").encode()


def packed(frame: pl.DataFrame, suffix: str) -> bytes:
    """Return a file of trades."""
    body = io.BytesIO()
    if suffix == "parquet":
        frame.write_parquet(body)
    elif suffix == "csv.gz":
        return gzip.compress(csv_of(frame), mtime=0)
    elif suffix == "csv.zst":
        text = frame.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
        text.lazy().sink_csv(body, compression="zstd")
    else:
        return csv_of(frame)
    return body.getvalue()


def imported(trades: Any, folder: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Import trades and return their bars."""
    rb.import_trades(trades, symbol="S", source="mine", cache_dir=folder, **options)
    return rb.get_range_bars("S", DAY, DAY, 20, source="mine", cache_dir=folder, **ON)


SUFFIXES = ["parquet", "csv", "csv.gz", "csv.zst", "CSV.GZ"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_read_by_its_suffix(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trades.{suffix}"
    path.write_bytes(packed(FRAME, suffix.lower()))

    assert_same(BARS, imported(path, tmp_path / "cache"))


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.zst"])
def test_a_packed_file_that_ends_early_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trades.{suffix}"
    whole = packed(FRAME, suffix)
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(QualityError, match=r"cannot be read: .*\(is it the right file, and whole"):
        imported(path, tmp_path / "cache")
    assert not [*(tmp_path / "cache").rglob("*.parquet")]


def three(folder: Path, suffix: str = "csv") -> list[Path]:
    """Write three files of a hundred trades, whose names sort as text in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"trades-{number}.{suffix}" for number in (8, 9, 10)]
    for number, path in enumerate(paths):
        path.write_bytes(packed(FRAME[number * 100 : number * 100 + 100], suffix))
    return paths


@pytest.mark.parametrize("suffix", ["csv", "parquet", "csv.gz"])
def test_several_files_are_one_import(suffix: str, tmp_path: Path) -> None:
    paths = three(tmp_path / "in", suffix)
    (tmp_path / "in" / "trades-8.csv.CHECKSUM").write_text("a")
    (tmp_path / "in" / ".hidden").write_text("a")
    given: dict[str, Any] = {
        "a list": paths,
        "texts": [str(path) for path in paths],
        "a folder": tmp_path / "in",
        "a folder of folders": tmp_path,
        "a pattern": str(tmp_path / "in" / f"trades-*.{suffix}"),
        "a pattern of folders": tmp_path / "*" / f"*.{suffix}",
    }

    for number, trades in enumerate(given.values()):
        assert_same(BARS, imported(trades, tmp_path.parent / f"{tmp_path.name}-{number}"))


def test_files_in_another_order_are_refused_with_file_and_line(tmp_path: Path) -> None:
    first, second, third = three(tmp_path / "in")

    with says(
        QualityError,
        f"time goes back in 3 files at line 2 of {second}: 2024-08-08 00:01:40.000000 after "
        f"2024-08-08 00:04:59.000000 at line 101 of {third} (trades without ids stay in the order "
        "given: give a list of the files in the order of their times; of files that hold the same "
        "trades give one)",
    ):
        imported([first, third, second], tmp_path / "cache")
    assert not [*(tmp_path / "cache").rglob("*.parquet")]


def test_time_that_goes_back_inside_of_a_file_names_its_row(tmp_path: Path) -> None:
    first, second, _ = three(tmp_path / "in", "parquet")
    part = FRAME[100:200]
    pl.concat([part[:50], part[60:], part[50:60]]).write_parquet(second)

    with pytest.raises(
        QualityError,
        match=rf"^time goes back in 2 files at row 90 of {second}: .*give a frame of all files "
        r"with \.sort\('timestamp', maintain_order=True\)",
    ):
        imported([first, second], tmp_path / "cache")


def test_days_that_overlap_by_ids_are_counted_as_duplicates(tmp_path: Path) -> None:
    frame = FRAME.with_row_index("agg_trade_id").cast({"agg_trade_id": pl.Int64})
    parts = [frame[:200], frame[150:]]
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for path, part in zip(paths, parts, strict=True):
        part.write_parquet(path)

    report = rb.import_trades(paths, symbol="S", source="mine", cache_dir=tmp_path / "cache")

    assert report.select("rows_after", "duplicates").row(0) == (300, 50)
    changed = frame[150:].with_columns(pl.col("price") + 1)
    changed.write_parquet(paths[1])
    with pytest.raises(QualityError, match=rf"have one id: row 0 of {paths[1]} .*, row 1 of "):
        imported(paths, tmp_path / "other")


def test_symbols_may_be_in_several_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.csv" for number in range(2)]
    for number, path in enumerate(paths):
        part = FRAME[number * 150 : number * 150 + 150]
        both = pl.concat([part.with_columns(symbol=pl.lit(name)) for name in ("A", "B")])
        path.write_bytes(csv_of(both))

    report = rb.import_trades(paths, source="mine", cache_dir=tmp_path / "cache")

    assert report.select("symbol", "rows_after").rows() == [("A", 300), ("B", 300)]
    lines = paths[1].read_text().splitlines(keepends=True)
    paths[1].write_text("".join(lines[:-1]) + lines[-1].replace(",5", ",x5", 1))
    with pytest.raises(
        QualityError, match=rf"of {paths[1]} of symbol 'B' is .* at line 301, expected a finite"
    ):
        rb.import_trades(paths, source="mine", cache_dir=tmp_path / "cache")


def test_a_line_is_counted_where_quotes_hold_lines_and_some_are_empty(tmp_path: Path) -> None:
    text = '\ntimestamp,price,quantity,note\n2024-08-08T00:00:00,1,1,"two\nlines"\n'
    for suffix, pack in (("csv", bytes), ("csv.gz", gzip.compress)):
        path = tmp_path / f"trades.{suffix}"
        path.write_bytes(pack(f"{text}2024-08-08T00:00:01,cheap,1,\n".encode()))
        with pytest.raises(QualityError, match=r"is 'cheap' at line 5, expected"):
            imported(path, tmp_path / "cache")


FOLDERS: dict[str, tuple[list[str], str]] = {
    "nothing": (
        [],
        "{path} has no file of .parquet, .csv, .csv.gz, .csv.zst, .zip (is it the right path?)",
    ),
    "two kinds": (
        ["a.csv", "a.zip"],
        (
            "{path} has a.csv and a.zip: expected files of one kind, since they may hold the same "
            "trades (give a pattern: folder/*.csv)"
        ),
    ),
    "another kind": (
        ["a.csv", "b.csv.bz2"],
        (
            "{path} has b.csv.bz2, which is none of .parquet, .csv, .csv.gz, .csv.zst, .zip (give "
            "a pattern of the files of trades: folder/*.csv)"
        ),
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_leaves_a_doubt_is_refused(name: str, tmp_path: Path) -> None:
    names, message = FOLDERS[name]
    folder = tmp_path / "in"
    folder.mkdir()
    for each in names:
        (folder / each).write_text("")

    with says(ValueError, message.format(path=folder)):
        imported(folder, tmp_path / "cache")


def test_a_pattern_without_a_file_and_a_file_given_twice_are_refused(tmp_path: Path) -> None:
    path = three(tmp_path)[0]

    with pytest.raises(ValueError, match=r"none-\*\.csv has no file of "):
        imported(tmp_path / "none-*.csv", tmp_path / "cache")
    with says(ValueError, f"{path} is given twice (give each file once)"):
        imported([path, path], tmp_path / "cache")
    with says(ValueError, "trades is empty: expected a path, or several"):
        imported([], tmp_path / "cache")
    with says(ValueError, "storage_options is given, and no trades of a URL (leave it out)"):
        imported(path, tmp_path / "cache", storage_options={})


def test_a_name_with_signs_of_a_pattern_is_a_name_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "trades[1].csv"
    path.write_bytes(csv_of(FRAME))

    assert_same(BARS, imported(path, tmp_path / "cache"))


def zip_of(folder: Path, day: dt.date, **form: Any) -> Path:  # noqa: ANN401
    """Write a zip of the archive."""
    name = f"BTCUSDT-aggTrades-{day}"
    path = folder / f"{name}.zip"
    path.write_bytes(zipped(f"{name}.csv", day_csv(day, **form)))
    return path


def test_zips_of_the_archive_are_read_in_each_form(tmp_path: Path) -> None:
    zip_of(tmp_path, DAY, unit="us")
    zip_of(tmp_path, DAY + dt.timedelta(days=1), first_id=1100, spot=False, header=True)

    report = rb.import_trades(tmp_path, symbol="S", source="mine", cache_dir=tmp_path / "cache")

    assert report["rows_after"].to_list() == [100, 100]
    assert report["first_agg_trade_id"].to_list() == [1000, 1100]


def test_a_zip_that_is_none_of_the_archive_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path, DAY)
    other = tmp_path / "trades.zip"
    other.write_bytes(path.read_bytes())

    with pytest.raises(ArchiveError, match=r"^trades\.zip holds \['BTCUSDT-aggTrades-2024-08-08"):
        imported(other, tmp_path / "cache")
    columns = rb.TradeColumns(price="p")
    with says(
        ValueError,
        f"columns is given for {path}, which has the columns of the archive (leave columns out, or "
        "unpack it)",
    ):
        imported(path, tmp_path / "cache", columns=columns)


OPTIONS = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "aws_region": "us-east-1",
    "aws_allow_http": "true",
}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "csv.gz"])
def test_trades_are_read_from_a_server_and_from_an_object_store(
    suffix: str, tmp_path: Path
) -> None:
    with RangeServer({f"bucket/trades.{suffix}": packed(FRAME, suffix)}) as server:
        of_web = imported(f"{server.url}/bucket/trades.{suffix}?key=1", tmp_path / "web")
        options = OPTIONS | {"aws_endpoint_url": server.url}
        of_store = imported(
            f"s3://bucket/trades.{suffix}", tmp_path / "store", storage_options=options
        )

    assert_same(BARS, of_web)
    assert_same(BARS, of_store)


def test_what_a_server_does_not_have_or_does_not_serve_in_parts_is_named(tmp_path: Path) -> None:
    with RangeServer({"trades.csv": csv_of(FRAME)}) as server:
        url = f"{server.url}/none.csv"
        with says(
            QualityError, f"{url} cannot be read: it is not there (is it the right address?)"
        ):
            imported(url, tmp_path)
        server.ranges = False
        with pytest.raises(
            QualityError, match=r"trades\.csv cannot be read: .*else download it\)$"
        ):
            imported(f"{server.url}/trades.csv", tmp_path)


def test_a_url_of_no_such_file_is_refused(tmp_path: Path) -> None:
    for name, remedy in (("a.zip", "download it, and give its path"), ("a", "give the frame")):
        url = f"https://example.com/{name}"
        with says(ValueError, f"{url} is no URL of .parquet, .csv, .csv.gz or .csv.zst ({remedy})"):
            imported(url, tmp_path)


def test_a_row_of_a_csv_on_a_server_is_named_by_its_number(tmp_path: Path) -> None:
    text = b"timestamp,price,quantity\n2024-08-08T00:00:00,cheap,1\n"
    with RangeServer({"trades.csv": text}) as server:
        url = f"{server.url}/trades.csv"
        with says(
            QualityError,
            f"column 'price' of {url} is 'cheap' at row 0, expected a finite number (repair or "
            "drop such rows)",
        ):
            imported(url, tmp_path)
