"""The report of a validation: a row for each check, and which rows of the bars offend."""

import html
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, Literal, NamedTuple, Self

import polars as pl

from rangebar_polars._argument_names import named_methods
from rangebar_polars.errors import ValidationError

Status = Literal["pass", "note", "fail"]

REPORT_SCHEMA: Final = pl.Schema(
    {
        "check": pl.String(),
        "subject": pl.String(),
        "status": pl.Enum(["pass", "note", "fail"]),
        "figure": pl.Float64(),
        "rows": pl.List(pl.UInt32()),
        "message": pl.String(),
    }
)
"""The columns of a report."""

_SHOWN: Final = 5
"""How many rows and failures a message lists."""


class Finding(NamedTuple):
    """One row of a report."""

    check: str
    """What kind of check it is."""
    subject: str | None
    """The column, or the key and the column, that was checked; None for the bars as a whole."""
    status: Status
    """"fail": the bars are wrong; "note": right, and worth knowing; "pass"."""
    figure: float | None
    """Rows that offend, or the statistic."""
    rows: Sequence[int]
    """Positions of the rows that offend."""
    message: str
    """What is expected, and what was found."""


@named_methods()
@dataclass(frozen=True, repr=False)
class Report:
    """What a validation found.

    Attributes
    ----------
    name
        Which validation it was.
    frame
        A row for each check: ``check`` and ``subject`` (String; the subject is null where it is
        the bars as a whole), ``status`` (Enum of pass, note, fail), ``figure`` (Float64: the number
        of rows that offend, or the statistic of a test), ``rows`` (List of UInt32: their positions
        in the bars) and ``message`` (String: what is expected, and what was found). A note is no
        defect, but something to know before the bars are used.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> bars = rb.bars(pl.read_parquet("examples/btcusdt-trades.parquet"), 25)
    >>> wrong = bars.with_columns(high=pl.col("open") - 1)
    >>> report = rb.validate_tier1(wrong, threshold_decimal_bps=25, include_microstructure=False)
    >>> report.passed, report.failures["check"].to_list()
    (False, ['ohlc'])
    """

    name: str
    frame: pl.DataFrame = field(compare=False)

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return self.failures.is_empty()

    @property
    def failures(self) -> pl.DataFrame:
        """The rows of ``frame`` whose check failed."""
        return self.frame.filter(pl.col("status") == "fail")

    @property
    def notes(self) -> pl.DataFrame:
        """The rows of ``frame`` that are notes."""
        return self.frame.filter(pl.col("status") == "note")

    def raise_if_failed(self) -> Self:
        """Return the report itself, unless a check failed.

        Returns
        -------
        Report
            The report itself.

        Raises
        ------
        ValidationError
            A check failed: the message has the first of them.
        """
        failures = self.failures
        if failures.is_empty():
            return self
        lines = [
            f"{_title(check, subject)}: {message}"
            for check, subject, message in failures.select("check", "subject", "message")
            .head(_SHOWN)
            .iter_rows()
        ]
        more = failures.height - len(lines)
        raise ValidationError(
            f"{self.name}: {failures.height} of {self.frame.height} checks failed: "
            + "; ".join(lines)
            + (f"; and {more} more" if more else "")
            + " (report.failures has their rows)"
        )

    def __repr__(self) -> str:
        checks, failed, notes = self.frame.height, self.failures.height, self.notes.height
        made = f"{checks} {'check' if checks == 1 else 'checks'}"
        noted = f"{notes} {'note' if notes == 1 else 'notes'}"
        return f"Report({self.name}: {made}, {failed} failed, {noted})"

    def _repr_html_(self) -> str:
        """Return the report as HTML, as a notebook shows it: failures, notes, and what passed."""
        # A module that is None in sys.modules is hidden, and find_spec raises for it.
        hidden = "great_tables" in sys.modules and sys.modules["great_tables"] is None
        table = self._shown()
        if hidden or find_spec("great_tables") is None:
            return _plain_html(repr(self), table)
        return _great_html(repr(self), table)

    def _shown(self) -> pl.DataFrame:
        """Return the failures and the notes, then a row for each check that passed."""
        rows = list[tuple[str, str, str, str, str]]()
        passed: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.frame.sort("status", descending=True, maintain_order=True).iter_rows():
            finding = Finding(*row)
            if finding.status == "pass":
                passed[finding.check].append(finding.subject or "all bars")
                continue
            figure = "" if finding.figure is None else f"{finding.figure:.6g}"
            title = _title(finding.check, finding.subject)
            rows.append((finding.status, title, figure, places(finding.rows), finding.message))
        rows += [("pass", check, "", "", ", ".join(subjects)) for check, subjects in passed.items()]
        return pl.DataFrame(
            rows, schema=["status", "check", "figure", "rows", "message"], orient="row"
        )


def report_of(name: str, findings: Iterable[Finding]) -> Report:
    """Return the report of these findings."""
    return Report(name, pl.DataFrame(list(findings), schema=REPORT_SCHEMA, orient="row"))


def places(rows: Sequence[int]) -> str:
    """Return how a message lists rows.

    >>> places([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4, 5, ...'
    """
    listed = ", ".join(map(str, rows[:_SHOWN]))
    return listed + (", ..." if len(rows) > _SHOWN else "")


def row_finding(
    check: str, subject: str | None, rows: Sequence[int], expected: str, *, of: int
) -> Finding:
    """Return the finding of a check that fails where a row offends."""
    if not rows:
        return Finding(check, subject, "pass", 0.0, [], f"expected {expected}")
    message = f"expected {expected}; {len(rows)} of {of} bars offend: {places(rows)}"
    return Finding(check, subject, "fail", float(len(rows)), rows, message)


def _title(check: str, subject: str | None) -> str:
    return check if subject is None else f"{check} {subject}"


_COLORS: Final = {"fail": "#fbd5d5", "note": "#fdf0cd", "pass": "#dcf3e0"}


def _plain_html(title: str, table: pl.DataFrame) -> str:
    def line(tag: str, cells: Iterable[str], color: str) -> str:
        style = f' style="background:{color}"' if color else ""
        written = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr{style}>{written}</tr>"

    head = line("th", table.columns, "")
    body = "".join(line("td", row, _COLORS[row[0]]) for row in table.iter_rows())
    return f"<table><caption>{html.escape(title)}</caption>{head}{body}</table>"


def _great_html(title: str, table: pl.DataFrame) -> str:
    from great_tables import GT, loc, style  # noqa: PLC0415 - an extra

    shown = GT(table).tab_header(title=title)
    for status, color in _COLORS.items():
        shown = shown.tab_style(
            style=style.fill(color=color), locations=loc.body(rows=pl.col("status") == status)
        )
    written: str = shown.as_raw_html()
    return written
