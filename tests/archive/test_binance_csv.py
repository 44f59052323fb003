"""A zip of trades is read exactly, whatever its form, or refused with file and line."""

import csv
import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_server import day_csv, zipped
from support.shared_data import SHARED, needs_shared_data

from rangebar_polars.archive import binance_csv as aggtrades
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.errors import ArchiveError
from rangebar_polars.schema import TRADE_SCHEMA

DAY = dt.date(2024, 8, 8)
NAME = "BTCUSDT-aggTrades-2024-08-08.zip"
HEADER = b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
LINE = b"7,61800.30,0.205,11,12,1723161256322,false\n"
MIDNIGHT = 1_723_075_200_000


def opened(folder: Path, text: bytes, piece_bytes: int = 1 << 24) -> AggTradesFile:
    """Return a file of the archive that holds a csv."""
    path = folder / NAME
    path.write_bytes(zipped(NAME.replace(".zip", ".csv"), text))
    return AggTradesFile(path, NAME, piece_bytes=piece_bytes)


def read(folder: Path, text: bytes) -> pl.DataFrame:
    """Read a csv as a file of the archive."""
    return pl.concat(opened(folder, text).pieces())


def refusal(folder: Path, text: bytes, piece_bytes: int = 1 << 24) -> str:
    """Return what the reader says of a csv it refuses."""
    with pytest.raises(ArchiveError) as caught:
        list(opened(folder, text, piece_bytes).pieces())
    return str(caught.value)


def test_a_line_becomes_a_trade(tmp_path: Path) -> None:
    got = read(tmp_path, LINE)

    time = dt.datetime(2024, 8, 8, 23, 54, 16, 322_000, tzinfo=dt.UTC)
    assert got.schema == TRADE_SCHEMA
    assert got.rows() == [(time, 61800.3, 0.205, False, 7, 11, 12)]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("spot", [True, False])
@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("piece_bytes", [64, 1000, 1 << 24])
def test_every_form_of_a_day_reads_the_same(
    tmp_path: Path,
    *,
    header: bool,
    spot: bool,
    unit: str,
    piece_bytes: int,
) -> None:
    expected = read(tmp_path, day_csv(DAY, 50))
    layout = b"" if not header else HEADER.replace(b"\n", b",is_best_match\n" if spot else b"\n")
    text = layout + day_csv(DAY, 50, unit="us" if unit == "us" else "ms", spot=spot)

    file = opened(tmp_path, text, piece_bytes)
    got = pl.concat(file.pieces())

    assert got.equals(expected)
    assert (file.header, file.unit) == (header, unit)


def test_short_names_of_columns_are_known(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,p,q,f,l,T,m\n" + LINE).equals(read(tmp_path, LINE))


def test_a_last_line_without_an_end_and_other_line_ends_are_read(tmp_path: Path) -> None:
    expected = read(tmp_path, HEADER + LINE)

    assert read(tmp_path, (HEADER + LINE).rstrip()).equals(expected)
    assert read(tmp_path, (HEADER + LINE).replace(b"\n", b"\r\n")).equals(expected)


@pytest.mark.parametrize("piece_bytes", [50, 1 << 24])
def test_headers_that_come_again_are_left_out_and_counted(tmp_path: Path, piece_bytes: int) -> None:
    file = opened(tmp_path, HEADER + LINE + HEADER * 2 + LINE, piece_bytes)

    assert pl.concat(file.pieces()).height == 2
    assert file.repeated_headers == 2


def test_units_that_change_inside_a_file_are_distinguished(tmp_path: Path) -> None:
    lines = [b"1,1,1,1,1,%d,true\n" % (MIDNIGHT * factor) for factor in (1, 1000, 1_000_000)]
    file = opened(tmp_path, b"".join(lines))

    got = pl.concat(file.pieces())

    assert got["timestamp"].unique().to_list() == [dt.datetime(2024, 8, 8, tzinfo=dt.UTC)]
    assert file.unit == "ms+ns+us"


@pytest.mark.parametrize(
    ("time", "unit"),
    [(10**14 - 1, "ms"), (10**14, "us"), (10**17 - 1, "us"), (10**17, "ns")],
)
def test_a_unit_is_known_by_the_size_of_the_time(tmp_path: Path, time: int, unit: str) -> None:
    file = opened(tmp_path, b"1,1,1,1,1,%d,true\n" % time)

    assert [len(piece) for piece in file.pieces()] == [1]
    assert file.unit == unit


def test_a_header_alone_is_a_day_without_trades(tmp_path: Path) -> None:
    file = opened(tmp_path, HEADER)

    assert list(file.pieces()) == []
    assert file.header


@settings(deadline=None)  # of a busy machine, not of the reader
@given(
    price=st.decimals("0.00000001", "999999999", places=8),
    quantity=st.decimals("0", "9999999999", places=8),
    ids=st.integers(0, 2**63 - 1),
)
def test_numbers_are_the_nearest_there_are(
    tmp_path_factory: pytest.TempPathFactory, price: object, quantity: object, ids: int
) -> None:
    text = f"{ids},{price},{quantity},{ids},{ids},{MIDNIGHT},True,True\n".encode()

    got = read(tmp_path_factory.mktemp("zip"), text)

    row = got.select("price", "quantity", "agg_trade_id", "last_trade_id").row(0)
    assert row == (float(str(price)), float(str(quantity)), ids, ids)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"x" + LINE, "expected agg_trade_id to be a whole number, got 'x7'"),
        (LINE.replace(b"7,", b"7.5,"), "expected agg_trade_id to be a whole number, got '7.5'"),
        (LINE.replace(b"61800.30", b""), "expected price to be a number, got ''"),
        (LINE.replace(b"0.205", b"many"), "expected quantity to be a number, got 'many'"),
        (LINE.replace(b"false", b"no"), "expected is_buyer_maker to be true or false, got 'no'"),
        (
            LINE.replace(b"1723161256322", b"9" * 20),
            f"expected transact_time to be a whole number, got '{'9' * 20}'",
        ),
        (LINE[:18] + b"\n", "expected 7 fields, got 4"),
        (LINE.replace(b"\n", b",1,2\n"), "expected 7 fields, got 9"),
        (b"\n", "expected 7 fields, got 1"),
        (
            HEADER.replace(b"price", b"cost"),
            "expected agg_trade_id to be a whole number, got 'agg_trade_id'",
        ),
    ],
)
@pytest.mark.parametrize("piece_bytes", [50, 1 << 24])
def test_a_line_that_is_no_trade_is_named(
    tmp_path: Path, line: bytes, fault: str, piece_bytes: int
) -> None:
    got = refusal(tmp_path, HEADER + LINE * 3 + line + LINE, piece_bytes)

    assert got == f"line 5 of {NAME} is no trade: {fault}"


def test_what_only_polars_refuses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggtrades, "_fault", lambda *_: None)

    bad = LINE.replace(b"false", b"no")

    got = refusal(tmp_path, HEADER + LINE * 9 + HEADER + LINE + HEADER + bad + LINE)

    assert got == f"line 14 of {NAME} is no trade: got {bad.decode()!r}"


def test_an_unknown_header_is_refused(tmp_path: Path) -> None:
    got = refusal(tmp_path, b"id,price,qty,quote_qty,time,is_buyer_maker\n1,2,3,4,5,true\n")

    assert got == (
        f"line 1 of {NAME} is no header of aggTrades: expected agg_trade_id, price, quantity, "
        "first_trade_id, last_trade_id, transact_time, is_buyer_maker, got "
        "'id,price,qty,quote_qty,time,is_buyer_maker'"
    )


def test_other_columns_without_a_header_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"1,2,3,4,5,true\n") == (
        f"line 1 of {NAME} has 6 fields: expected 7 (futures) or 8 (spot) of aggTrades, got "
        "'1,2,3,4,5,true'"
    )


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    got = refusal(tmp_path, b"\x89PNG\r\n" + bytes(range(256)))

    assert got.startswith(f"line 1 of {NAME} is no header of aggTrades: expected agg_trade_id")
    assert got.endswith(r"got '\\x89PNG\r'")


def test_an_empty_csv_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"") == (
        f"{NAME} holds an empty csv (fetch it again; if it stays so, the archive has no trades "
        "for it)"
    )


def test_a_zip_that_ends_early_or_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    whole = zipped(NAME.replace(".zip", ".csv"), day_csv(DAY, 1000))
    for body in (b"", whole[:1000], b"<html></html>"):
        path.write_bytes(body)
        with pytest.raises(ArchiveError) as caught:
            list(AggTradesFile(path, NAME).pieces())

        assert str(caught.value) == (
            f"{NAME} is no whole zip: File is not a zip file (fetch it again)"
        )


def test_a_zip_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    whole = bytearray(zipped(NAME.replace(".zip", ".csv"), day_csv(DAY, 1000)))
    whole[5000] ^= 1
    path.write_bytes(bytes(whole))

    with pytest.raises(ArchiveError, match=f"^{re.escape(NAME)} is no whole zip: "):
        list(AggTradesFile(path, NAME).pieces())


def test_a_zip_of_other_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", LINE)
        archive.writestr("b.csv", LINE)
    with pytest.raises(ArchiveError) as caught:
        list(AggTradesFile(path, NAME).pieces())

    assert str(caught.value) == (
        f"{NAME} holds ['a.csv', 'b.csv'], expected only 'BTCUSDT-aggTrades-2024-08-08.csv'"
    )


@needs_shared_data
@pytest.mark.parametrize(
    "path",
    sorted(SHARED.glob("vision/good/**/*aggTrades*.zip")),
    ids=lambda path: f"{path.parts[-5]}-{path.stem}",
)
def test_real_files_read_as_pythons_own_csv_reads_them(path: Path) -> None:
    got = pl.concat(AggTradesFile(path, path.name).pieces())

    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    lines = [row for row in csv.reader(io.StringIO(text)) if row[0].isdigit()]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    expected = [
        (
            epoch + dt.timedelta(milliseconds=int(row[5])),
            float(row[1]),
            float(row[2]),
            row[6].lower() == "true",
            int(row[0]),
            int(row[3]),
            int(row[4]),
        )
        for row in lines
    ]
    assert got.rows() == expected
