"""Tier 2 finds what is in the features, and in noise no more than its rate allows."""

import sys
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom
from sklearn.metrics import mutual_info_score
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

SIZE = 500
NAMES = [f"x{number}" for number in range(5)]
# Of the next bar, about 1 in size; 0 at the end.
RETURNS = ((pl.col("close").shift(-1) / pl.col("close") - 1) * 1e3).fill_null(0.0)


def noise(seed: int, size: int = SIZE) -> pl.DataFrame:
    """Return prices that wander, and features that have nothing to do with them."""
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(1e-3 * chance.standard_normal(size).cumsum())
    return pl.DataFrame({"close": close, **{name: chance.standard_normal(size) for name in NAMES}})


def persistent(seed: int, size: int, memory: float) -> pl.Series:
    """Return values each of which depends on the one before."""
    chance, values = np.random.default_rng(seed), [0.0]
    for shock in chance.standard_normal(size - 1):
        values.append(memory * values[-1] + shock)
    return pl.Series(values)


def found(frame: pl.DataFrame, status: str = "note", **options: Any) -> set[tuple[str, str]]:  # noqa: ANN401
    """Return check and subject of all notes, or failures."""
    report = rb.validate_tier2(frame, **{"features": NAMES} | options)
    rows = report.frame.filter(pl.col("status") == status)
    return set(rows.select("check", "subject").rows())


@pytest.mark.parametrize("horizon", [1, 5])
def test_in_noise_a_kind_of_note_is_no_more_frequent_than_its_rate(horizon: int) -> None:
    runs, rate = 40, 0.05
    counts = Counter[str]()
    for seed in range(runs):
        report = rb.validate_tier2(
            noise(seed, 250), features=NAMES, horizon=horizon, false_discovery_rate=rate
        )
        assert report.passed
        counts.update(set(report.notes["check"]))

    # Beyond it a test of the right rate would be in one of ten thousand cases.
    most = binom.ppf(1 - 1e-4, runs, rate)
    assert {check: number for check, number in counts.items() if number > most} == {}


def test_two_series_with_a_memory_and_no_tie_are_not_called_related() -> None:
    runs, rate, hits = 60, 0.05, 0
    for seed in range(runs):
        frame = pl.DataFrame(
            {
                "x": persistent(2 * seed, 300, 0.8),
                "target": persistent(2 * seed + 1, 300, 0.8),
            }
        )
        report = rb.validate_tier2(frame, "target", 10, features=["x"])
        hits += "rank correlation" in report.notes["check"].to_list()

    assert hits <= binom.ppf(1 - 1e-4, runs, rate)


def test_a_feature_that_knows_the_next_return_is_found() -> None:
    frame = noise(1)
    frame = frame.with_columns(x2=RETURNS + pl.col("x2"))

    notes = found(frame)

    assert {("rank correlation", "x2"), ("mutual information", "x2")} <= notes


def test_a_tie_that_is_not_monotone_is_found_by_its_mutual_information_alone() -> None:
    frame = noise(2)
    frame = frame.with_columns(x3=RETURNS.abs() + 0.2 * pl.col("x3"))

    related = {
        pair for pair in found(frame) if pair[0] in {"rank correlation", "mutual information"}
    }

    assert related == {("mutual information", "x3")}


def test_a_feature_with_a_memory_is_noted() -> None:
    frame = noise(3).with_columns(x1=persistent(3, SIZE, 0.5))

    assert ("autocorrelation", "x1") in found(frame)
    assert found(frame, "fail") == set()


def test_a_feature_that_wanders_fails() -> None:
    frame = noise(4).with_columns(x4=pl.col("x4").cum_sum())

    assert found(frame, "fail") == {("stationarity", "x4")}


def test_a_feature_that_shifts_between_the_halves_is_noted() -> None:
    later = pl.int_range(pl.len()) >= SIZE // 2

    moved = noise(5).with_columns(x0=pl.col("x0") + pl.when(later).then(1).otherwise(0))
    wider = noise(5).with_columns(x0=pl.col("x0") * pl.when(later).then(3).otherwise(1))

    assert ("drift", "x0") in found(moved)
    assert ("drift", "x0") in found(wider)


def test_two_features_that_say_the_same_are_noted() -> None:
    frame = noise(6).with_columns(x1=-(pl.col("x0") ** 3))

    assert ("redundancy", "x0, x1") in found(frame)


def test_the_figures_are_those_of_the_usual_definitions() -> None:
    frame = noise(7)
    target = frame["close"].shift(-1) / frame["close"] - 1
    paired = frame.with_columns(target=target).drop_nulls()

    report = rb.validate_tier2(frame, features=["x0"])

    figures = dict(report.frame.select("check", "figure").iter_rows())
    spearman = paired.select(pl.corr("x0", "target", method="spearman")).item()
    ranks = [paired[name].rank().cast(pl.Int64) for name in ("x0", "target")]
    bins = [(2 * rank - 1) * 8 // (2 * paired.height) for rank in ranks]
    assert figures["rank correlation"] == pytest.approx(spearman, abs=1e-12)
    assert figures["mutual information"] == pytest.approx(mutual_info_score(*bins), abs=1e-12)


def test_equal_bars_have_equal_reports() -> None:
    one, other = (rb.validate_tier2(noise(8), features=NAMES) for _ in range(2))

    assert one.frame.equals(other.frame)


def test_each_chain_is_checked_on_its_own() -> None:
    frame = noise(9)
    tied = frame.with_columns(x2=RETURNS * 3 + pl.col("x2"))
    both = pl.concat(
        [frame.with_columns(symbol=pl.lit("A")), tied.with_columns(symbol=pl.lit("B"))]
    ).with_columns(pl.lit(250).alias("threshold_decimal_bps"))

    notes = found(both, by="symbol", features=["x1", "x2"])

    assert ("rank correlation", "B 250 x2") in notes
    assert ("rank correlation", "A 250 x2") not in notes


def test_bars_that_did_not_close_are_left_out() -> None:
    frame = noise(10).with_columns(is_complete=pl.int_range(pl.len()) < SIZE - 10)

    report = rb.validate_tier2(frame, features=["x0"])

    values = report.frame.filter(pl.col("check") == "values")
    assert values["figure"].to_list() == [SIZE - 11]


def test_a_column_of_your_own_is_the_target() -> None:
    frame = noise(11).with_columns(label=pl.col("x1") > 0).with_columns(pl.col("label").cast(int))

    assert ("rank correlation", "x1") in found(frame.drop("close"), target="label")


def test_the_features_of_bars_are_checked_unless_others_are_named() -> None:
    bars = rb.bars(walk(3_000), 20, include_microstructure=True)

    report = rb.validate_tier2(bars)

    checked = report.frame.filter(pl.col("check") == "values")["subject"].to_list()
    ten = [column.name for column in rb.schema.COLUMNS if column.group == "feature"]
    assert sorted(checked) == sorted(ten)
    assert report.frame.filter(pl.col("check") == "schema")["status"].to_list() == ["pass"]


def test_a_missing_column_fails_and_nothing_else_is_reported() -> None:
    report = rb.validate_tier2(noise(12).drop("x3"), features=NAMES)

    assert report.frame.select("check", "status", "message").rows() == [
        ("schema", "fail", "x3 is missing")
    ]


def test_a_column_that_is_no_number_fails() -> None:
    report = rb.validate_tier2(noise(13).with_columns(x3=pl.lit("a")), features=NAMES)

    assert report.failures["message"].to_list() == ["x3 is String: expected numbers"]


@pytest.mark.parametrize("value", [None, 1.0], ids=["null", "one value"])
def test_a_feature_that_says_nothing_fails_and_is_not_tested(value: float | None) -> None:
    frame = noise(14).with_columns(x3=pl.lit(value, pl.Float64))

    report = rb.validate_tier2(frame, features=NAMES)

    assert report.failures.select("check", "subject").rows() == [("values", "x3")]
    assert report.frame.filter(pl.col("subject") == "x3").height == 1


def test_too_few_bars_fail_rather_than_find_nothing() -> None:
    report = rb.validate_tier2(noise(15, 200), features=NAMES)

    assert set(report.failures["message"]) == {
        "expected 200 or more bars with a finite value and a target; there are 199"
    }


@pytest.mark.parametrize("hidden", ["numpy", "scipy", "statsmodels"])
def test_what_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == hidden]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, hidden, None)

    text = f"validate_tier2 needs {hidden} (pip install --upgrade 'rangebar-polars[validation]')"
    with says(ModuleNotFoundError, text):
        rb.validate_tier2(noise(16), features=NAMES)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"horizon": 0}, ValueError, "horizon is 0: expected a number of bars, 1 or more"),
        ({"horizon": 1.5}, TypeError, "horizon is 1.5: expected a number of bars, 1 or more"),
        (
            {"features": "ofi"},
            ValueError,
            "features is 'ofi': expected names of columns, each once",
        ),
        (
            {"features": ["ofi", "ofi"]},
            ValueError,
            "features is ['ofi', 'ofi']: expected names of columns, each once",
        ),
        (
            {"false_discovery_rate": 1},
            ValueError,
            "false_discovery_rate is 1: expected a number above 0, below 1",
        ),
    ],
)
def test_a_bad_argument_is_refused_by_the_call(
    options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.validate_tier2(noise(17), **options)
