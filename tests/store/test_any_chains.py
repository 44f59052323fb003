"""Any chains in a store, with any columns that need the trades, give the bars of one pass.

Chains of one rule that begin on different days meet, days are lost and replaced, links leave out
their states, and calls ask for more or less than the call before: what is asked for is computed, or
found in a chain that has it.
"""

import pytest
from hypothesis import given, settings
from support.oracle_chains import few
from support.stored_chains import WARNINGS, Story, check_story, stories

from rangebar_polars.store import BarStore, ParquetStore

pytestmark = WARNINGS


@given(story=stories())
@settings(few, max_examples=24)
def test_any_chains_in_files_give_the_bars_of_one_pass(
    tmp_path_factory: pytest.TempPathFactory, story: Story
) -> None:
    root = tmp_path_factory.mktemp("any")

    check_story(ParquetStore(root / "store"), root, story)


@given(story=stories())
@settings(few, max_examples=3)
def test_any_chains_in_any_store_give_the_bars_of_one_pass(
    store: BarStore, tmp_path_factory: pytest.TempPathFactory, story: Story
) -> None:
    for key in [*store.keys()]:
        store.remove(key)

    check_story(store, tmp_path_factory.mktemp("any"), story)
