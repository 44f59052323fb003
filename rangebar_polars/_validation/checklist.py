"""A list of checks over the rows of bars, all computed in one pass."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import polars as pl

from rangebar_polars._validation.asked import Asked
from rangebar_polars._validation.report import Finding, row_finding
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS, INTRA, THRESHOLD


class Checklist:
    """Checks, each an expression that is true in every row of good bars.

    A check whose columns are missing fails, or is left out if its columns may be missing.
    """

    def __init__(self, bars: pl.DataFrame, asked: Asked) -> None:
        self.bars = bars
        self.asked = asked
        self.wrong = dict(wrong_columns(bars, asked))
        self._checks = list[tuple[str, str | None, pl.Expr, str]]()
        self._findings = list[Finding]()

    def usable(self, name: str) -> bool:
        """Return whether the bars have this column, of the right dtype."""
        return name in self.bars.columns and name not in self.wrong

    def is_null(self, name: str) -> bool:
        """Return whether the bars have this column without a value in any row."""
        return self.usable(name) and self.bars[name].null_count() == self.bars.height > 0

    def add(
        self,
        check: str,
        subject: str | None,
        good: pl.Expr,
        expected: str,
        *,
        needs: Iterable[str],
    ) -> None:
        """Add a check: `good` is true in every row of good bars, of the columns in `needs`."""
        missing = [name for name in needs if not self.usable(name)]
        if not missing:
            self._checks.append((check, subject, good, expected))
        elif any(name in self.wrong for name in missing):
            self.fail(check, subject, f"expected {expected}: not checked without {missing[0]}")

    def fail(self, check: str, subject: str | None, message: str) -> None:
        """Add a check that failed as a whole."""
        self._findings.append(Finding(check, subject, "fail", None, [], message))

    def note(self, check: str, subject: str | None, message: str) -> None:
        """Add a note about a check that was not made."""
        self._findings.append(Finding(check, subject, "note", None, [], message))

    def findings(self) -> list[Finding]:
        """Compute all checks, and return what they found."""
        # A check whose columns hold a null says nothing about the row, so that the row offends.
        bad = [~good.fill_null(value=False) for _, _, good, _ in self._checks]
        named = [expression.arg_true().implode().alias(str(n)) for n, expression in enumerate(bad)]
        rows: Sequence[Sequence[int]] = []
        if named and self.bars.height:
            rows = [found or [] for found in self.bars.select(named).row(0)]
        found = [
            row_finding(check, subject, rows[n] if rows else [], expected, of=self.bars.height)
            for n, (check, subject, _, expected) in enumerate(self._checks)
        ]
        return [*self._findings, *found]


def remedy_of_lack(columns: Collection[str]) -> str:
    """Return what to write if a column of bars is null because trades lack one of the columns."""
    names = sorted(columns)
    return f" (if the trades have no {' or '.join(names)}: without={names!r})" if names else ""


def wrong_columns(bars: pl.DataFrame, asked: Asked) -> Iterable[tuple[str, str]]:
    """Yield each column that is missing or has another dtype, and what it is."""
    expected = {
        name: dtype for name, dtype in BAR_SCHEMA.items() if name not in {"open_time", "close_time"}
    }
    expected[THRESHOLD] = pl.Int64()
    expected |= {output.name: getattr(pl, output.dtype)() for output in INTRA}
    for name in (*asked.by, *asked.required):
        if name not in bars.columns:
            yield name, "is missing"
    for name in ("open_time", "close_time"):
        dtype = bars.schema.get(name)
        if dtype is not None and not isinstance(dtype, pl.Datetime):
            yield name, f"is {dtype}: expected Datetime"
    if {"open_time", "close_time"} <= {*bars.columns}:
        opened, closed = bars.schema["open_time"], bars.schema["close_time"]
        if isinstance(opened, pl.Datetime) and isinstance(closed, pl.Datetime) and opened != closed:
            yield "close_time", f"is {closed}: expected that of open_time, {opened}"
    for name in dict.fromkeys((*asked.required, *expected)):
        if name in bars.columns and name in expected and bars.schema[name] != expected[name]:
            yield name, f"is {bars.schema[name]}: expected {expected[name]}"


_MICROSTRUCTURE: Final = tuple(output.name for output in COLUMNS if output.group != "bar")


def schema_finding(checklist: Checklist) -> Finding:
    """Return whether the bars have their columns."""
    number = len(checklist.asked.by) + len(checklist.asked.required)
    if not checklist.wrong:
        return Finding("schema", None, "pass", 0.0, [], f"expected {number} columns")
    listed = ", ".join(f"{name} {what}" for name, what in checklist.wrong.items())
    message = f"expected {number} columns, each of its dtype; {listed}"
    if all(checklist.wrong.get(name) == "is missing" for name in _MICROSTRUCTURE):
        message += " (give include_microstructure=False for bars without sums and features)"
    return Finding("schema", None, "fail", float(len(checklist.wrong)), [], message)
