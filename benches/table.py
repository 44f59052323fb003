"""Rows of figures: the measured value, its ratio to a reference, and the promised limit.

A figure or ratio is a median with the least and the most of its rounds.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import polars as pl
from fresh import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    what
        What was measured.
    figures, unit
        A figure of each round, in ``rows/s``, ``calls/s``, ``s`` or ``MB``.
    ratios
        Of each round, to what ``what`` names; none where the figure itself is promised.
    at_least, at_most
        What is promised of the median ratio, or of the median figure where there is no ratio.

    """

    what: str
    figures: Sequence[float]
    unit: str
    ratios: Sequence[float] = ()
    at_least: float | None = None
    at_most: float | None = None

    def cells(self) -> list[str]:
        """Return the cells of the line."""
        value = median(self.ratios or self.figures)
        unit = "" if self.ratios else self.unit
        target = met = ""
        if self.at_least is not None:
            target, met = f"≥ {_said(self.at_least, unit)}", _yes(value >= self.at_least)
        if self.at_most is not None:
            target, met = f"≤ {_said(self.at_most, unit)}", _yes(value <= self.at_most)
        ratio = _spread(self.ratios, "") if self.ratios else ""
        return [self.what, _spread(self.figures, self.unit), ratio, target, met]


@dataclass(frozen=True, slots=True)
class Missing:
    """A line for what could not be measured, and why."""

    what: str
    why: str

    def cells(self) -> list[str]:
        """Return the cells of the line."""
        return [self.what, self.why, "", "", ""]


def each(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return the ratio of every turn."""
    return [one / other for one, other in zip(over, under, strict=True)]


def seconds_of(runs: Sequence[Run]) -> list[float]:
    """Return the seconds."""
    return [figures.seconds for figures in runs]


def peaks_of(runs: Sequence[Run]) -> list[float]:
    """Return the peaks."""
    return [figures.peak_mb for figures in runs]


def timed(what: str, runs: Sequence[Run], base: Sequence[Run], at_most: float | None = None) -> Row:
    """Return a row of the time of plans, as a ratio to that of others."""
    seconds = seconds_of(runs)
    ratios = each(seconds, seconds_of(base))
    return Row(what=what, figures=seconds, unit="s", ratios=ratios, at_most=at_most)


def peaked(
    what: str, runs: Sequence[Run], base: Sequence[Run], at_most: float | None = None
) -> Row:
    """Return a row of the peak memory of plans, as a ratio to that of others."""
    peaks = peaks_of(runs)
    ratios = each(peaks, peaks_of(base))
    return Row(what=what, figures=peaks, unit="MB", ratios=ratios, at_most=at_most)


def table(rows: Sequence[Row | Missing]) -> str:
    """Return the lines as a Markdown table."""
    head = ["what", "median (least to most)", "ratio", "target", "met"]
    cells = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def machine() -> str:
    """Return what the figures depend on besides the code."""
    model = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores of {model or platform.machine()}, {memory:.0f} GiB; "
        f"{platform.system()}, Python {platform.python_version()}, Polars {pl.__version__} "
        f"({pl.thread_pool_size()} threads), rangebar-polars {version('rangebar-polars')}; "
        f"load when it began {os.getloadavg()[0]:.1f}"
    )


def _yes(met: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if met else "**no**"


def _spread(figures: Sequence[float], unit: str) -> str:
    middle = _said(median(figures), unit)
    if len(figures) == 1:
        return middle
    return f"{middle} ({_number(min(figures), unit)} to {_number(max(figures), unit)})"


def _said(figure: float, unit: str) -> str:
    number = _number(figure, unit)
    return f"{number} {'M ' if unit.endswith('/s') else ''}{unit}".strip()


def _number(figure: float, unit: str) -> str:
    """Return three digits of it; rates in millions."""
    scaled = figure / 1e6 if unit.endswith("/s") else figure
    return f"{scaled:.0f}" if scaled >= 100 else f"{scaled:#.3g}".rstrip(".")  # noqa: PLR2004 - three digits
