"""A report is a frame, an exception if one is wanted, and a table in a notebook."""

import sys

import polars as pl
import pytest
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._validation.report import REPORT_SCHEMA, Finding, report_of

BARS = rb.bars(walk(300), 20, include_microstructure=True)
GOOD = rb.validate_tier1(BARS, threshold_decimal_bps=20)
BAD = report_of(
    "tier 1",
    [
        Finding("ohlc", None, "fail", 2.0, [3, 5], "expected low < high"),
        Finding("bounds", "ofi", "pass", 0.0, [], "expected -1 to 1"),
        Finding("bars", None, "note", 0.0, [], "there is <none> & no other"),
    ],
)


def test_a_report_has_a_row_for_each_check() -> None:
    assert BAD.frame.schema == REPORT_SCHEMA
    assert GOOD.frame.schema == REPORT_SCHEMA
    assert BAD.frame.select("check", "status", "rows").rows() == [
        ("ohlc", "fail", [3, 5]),
        ("bounds", "pass", []),
        ("bars", "note", []),
    ]


def test_failures_and_notes_are_its_rows_of_that_status() -> None:
    assert BAD.failures["check"].to_list() == ["ohlc"]
    assert BAD.notes["check"].to_list() == ["bars"]
    assert (BAD.passed, GOOD.passed) == (False, True)


def test_a_report_of_good_bars_raises_nothing_and_is_returned() -> None:
    assert GOOD.raise_if_failed() is GOOD


def test_a_report_of_bad_bars_raises_what_failed() -> None:
    text = (
        "tier 1: 1 of 3 checks failed: ohlc: expected low < high (report.failures has their rows)"
    )

    with says(rb.ValidationError, text):
        BAD.raise_if_failed()


def test_an_exception_lists_the_first_failures() -> None:
    findings = [Finding("ohlc", str(n), "fail", 1.0, [n], "wrong") for n in range(7)]
    listed = "; ".join(f"ohlc {n}: wrong" for n in range(5))

    with says(
        rb.ValidationError,
        f"all: 7 of 7 checks failed: {listed}; and 2 more (report.failures has their rows)",
    ):
        report_of("all", findings).raise_if_failed()


def test_a_validation_error_is_a_range_bar_error() -> None:
    assert issubclass(rb.ValidationError, rb.RangeBarError)


def test_a_report_is_shown_by_its_counts() -> None:
    assert repr(BAD) == "Report(tier 1: 3 checks, 1 failed, 1 note)"


def test_a_notebook_shows_failures_first_and_what_passed_in_one_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "great_tables", None)

    html = BAD._repr_html_()

    assert html == (
        "<table><caption>Report(tier 1: 3 checks, 1 failed, 1 note)</caption>"
        "<tr><th>status</th><th>check</th><th>figure</th><th>rows</th><th>message</th></tr>"
        '<tr style="background:#fbd5d5"><td>fail</td><td>ohlc</td><td>2</td><td>3, 5</td>'
        "<td>expected low &lt; high</td></tr>"
        '<tr style="background:#fdf0cd"><td>note</td><td>bars</td><td>0</td><td></td>'
        "<td>there is &lt;none&gt; &amp; no other</td></tr>"
        '<tr style="background:#dcf3e0"><td>pass</td><td>bounds</td><td></td><td></td>'
        "<td>ofi</td></tr></table>"
    )


def test_a_notebook_shows_the_same_by_great_tables() -> None:
    pytest.importorskip("great_tables")

    html = BAD._repr_html_()

    assert "gt_table" in html
    assert "expected low &lt; high" in html
    assert "&lt;none&gt; &amp; no other" in html
    assert html.count("#fbd5d5") == 5  # each cell of the row that failed


def test_bars_that_pass_are_shown_without_a_failure() -> None:
    assert "<td>fail</td>" not in GOOD._repr_html_()
    assert GOOD.frame["status"].unique().to_list() == ["pass"]


def test_rows_are_positions_in_the_frame_that_was_given() -> None:
    wrong = BARS.with_columns(
        high=pl.when(pl.int_range(pl.len()) == 4).then(0.0).otherwise(pl.col("high"))
    )

    report = rb.validate_tier1(wrong, threshold_decimal_bps=20)

    ohlc = report.failures.filter(pl.col("check") == "ohlc")
    assert ohlc["rows"].to_list() == [[4]]
    assert wrong[ohlc["rows"].explode()]["high"].to_list() == [0.0]
