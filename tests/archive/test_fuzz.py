"""Thousands of mutated zips: each is read, or refused by an error of this package that names it.

The seed is fixed, so a failure comes again. ``RANGEBAR_FUZZ=20000`` reads so many.
"""

import datetime as dt
import os
import random
import re
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import day_csv, zipped

from rangebar_polars.archive.binance import BinanceArchive, BinanceFile
from rangebar_polars.errors import ArchiveError
from rangebar_polars.schema import TRADE_SCHEMA

FILE = BinanceFile("spot", "BTCUSDT", dt.date(2024, 8, 8))
CSV = FILE.name.replace(".zip", ".csv")
COUNT = int(os.environ.get("RANGEBAR_FUZZ", "400"))
TOKENS = (
    b"",
    b"\x00",
    b"\n",
    b"\r",
    b"\r\n",
    b",",
    b'"',
    b"-",
    b"+1",
    b" ",
    b"nan",
    b"inf",
    b"1e999",
    b"1e-999",
    b"9" * 25,
    b"-9223372036854775808",
    b"9223372036854775807",
    b"0x10",
    b"1_0",
    b"null",
    b"true",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "٣".encode(),
    b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n",
    b"x" * 5000,
)


def mutated(body: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them changed, cut out, doubled, moved or put in."""
    text = bytearray(body)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        at = chance.randrange(len(text) + 1)
        length = chance.choice([1, 1, 2, 4, 30, 300])
        match chance.randrange(6):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del text[at : at + length]
            case 2:
                text[at:at] = text[at : at + length]
            case 3:
                text[at:at] = chance.choice(TOKENS)
            case 4:
                text[at : at + length] = chance.choice(TOKENS)
            case _:
                text[at : at + 4] = chance.choice([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff"])
    return bytes(text)


def with_directory_mutated(body: bytes, chance: random.Random) -> bytes:
    """Return a zip that is damaged where it says what it holds."""
    start = body.rindex(b"PK\x01\x02")
    head = 30 + len(CSV)
    if chance.random() < 0.3:
        return mutated(body[:head], chance) + body[head:]
    return body[:start] + mutated(body[start:], chance)


def inputs(count: int) -> list[tuple[str, bytes]]:
    """Return zips: of mutated text, of mutated bytes, of a mutated directory, in turn."""
    chance = random.Random(20240808)  # noqa: S311 - not a secret
    found = []
    for number in range(count):
        text = day_csv(
            FILE.day,
            chance.choice([1, 3, 40]),
            unit=chance.choice(["ms", "us"]),
            header=chance.random() < 0.5,
            spot=False,
        )
        kind = ("text", "bytes", "directory")[number % 3]
        if kind == "text":
            found.append((kind, zipped(CSV, mutated(text, chance))))
        elif kind == "bytes":
            found.append((kind, mutated(zipped(CSV, text), chance)))
        else:
            found.append((kind, with_directory_mutated(zipped(CSV, text), chance)))
    return found


def outcome(path: Path, body: bytes, archive: BinanceArchive) -> tuple[str, pl.DataFrame | None]:
    """Read a zip; return the words of its refusal, or that it was read, and its rows."""
    path.write_bytes(body)
    try:
        rows = pl.concat([pl.DataFrame(schema=TRADE_SCHEMA), *archive.open(path, FILE).pieces()])
    except ArchiveError as error:
        text = str(error)
        assert FILE.name in text
        assert text.isprintable()
        assert len(text) < 1200
        return re.sub(r"'.*'|\d+", "…", text.replace(FILE.name, "FILE"))[:60], None
    assert rows.schema == TRADE_SCHEMA
    assert sum(rows.null_count().row(0)) == 0
    assert rows["price"].is_finite().all()
    assert rows["timestamp"].dt.year().is_between(1970, 5200).all()
    return "read", rows


def test_a_mutated_zip_is_read_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archives = [BinanceArchive(piece_bytes=size) for size in (70, 1 << 20)]
    outcomes = Counter[tuple[str, str]]()
    for number, (kind, body) in enumerate(inputs(COUNT)):
        try:
            (few, some), (many, more) = (
                outcome(tmp_path / FILE.name, body, archive) for archive in archives
            )
            # Which of two faults is named may depend on the size of pieces, and nothing else.
            assert (few == "read") == (many == "read")
            assert some is None or (more is not None and some.equals(more))
        except BaseException as error:
            kept = Path(os.environ.get("RANGEBAR_FUZZ_FOLDER", tmp_path)) / f"{number}.zip"
            kept.write_bytes(body)
            raise AssertionError(f"zip {number} ({kind}) raised {error!r}; it is {kept}") from error
        outcomes[kind, many] += 1

    if "RANGEBAR_FUZZ" in os.environ:
        lines = [f"{count:7} {kind}: {what}" for (kind, what), count in sorted(outcomes.items())]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines]))
    assert {kind for kind, what in outcomes if what == "read"} == {"text", "bytes", "directory"}
    assert len(outcomes) > 10
    assert outcomes.total() == COUNT
