"""Names in paths: two names never share a folder, and a folder belongs to one name."""

import string
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.cached_trades import DAYS, give, trades_of

import rangebar_polars as rb
from rangebar_polars._disk.path_names import (
    LONGEST_NAMES,
    from_hive_path,
    from_name,
    hive_path,
    to_name,
)

KEYS = st.sampled_from(["source", "market", "symbol"])
# Of few letters, so that two of them are alike but for case, accents or width.
ALIKE = st.text("aAbB%~.-_ /7ßsSéE\u017f\u0301\u0130i\u212a\uff21", max_size=6)
NAMES = ALIKE | st.text(max_size=8)
FORBIDDEN = '<>:"/\\|?*'


def as_seen(name: str) -> set[str]:
    """Return a name as file systems that ignore case or compose accents compare it."""
    forms: list[Any] = ["NFC", "NFD", "NFKC", "NFKD"]
    return {unicodedata.normalize(form, name).casefold().rstrip(". ") for form in forms}


@given(KEYS, NAMES, NAMES)
def test_two_names_are_two_on_every_file_system(key: str, one: str, other: str) -> None:
    if one != other:
        assert not as_seen(to_name(key, one)) & as_seen(to_name(key, other))


@given(KEYS, NAMES)
def test_the_way_back_gives_the_name(key: str, name: str) -> None:
    assert from_name(key, to_name(key, name)) == name


@given(KEYS, st.text(string.ascii_letters + "%~.27CEF", max_size=6))
def test_a_part_is_that_of_one_name_or_of_none(key: str, part: str) -> None:
    name = from_name(key, part)

    assert name is None or to_name(key, name) == part


@given(KEYS, NAMES)
def test_a_part_has_only_what_every_file_system_allows(key: str, name: str) -> None:
    part = to_name(key, name)

    assert part.isascii()
    assert part.isprintable()
    assert not set(part) & {*FORBIDDEN, " ", ","}
    assert not part.endswith(".")


@given(st.dictionaries(KEYS, NAMES, min_size=1))
def test_the_way_back_from_folders_gives_the_values(values: dict[str, str]) -> None:
    assert from_hive_path(hive_path(values)) == values


@pytest.mark.parametrize(
    ("key", "name", "part"),
    [
        ("symbol", "BTCUSDT", "BTCUSDT"),
        ("symbol", "1000SHIB-PERP_240927", "1000SHIB-PERP_240927"),
        ("symbol", "btcusdt", "~btcusdt"),
        ("symbol", "kPEPE", "~k~PEPE"),
        ("symbol", "BTC/USD", "BTC%2FUSD"),
        ("symbol", "ES=F", "ES%3DF"),
        ("symbol", "BRK.B", "BRK.B"),
        ("symbol", "A.", "A%2E"),
        ("symbol", "~A", "%7EA"),
        ("symbol", "ß", "%C3%9F"),
        ("source", "binance", "binance"),
        ("source", "Kraken", "~K~raken"),
        ("market", "um", "um"),
    ],
)
def test_common_names_are_written_as_they_are(key: str, name: str, part: str) -> None:
    assert to_name(key, name) == part


@pytest.mark.parametrize("part", ["btc", "%2f", "BTC%", "BTC~", "~~btc", "A.", "%FF", "a b", "%41"])
def test_what_no_name_is_written_as_is_no_name(part: str) -> None:
    assert from_name("symbol", part) is None
    assert from_hive_path(f"source=mine/symbol={part}") is None


@pytest.mark.parametrize("path", ["", "symbol", "symbol=A/symbol=B", "symbol=A/", "=A/"])
def test_what_no_key_is_written_as_is_no_key(path: str) -> None:
    assert (from_hive_path(path) or {}).keys() <= {""}


def test_symbols_that_differ_in_case_have_trades_and_bars_of_their_own(tmp_path: Path) -> None:
    symbols = ["BTCUSDT", "btcusdt", "Btcusdt"]
    for seed, symbol in enumerate(symbols):
        give(tmp_path, trades_of(DAYS[:1], seed=seed), symbol=symbol)
        rb.get_range_bars(symbol, DAYS[0], DAYS[0], source="mine", cache_dir=tmp_path)
    folders = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("symbol=*")]

    assert len({folder.casefold() for folder in folders}) == 2 * len(symbols)
    status = rb.cache_status(cache_dir=tmp_path)
    found = status.group_by("kind").agg(pl.col("symbol").sort())
    assert found.sort("kind").rows() == [("bars", sorted(symbols)), ("ticks", sorted(symbols))]


def test_a_folder_that_no_symbol_has_is_no_series(tmp_path: Path) -> None:
    (tmp_path / "ticks" / "source=mine" / "market=spot" / "symbol=btc").mkdir(parents=True)

    assert rb.cache_status(cache_dir=tmp_path).is_empty()


HALF = "A\ud800"
REFUSED = {
    HALF: f"symbol is {HALF!r}: it has half a character, which no path can have (give a name of "
    "whole ones)",
    "A" * LONGEST_NAMES: "source, market and symbol have 160 characters in paths: expected at most "
    "150 (give shorter names)",
}


@pytest.mark.parametrize(("symbol", "text"), REFUSED.items(), ids=["half", "long"])
def test_a_name_that_no_path_can_have_is_refused(symbol: str, text: str, tmp_path: Path) -> None:
    trades = trades_of(DAYS[:1])

    with says(ValueError, text):
        rb.import_trades(trades, symbol=symbol, source="mine", cache_dir=tmp_path)
    with says(ValueError, text):
        rb.scan_ticks(symbol, DAYS[0], DAYS[0], source="mine", cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
