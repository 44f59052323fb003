"""Files of bars: damaged, moved, in a folder that cannot be written; equal for equal questions."""

from pathlib import Path
from typing import Any

import pytest
from support.assertions import tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, default_cache, give, one_pass, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars.errors import (
    StoreError,
)


def test_damaged_bars_are_an_error_that_names_the_file() -> None:
    give(default_cache(), trades_of(DAYS))
    question: dict[str, Any] = {"source": SOURCE, "include_microstructure": True}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question)
    (path,) = (default_cache() / "bars").rglob("*.parquet")
    whole = path.read_bytes()
    want = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question)
    found = set[str]()
    for place in range(20, len(whole) // 2, 997):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            # Not every bit of a file means something.
            assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question))
        except StoreError as error:
            text = str(error)
        else:
            continue
        assert text.startswith(f"{path} ")
        assert text.endswith("delete it, and its bars are computed again)")
        found.add(text)
    assert any("has other values than were written" in text for text in found)
    path.unlink()
    want = one_pass(
        default_cache(), DAYS[0], DAYS[5], threshold_decimal_bps=30, include_microstructure=True
    )
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, **question))


def test_a_file_of_bars_in_another_place_is_refused() -> None:
    give(default_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 30, source=SOURCE)
    (path,) = (default_cache() / "bars").rglob("*.parquet")
    other = Path(str(path).replace("range-30", "range-40"))
    other.parent.mkdir(parents=True)
    path.rename(other)

    with pytest.raises(StoreError, match="it was moved: move it back, or delete it"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[5], 40, source=SOURCE)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    give(default_cache(), trades_of(DAYS[:1]))
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="a file is where a folder should be"):
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[0], 30, source=SOURCE, store=tmp_path / "file")


def test_equal_questions_leave_equal_bytes_whatever_came_before(tmp_path: Path) -> None:
    trees = []
    for number, steps in enumerate([[13], [0, 3, 5, 6, 13], [2, 13, 8]]):
        root = tmp_path / str(number)
        give(root, trades_of(DAYS))
        for step in steps:
            rb.get_range_bars(SYMBOL, DAYS[0], DAYS[step], [30, 50], source=SOURCE, cache_dir=root)
        trees.append(tree(root / "bars"))

    assert len(trees[0]) == 4
    assert trees[0] == trees[1] == trees[2]
