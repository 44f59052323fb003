"""What a recorder refuses: folders of others, other options, and what no recorder left."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.recorded import FEED, as_after_a_kill, finish, processor, recorded
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._live import part as parts
from rangebar_polars._live import recorder as module
from rangebar_polars.errors import StoreError

REMEDY = "restore it from a copy, or record into a new folder"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the bars of half of the sample in several parts."""
    monkeypatch.setattr(module, "PART_BARS", 100)
    return recorded(tmp_path / "live")


# The folder of another


def test_two_recorders_do_not_share_a_folder(folder: Path) -> None:
    with rb.BarRecorder(folder, processor()):
        text = (
            f"{folder} is in use by another recorder (close that one, or record into another "
            "folder)"
        )
        with says(StoreError, text):
            rb.BarRecorder(folder, processor())
        with pytest.raises(AssertionError) as caught:
            run(
                "import rangebar_polars as rb\n"
                f"rb.BarRecorder({str(folder)!r}, rb.RangeBarProcessor(5))"
            )
        assert text in str(caught.value)
    finish(folder)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": ({"threshold": 25}, "rule ['range-5'], and the processor has ['range-25']"),
    "guard": (
        {"prevent_same_timestamp_close": False},
        "rule ['range-5'], and the processor has ['range-5-nogate']",
    ),
    "reset": ({"reset": "day"}, "reset None, and the processor has 'day'"),
    "columns": (
        {"include_microstructure": False},
        "include_microstructure True, and the processor has False",
    ),
    "incomplete bars": (
        {"include_incomplete": True},
        "include_incomplete False, and the processor has True",
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_bars_of_other_options_are_refused(name: str, folder: Path) -> None:
    options, text = OPTIONS[name]
    before, other = tree(folder), processor(**options)
    text = (
        f"{folder} has bars with {text} (give it the same options, or record into another folder)"
    )

    with says(StoreError, text):
        rb.BarRecorder(folder, other)

    assert tree(folder) == before
    assert other.position.is_empty()
    finish(folder)
    with rb.BarRecorder(folder.parent / "another", other):
        pass


def test_bars_of_another_symbol_are_refused(folder: Path) -> None:
    text = (
        f"{folder} has bars with symbol 'BTCUSDT', and the processor has 'ETHUSDT' (give it the "
        "same options, or record into another folder)"
    )
    with says(StoreError, text):
        rb.BarRecorder(folder, rb.RangeBarProcessor(5, "ETHUSDT", include_microstructure=True))


# What lies in the folder


def add_a_file(folder: Path) -> None:
    shutil.copy(folder / "00000001.parquet", folder / "mine.parquet")


def remove_one(folder: Path) -> None:
    (folder / "00000002.parquet").unlink()


def remove_the_first(folder: Path) -> None:
    (folder / "00000001.parquet").unlink()


def rename_the_last(folder: Path) -> None:
    (folder / "00000001.parquet").replace(folder / "00000003.parquet")


def damage_a_value(folder: Path) -> None:
    rewrite(folder / "00000003.parquet", lambda bars: bars.with_columns(pl.col("high") + 1))


def drop_rows(folder: Path) -> None:
    rewrite(folder / "00000003.parquet", lambda bars: bars[:-1])


def change_a_version(name: str, value: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        rewrite(folder / "00000003.parquet", lambda bars: bars, **{name: value})

    return change


def cut_short(folder: Path) -> None:
    path = folder / "00000003.parquet"
    path.write_bytes(path.read_bytes()[:1000])


def rewrite(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], **metadata: str) -> None:
    """Write a part with other bars, or other metadata."""
    stated = pl.read_parquet_metadata(path)
    kept = {key: value for key, value in stated.items() if key.startswith("rangebar.")}
    changed = kept | {f"rangebar.{key}": value for key, value in metadata.items()}
    change(pl.read_parquet(path)).write_parquet(path, metadata=changed)


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "another file": (
        add_a_file,
        (
            "{0}/mine.parquet is not a part of recorded bars (record into a folder that has no "
            "other Parquet files)"
        ),
    ),
    "a hole": (
        remove_one,
        f"{{0}}/00000002.parquet is missing, and later parts are there ({REMEDY})",
    ),
    "no first": (
        remove_the_first,
        f"{{0}}/00000001.parquet is missing, and later parts are there ({REMEDY})",
    ),
    "a value": (
        damage_a_value,
        (
            "{0}/00000003.parquet is damaged: column high has other values than were written "
            f"({REMEDY})"
        ),
    ),
    "metadata": (
        change_a_version("part", '[2,3,100,"",{}]'),
        f"{{0}}/00000003.parquet is damaged: its metadata was changed ({REMEDY})",
    ),
    "no metadata": (
        change_a_version("part", "[]"),
        f"{{0}}/00000003.parquet is damaged: its metadata cannot be read ({REMEDY})",
    ),
    "a layout": (
        change_a_version("recorded", "7"),
        (
            "{0}/00000003.parquet has layout version 7 of recorded bars, expected 2 (record into a "
            "new folder)"
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_recorder_left_is_refused_and_stays(name: str, folder: Path) -> None:
    copy, (spoil, text) = as_after_a_kill(folder), WRONG[name]
    spoil(folder)
    before = tree(folder)

    with says(StoreError, text.format(folder)):
        rb.BarRecorder(folder, processor())
    with pytest.raises((StoreError, pl.exceptions.ComputeError)) as caught:
        rb.scan_recorded_bars(folder).collect()
    assert text.format(folder) in str(caught.value)

    assert tree(folder) == before
    finish(copy)


@pytest.mark.parametrize("spoil", [drop_rows, cut_short])
def test_a_part_that_lost_something_is_refused(spoil: Callable[[Path], None], folder: Path) -> None:
    spoil(folder)

    with pytest.raises(StoreError, match=r"00000003\.parquet (is damaged|cannot be read).*copy"):
        rb.BarRecorder(folder, processor())


def test_a_renamed_part_is_refused_and_the_remedy_works(folder: Path) -> None:
    first, third = folder / "00000001.parquet", folder / "00000003.parquet"
    aside = folder / "aside"
    third.replace(aside)
    shutil.copy(first, third)

    with says(
        StoreError,
        f"{third} is part 1 (it was renamed: give it its name again, or record into a new folder)",
    ):
        rb.BarRecorder(folder, processor())

    aside.replace(third)
    finish(folder)


def test_an_older_copy_of_a_part_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BARS", 100)
    with rb.BarRecorder(folder.parent / "short", processor()) as recorder:
        recorder.process_trades(FEED[:1_000])
    shutil.copy(folder.parent / "short" / "00000001.parquet", folder / "00000001.parquet")

    with pytest.raises(
        (StoreError, pl.exceptions.ComputeError),
        match=r"0002.parquet follows \d+ bars, and the parts before it have \d+ \(an older copy is",
    ):
        rb.scan_recorded_bars(folder).collect()


def test_bars_of_other_rules_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "RULE_VERSION", 99)

    with says(
        StoreError,
        f"{folder}/00000003.parquet has bars of version 2 of the rules, and this package makes "
        "bars of version 99 (record into a new folder)",
    ):
        rb.BarRecorder(folder, processor())
    with rb.BarRecorder(folder.parent / "new", processor()):
        pass


def test_a_state_that_cannot_be_read_is_refused(folder: Path) -> None:
    last = folder / "00000003.parquet"
    found, bars = parts.read_part(last)
    parts.write_part(folder, 3, bars, bars_before=found.bars_before, state=b"RBCP\x00")

    with pytest.raises(StoreError, match="has a state that cannot be continued: the checkpoint"):
        rb.BarRecorder(folder, processor())
