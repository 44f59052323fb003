"""Any chains in a store: which are drawn, and the check that their bars are those of one pass.

A chain is drawn with its rules, its borders, and the columns that need trades; what happens to it
is a list of steps, each of which asks for bars of days or replaces the trades of a day.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest

import rangebar_polars as rb
from rangebar_polars.schema import INTRA
from rangebar_polars.store import BarStore, chain
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same

RULES = (
    "range-10",
    "range-30",
    "range-30-nogate",
    "highlow-0.1",
    "cusum-30",
    "tick-150",
    "dollar-3000",
    "imbalance-volume-tickrule-4",
    "runlength-tick-tickrule-5",
    "ewmaimbalance-tick-maker-40-3-70-4-80-40",
    "ewmarun-volume-tickrule-30-none-50-3-600-600",
)
VPIN = rb.Vpin(bucket_volume=20.0, buckets=3)
FOOTPRINT = rb.Footprint(tick=0.05, value_area=80, imbalance=200)
WARNINGS = pytest.mark.filterwarnings(
    "ignore:is_buyer_maker is null:rangebar_polars.RangeBarWarning",
    # Days that are lost, inside a range and at its end.
    "ignore:bars of .* run over missing trades:rangebar_polars.RangeBarWarning",
    "ignore:.* missing:rangebar_polars.RangeBarWarning",
    "error:bars of .* fail checks:rangebar_polars.RangeBarWarning",
)
"""What calls about any of these days may warn of."""

_PER_DAY = 60
_BESIDE: dict[str, tuple[Any, ...]] = {
    "lookback": (1, 40, 150, "1h", "2d"),
    "vpin": (VPIN,),
    "footprint": (FOOTPRINT, rb.Footprint(0.2, imbalance=100)),
}
"""What a chain may have beside its features."""


@dataclass(frozen=True)
class Replaced:
    """Other trades come for a day."""

    day: dt.date
    seed: int
    rows: int


@dataclass(frozen=True)
class Asked:
    """Bars of some days are asked for."""

    first: dt.date
    last: dt.date
    options: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """The days that are lost at first, which states links keep, and what happens then."""

    lost: frozenset[dt.date]
    largest_state: int
    steps: tuple[Asked | Replaced, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw calls for chains of the same rules from several first days."""
    texts = draw(st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True))
    of_rules = {
        "rule": [rb.parse_rule(text) for text in texts],
        "reset": draw(st.sampled_from([None, None, None, "week"])),
        "max_gap": draw(st.sampled_from([None, None, "2h"])),
        "include_incomplete": True,
    }
    kinds = draw(st.sets(st.sampled_from([*_BESIDE])))
    beside = {kind: draw(st.sampled_from(_BESIDE[kind])) for kind in sorted(kinds)}
    # Weeks begin on the fourth of these days.
    firsts = st.sampled_from([3, 10] if of_rules["reset"] else [0, 1, 2, 5, 7])
    steps = list[Asked | Replaced]()
    for _ in range(draw(st.integers(2, 5))):
        if draw(st.integers(0, 2)) == 0:
            day, seed = draw(st.sampled_from(DAYS)), draw(st.integers(0, 1))
            steps.append(Replaced(day, seed, draw(st.integers(1, _PER_DAY))))
        first = draw(firsts)
        last = draw(st.integers(first, len(DAYS) - 1))
        # Now and then one of them is not asked for: that is another chain.
        left_out = draw(st.sampled_from([None, None, None, *beside]))
        asked = {kind: given for kind, given in beside.items() if kind != left_out}
        names = features(looks_back="lookback" in asked)
        asked |= {"features": draw(names), "include_microstructure": draw(st.booleans())}
        if asked["include_microstructure"] and asked["features"]:
            asked["features"] = [name for name in asked["features"] if name != "ofi"] or None
        steps.append(Asked(DAYS[first], DAYS[last], {**of_rules, **asked}))
    return Story(
        lost=frozenset(draw(st.sets(st.sampled_from(DAYS[1:]), max_size=3))),
        largest_state=draw(st.sampled_from([64, 1 << 14])),
        steps=tuple(steps),
    )


def features(*, looks_back: bool) -> st.SearchStrategy[list[str] | None]:
    """Draw names of columns, of which some look back if bars do; or None."""
    of_bars = st.sampled_from(["ofi", *(output.name for output in INTRA)])
    some = st.lists(of_bars, max_size=4, unique=True)
    if looks_back:
        before = st.sampled_from([["lookback_ofi"], ["lookback_vwap", "lookback_kaufman_er"]])
        return st.none() | st.builds(lambda names, more: names + more, some, before)
    return some.map(lambda names: names or None)


def check_story(store: BarStore, root: Path, story: Story) -> None:
    """Check that the bars of each call are those of one pass over the trades of that time.

    Parameters
    ----------
    store
        An empty store.
    root
        An empty folder for the trades.
    story
        What happens.
    """
    days = {day for day in DAYS if day not in story.lost}
    give(root, trades_of(sorted(days), per_day=_PER_DAY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "LARGEST_STATE", story.largest_state)
        for step in story.steps:
            if isinstance(step, Replaced):
                give(root, trades_of([step.day], step.seed, per_day=_PER_DAY).head(step.rows))
                days.add(step.day)
            elif any(step.first <= day <= step.last for day in days):
                check_days(store, root, step.first, step.last, **step.options)


def check_days(store: BarStore, root: Path, start: dt.date, end: dt.date, **options: Any) -> None:  # noqa: ANN401
    """Check that the bars of days are those of one pass over their trades."""
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": root}
    got = rb.get_range_bars(SYMBOL, start, end, **own, **options)
    assert_same(one_pass(root, start, end, **options), got)
