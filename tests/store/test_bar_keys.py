"""The key of a chain is a path and back, and nothing else is one."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.border_reference import DAYS
from support.rule_questions import TEXTS

import rangebar_polars as rb
from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.spans import check_max_gap, gap_text
from rangebar_polars._series import Series
from rangebar_polars.schema import RULE_VERSION
from rangebar_polars.store import BarKey, ParquetStore

DAY = dt.date(2024, 1, 1)
NEW_YORK = rb.TradingDay("17:00", "America/New_York")
SERIES = Series("mine", "spot", "BTC-USD")
OF_NEW_YORK = "17%3A00%40~A~merica%2F~N~ew_~Y~ork"
OF_SERIES = "source=mine/market=spot/symbol=BTC-USD"
HOSTILE = Series("a/b", "none", "€ %2F ../kPEPE.")
OF_HOSTILE = "source=a%2Fb/market=none/symbol=%E2%82%AC%20%252F%20..%2F~k~PEPE%2E"


def key(text: str = "range-250", **parts: Any) -> BarKey:  # noqa: ANN401
    """Return a key."""
    given: dict[str, Any] = {"series": SERIES, "origin": DAY} | parts
    return BarKey(rule=rb.parse_rule(text), **given)


OF_DAY = "origin=2024-01-01/version=2"
GOLDEN = [
    (key(), f"{OF_SERIES}/rule=range-250/reset=none/max_gap=none/origin=2024-01-01/version=2"),
    (
        key("range-250-nogate", reset="week", origin=None),
        f"{OF_SERIES}/rule=range-250-nogate/reset=week/max_gap=none/origin=none/version=2",
    ),
    (
        key("volume-0.3-gate", max_gap="1h30m"),
        f"{OF_SERIES}/rule=volume-0.3-gate/reset=none/max_gap=1h30m/origin=2024-01-01/version=2",
    ),
    (
        key("ewmarun-dollar-tickrule-4-none-7-2-8-3", max_gap="250ms", reset="day", origin=None),
        (
            f"{OF_SERIES}/rule=ewmarun-dollar-tickrule-4-none-7-2-8-3/reset=day/max_gap=250ms/"
            "origin=none/version=2"
        ),
    ),
    (
        key(reset=NEW_YORK),
        (
            f"{OF_SERIES}/rule=range-250/reset={OF_NEW_YORK}/max_gap=none/origin=2024-01-01/"
            "version=2"
        ),
    ),
    (
        key("dollar-1000000", series=HOSTILE, version=7),
        f"{OF_HOSTILE}/rule=dollar-1000000/reset=none/max_gap=none/origin=2024-01-01/version=7",
    ),
    (
        key(lookback="200"),
        f"{OF_SERIES}/rule=range-250/reset=none/max_gap=none/lookback=200/{OF_DAY}",
    ),
    (
        key(features=("intra_kaufman_er",), lookback="1h30m", vpin="0.5-50"),
        (
            f"{OF_SERIES}/rule=range-250/reset=none/max_gap=none/features=er/lookback=1h30m/"
            f"vpin=0.5-50/{OF_DAY}"
        ),
    ),
    (
        key(vpin="10-5", footprint="0.00000001-70-300"),
        (
            f"{OF_SERIES}/rule=range-250/reset=none/max_gap=none/vpin=10-5/"
            f"footprint_settings=0.00000001-70-300/{OF_DAY}"
        ),
    ),
]


@pytest.mark.parametrize(("of", "path"), GOLDEN, ids=[path for _, path in GOLDEN])
def test_a_key_has_this_path(of: BarKey, path: str) -> None:
    assert of.path == path
    assert BarKey.from_path(path) == of


RULE = "rule=range-250"
END = OF_DAY
NO_KEYS = [
    "",
    OF_SERIES,
    # What earlier commits wrote.
    f"{OF_SERIES}/{RULE}/{END}",
    f"{OF_SERIES}/rule=range-250-gate-noreset-v1/{END}",
    # A part is missing, doubled, in another place or of another name.
    f"{OF_SERIES}/{RULE}/reset=none/{END}",
    f"{OF_SERIES}/{RULE}/{RULE}/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/max_gap=none/reset=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/{END}/month=1",
    f"/{OF_SERIES}/{RULE}/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rules=range-250/reset=none/max_gap=none/{END}",
    # A rule that is none, is written in another way, or has an expression.
    f"{OF_SERIES}/rule=range-0/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=range-250-gate/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=volume-1.0/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=Range-250/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=range%2D250/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=range-250%00/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=when-signal/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=sum-1/reset=none/max_gap=none/{END}",
    f"{OF_SERIES}/rule=none/reset=none/max_gap=none/{END}",
    # A chain begins with a period in UTC or on a day: one of both.
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=none/version=2",
    f"{OF_SERIES}/{RULE}/reset=day/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=hour/max_gap=none/origin=none/version=2",
    f"{OF_SERIES}/{RULE}/reset=hour/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset={OF_NEW_YORK}/max_gap=none/origin=none/version=2",
    f"{OF_SERIES}/{RULE}/reset={OF_NEW_YORK}~/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=17%3A00%40~a~merica%2F~n~ew_~y~ork/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=17%3A00@~A~merica%2F~N~ew_~Y~ork/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=17%3A00%40~A~merica%2F~G~otham/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=24%3A00%40~UTC/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=17%3A00/max_gap=none/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=day/version=2",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=20240101/version=2",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=2024-02-30/version=2",
    # A length that is none, or is written in another way.
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=0s/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=60s/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=30m1h/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=1mo/{END}",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=/{END}",
    # A lookback or buckets that are none, or are written in another way, or stand elsewhere.
    *(
        f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/{before}/{END}"
        for before in (
            "lookback=",
            "lookback=0",
            "lookback=0200",
            "lookback=90m",
            "lookback=1mo",
            "lookback=none",
            f"lookback={'9' * 200}",
            "lookback=1000001",
            "vpin=",
            "vpin=10",
            "vpin=10.0-50",
            "vpin=10-050",
            "vpin=0-50",
            "vpin=10-0",
            "vpin=10-10001",
            "vpin=1e1-50",
            "vpin=99999999999-1",
            "vpin=10-50/lookback=200",
            "footprint_settings=",
            "footprint_settings=0.5-70",
            "footprint_settings=0.50-70-300",
            "footprint_settings=0-70-300",
            "footprint_settings=0.5-0-300",
            "footprint_settings=0.5-070-300",
            "footprint_settings=0.5-70-99",
            "footprint_settings=1e1-70-300",
            "footprint_settings=10000001-70-300",
            "footprint_settings=0.5-70-300/vpin=10-50",
            "footprint=0.5-70-300",
            "lookback=200/lookback=200",
        )
    ),
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=2024-01-01/version=02",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=2024-01-01/version=v2",
    f"{OF_SERIES}/{RULE}/reset=none/max_gap=none/origin=2024-01-01/version={'9' * 5000}",
]


@pytest.mark.parametrize("path", NO_KEYS, ids=str)
def test_a_path_that_is_not_of_this_form_is_no_key(path: str) -> None:
    assert BarKey.from_path(path) is None


def test_folders_of_no_key_are_passed_over(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    for path in [*NO_KEYS[2:-1], GOLDEN[0][1]]:
        if "//" not in path and not path.startswith("/"):
            (tmp_path / "bars" / path).mkdir(parents=True, exist_ok=True)

    assert store.keys() == [GOLDEN[0][0]]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
GAPS = st.none() | st.integers(1, 2**63 - 1).map(gap_text)


@given(
    names=st.tuples(NAMES, NAMES, NAMES),
    text=st.sampled_from(TEXTS),
    reset=st.none() | st.sampled_from([*get_args(Reset), *DAYS]),
    max_gap=GAPS,
    day=st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    version=st.integers(0, 2**32 - 1),
)
def test_any_key_is_a_path_and_back(
    names: tuple[str, str, str],
    text: str,
    reset: NamedBorders | None,
    max_gap: str | None,
    day: dt.date,
    version: int,
) -> None:
    of = key(
        text,
        series=Series(*names),
        reset=reset,
        max_gap=max_gap,
        origin=None if isinstance(reset, str) else day,
        version=version,
    )

    assert BarKey.from_path(of.path) == of
    assert of.path.count("/") == 7
    assert of.path.isascii()
    # Also where a file system ignores case.
    other = replace(of, series=Series(names[0].swapcase(), names[1], names[2]))
    assert (other.path.lower() == of.path.lower()) == (other.series == of.series)


@given(st.integers(1, 2**63 - 1))
def test_equal_lengths_have_one_text(nanoseconds: int) -> None:
    text = gap_text(nanoseconds)

    assert check_max_gap(text) == nanoseconds
    assert gap_text(check_max_gap(f"{nanoseconds}ns")) == text


def test_the_parts_of_a_key_are_columns() -> None:
    of = key("dollar-1000000", max_gap="30m")

    assert of.values == {
        "source": "mine",
        "market": "spot",
        "symbol": "BTC-USD",
        "rule": "dollar-1000000",
        "threshold_decimal_bps": None,
        "prevent_same_timestamp_close": False,
        "reset": None,
        "max_gap": "30m",
        "features": None,
        "lookback": None,
        "vpin": None,
        "footprint_settings": None,
        "origin": DAY,
    }
    rich = key(features=("intra_kaufman_er", "intra_uptick_count"))
    assert rich.values["features"] == "intra_kaufman_er,intra_uptick_count"
    assert rich.label == "mine spot BTC-USD range-250, with er-ups"
    before = key(lookback="5m", vpin="0.5-50")
    assert (before.values["lookback"], before.values["vpin"]) == ("5m", "0.5-50")
    assert before.label == "mine spot BTC-USD range-250, with lookback 5m, vpin 0.5-50"
    levels = key(lookback="5m", footprint="0.5-70-300")
    assert levels.values["footprint_settings"] == "0.5-70-300"
    assert levels.label == "mine spot BTC-USD range-250, with lookback 5m, footprint 0.5-70-300"
    assert key("range-30-nogate").values["threshold_decimal_bps"] == 30
    assert key().version == RULE_VERSION
    assert of.label == "mine spot BTC-USD dollar-1000000, max_gap 30m"
    assert key(reset="day", origin=None).label == "mine spot BTC-USD range-250, anew every day"
    of_days = key(reset=NEW_YORK)
    assert of_days.values["reset"] == "17:00@America/New_York"
    assert of_days.label == "mine spot BTC-USD range-250, anew at 17:00@America/New_York"
