"""A zip may hold anything: reading it costs what a day costs, and says which file was wrong."""

import datetime as dt
import io
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv, publish, zipped
from support.assertions import says
from support.cached_trades import DAYS
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.archive.zip_text import DIRECTORY_BYTES, LINE_BYTES
from rangebar_polars.errors import ArchiveError

NAME = "BTCUSDT-aggTrades-2024-08-08.zip"
CSV = NAME.replace(".zip", ".csv")
DAY = dt.date(2024, 8, 8)
LINE = b"7,61800.30,0.205,11,12,1723161256322,false\n"
HEADER = b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
NO_NUMBER = "expected agg_trade_id to be a whole number, got 'x7'"
SPOT = b"7,61800.30,0.205,11,12,1723161256322,False,True\n"


READ = """
import resource
from pathlib import Path
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.errors import ArchiveError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before = peak()
try:
    for _ in AggTradesFile(Path({path!r}), {name!r}).pieces():
        pass
except ArchiveError as error:
    print(error)
print(peak() - before)
"""


def refusal(
    folder: Path, body: bytes, *, piece_bytes: int = 1 << 23, max_csv_bytes: int = 1 << 32
) -> str:
    """Return what the reader says of a zip that it refuses."""
    path = folder / NAME
    path.write_bytes(body)
    file = AggTradesFile(path, NAME, piece_bytes=piece_bytes, max_csv_bytes=max_csv_bytes)
    with pytest.raises(ArchiveError) as caught:
        for _ in file.pieces():
            pass
    return str(caught.value)


# Lines


@pytest.mark.parametrize("piece_bytes", [100, 5000, 1 << 23])
@pytest.mark.parametrize("before", [0, 1, 200])
def test_a_line_that_is_too_long_is_refused(tmp_path: Path, piece_bytes: int, before: int) -> None:
    text = LINE * before + b"7" * (LINE_BYTES + 1) + b"\n" + LINE * 100

    assert refusal(tmp_path, zipped(CSV, text), piece_bytes=piece_bytes) == (
        f"line {before + 1} of {NAME} is longer than {LINE_BYTES} bytes, expected a trade"
    )


@pytest.mark.parametrize("piece_bytes", [100, 5000, 1 << 23])
def test_a_line_as_long_as_it_may_be_is_read(tmp_path: Path, piece_bytes: int) -> None:
    longest = LINE.replace(b"61800", b"0" * (LINE_BYTES - len(LINE) + 1) + b"61800")
    path = tmp_path / NAME
    path.write_bytes(zipped(CSV, LINE * 70 + longest + LINE * 70 + longest.rstrip()))

    file = AggTradesFile(path, NAME, piece_bytes=piece_bytes)

    assert pl.concat(file.pieces())["price"].to_list() == [61800.3] * 142


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are measured on Linux")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"7" * 10**8, f"line 1 of {NAME} is longer than {LINE_BYTES} bytes, expected a trade"),
        (LINE + b"\n" * 10**8, f"line 2 of {NAME} is no trade: expected 7 fields, got 1"),
        (
            LINE * 10**6 + HEADER * 10**5 + b"1\n" + LINE,
            f"line {10**6 + 10**5 + 1} of {NAME} is no trade: expected 7 fields, got 1",
        ),
        (
            LINE.replace(b"61800.30", b"1e0") * 10**6 + b"x" + LINE,
            f"line {10**6 + 1} of {NAME} is no trade: {NO_NUMBER}",
        ),
    ],
    ids=["one line", "empty lines", "headers", "a fault at the end"],
)
def test_text_that_inflates_to_much_costs_little_memory(
    tmp_path: Path, text: bytes, message: str
) -> None:
    path = tmp_path / NAME
    path.write_bytes(zipped(CSV, text))

    said, grown = run(READ.format(path=str(path), name=NAME)).splitlines()

    assert said == message
    assert int(grown) < 300 << 20


@pytest.mark.parametrize("fields", [b",9", b",", b",,,"])
@pytest.mark.parametrize("line", [LINE, SPOT])
@pytest.mark.parametrize("before", [1, 50_000])
def test_a_line_with_more_fields_is_refused(
    tmp_path: Path, line: bytes, fields: bytes, before: int
) -> None:
    count = line.count(b",") + 1
    wrong = line.rstrip() + fields + b"\n"

    assert refusal(tmp_path, zipped(CSV, line * before + wrong + line)) == (
        f"line {before + 1} of {NAME} is no trade: expected {count} fields, got "
        f"{count + fields.count(b',')}"
    )


def test_a_line_with_more_fields_and_one_with_fewer_do_not_make_up_for_each_other(
    tmp_path: Path,
) -> None:
    text = SPOT + SPOT.replace(b",True", b"") + SPOT.replace(b"\n", b",1\n")

    got = refusal(tmp_path, zipped(CSV, text))

    assert got == f"line 2 of {NAME} is no trade: expected 8 fields, got 7"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"61800.30", b"nan", "expected price to be a number, got 'nan'"),
        (b"0.205", b"-inf", "expected quantity to be a number, got '-inf'"),
        (b"61800.30", b"1e999", "expected price to be a number, got '1e999'"),
        (
            b"1723161256322",
            b"-1723161256322",
            "expected transact_time to be a whole number, got '-1723161256322'",
        ),
    ],
)
def test_a_number_that_no_trade_has_is_refused(
    tmp_path: Path, old: bytes, new: bytes, fault: str
) -> None:
    got = refusal(tmp_path, zipped(CSV, LINE + LINE.replace(old, new)))

    assert got == f"line 2 of {NAME} is no trade: {fault}"


# Zips


def test_a_zip_with_more_text_than_it_may_have_is_refused(tmp_path: Path) -> None:
    text = LINE * 1000

    assert refusal(tmp_path, zipped(CSV, text), max_csv_bytes=len(text) - 1) == (
        f"{NAME} holds {len(text)} bytes of text, expected at most {len(text) - 1} (if it is "
        "right, raise max_csv_bytes of the archive)"
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_another_method_is_refused(tmp_path: Path, method: int) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        archive.writestr(CSV, LINE)

    assert refusal(tmp_path, body.getvalue()) == (
        f"{NAME} is packed by method {method}, expected 0 (stored) or 8 (deflated)"
    )


def test_a_stored_zip_is_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(CSV, LINE * 3)

    assert pl.concat(AggTradesFile(path, NAME).pieces()).height == 3


def test_a_zip_with_a_long_directory_is_refused(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for number in range(3000):
            archive.writestr(f"{number:05}.csv", b"")
    size = struct.unpack("<I", body.getvalue()[-10:-6])[0]
    assert size > DIRECTORY_BYTES

    assert refusal(tmp_path, body.getvalue()) == (
        f"{NAME} is no whole zip: its directory would have {size} bytes (fetch it again)"
    )


def test_names_in_a_zip_are_shown_in_part(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}\x1b" + "x" * 1000, b"")
    shown = [f"{number}\x1b" + "x" * 118 for number in range(3)]

    assert refusal(tmp_path, body.getvalue()) == (
        f"{NAME} holds {shown!r} and 2 others, expected only {CSV!r}"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with says(
        ArchiveError,
        f"{NAME} cannot be read: Is a directory (check the disk of the cache folder)",
    ):
        list(AggTradesFile(tmp_path, NAME).pieces())


def encrypted(body: bytes) -> bytes:
    """Return a zip whose flags say that it needs a password."""
    at = body.index(b"PK\x01\x02")
    return body[:6] + b"\x01\x00" + body[8 : at + 8] + b"\x01\x00" + body[at + 10 :]


def misplaced(body: bytes) -> bytes:
    """Return a zip whose directory claims to be before its beginning."""
    return body[:-6] + struct.pack("<I", 2**31) + body[-2:]


def newer(body: bytes) -> bytes:
    """Return a zip that needs a version of zip that there is not."""
    at = body.index(b"PK\x01\x02")
    return body[: at + 6] + b"\xff\x00" + body[at + 8 :]


def without_stream(body: bytes) -> bytes:
    """Return a zip whose deflated bytes are none."""
    at = 30 + len(CSV)
    return body[:at] + b"\xff" * 20 + body[at + 20 :]


def placed_before(body: bytes) -> bytes:
    """Return a zip whose directory claims to stand later than it does."""
    offset = struct.unpack("<I", body[-6:-2])[0]
    return body[:-6] + struct.pack("<I", offset + 50) + body[-2:]


def test_a_zip_that_names_a_place_before_its_beginning_says_so(tmp_path: Path) -> None:
    assert refusal(tmp_path, placed_before(zipped(CSV, LINE))) == (
        f"{NAME} is no whole zip: it names a place that lies before its beginning (fetch it again)"
    )


@pytest.mark.parametrize("damage", [encrypted, misplaced, newer, without_stream, placed_before])
def test_a_damaged_zip_costs_its_day_alone(
    server: ArchiveServer, damage: Callable[[bytes], bytes]
) -> None:
    days = DAYS[:3]
    publish(server, days)
    bad = BinanceFile("spot", "BTCUSDT", days[1])
    csv = bad.name.replace(".zip", ".csv")
    server.files[bad.path] = damage(zipped(csv, day_csv(days[1])))
    del server.files[f"{bad.path}.CHECKSUM"]

    report = rb.archive_quality("BTCUSDT", days[0], days[-1], archive=server.url)

    assert report["status"].to_list() == ["ok", "unreadable", "ok"]
    assert report["message"][1].startswith(f"{bad.name} is no whole zip: ")
