"""Checks of what lies between bars: order, ids, jumps of the price, pauses."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import SingleThreshold, check_flags, integer_of
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.fixed import PER_THRESHOLD, to_fixed
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._validation.asked import Asked, frame_of
from rangebar_polars._validation.chains import UNKNOWN, add_ids, add_times, previous
from rangebar_polars._validation.checklist import Checklist, schema_finding
from rangebar_polars._validation.report import Report, report_of

TOLERANCE: Final = 500
"""How far beyond the threshold a bar may open from the close before: 0.5 %, as in rangebar-py."""


@named
def validate_continuity(
    bars: pl.DataFrame | pl.LazyFrame,
    *,
    threshold_decimal_bps: SingleThreshold | None = None,
    rule: Rule | None = None,
    tolerance_decimal_bps: SupportsIndex = TOLERANCE,
    max_pause: dt.timedelta | None = None,
    by: str | Sequence[str] | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = True,
    consecutive_ids: bool = True,
    without: Collection[str] = (),
) -> Report:
    """Check that bars follow each other: that none, and no trades between them, are missing.

    Bars put together from several computations, or of trades with a gap, are right one by one; this
    looks between them.

    Parameters
    ----------
    bars
        What `bars` returned: a frame, or a plan, which is collected.
    threshold_decimal_bps, rule
        As in `validate_tier1`. Bars of another rule than a threshold may jump by the tolerance.
    tolerance_decimal_bps
        How far beyond a threshold the price may jump from a close to the next open: at least 0
        decimal basis points, of 0.001 %. A share that opens at another price than it closed at the
        day before is a jump too.
    max_pause
        The longest time from a close to the next open; None: not checked.
    by, reset, max_gap, include_microstructure, consecutive_ids, without
        As in `validate_tier1`. With ``include_microstructure=False`` bars may have no ids.

    Returns
    -------
    Report
        ``schema``, ``times``, ``order`` and ``ids`` as in `validate_tier1`, ``jump`` and, with
        `max_pause`, ``pause``. A row offends if it does not follow the bar before it.

    Raises
    ------
    TypeError, ValueError
        For a bad argument.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> numbered = trades.with_columns(agg_trade_id=pl.int_range(pl.len()))
    >>> bars = rb.bars(numbered, 25, include_microstructure=True)
    >>> rb.validate_continuity(bars, threshold_decimal_bps=25).passed
    True
    >>> without_one = bars.filter(pl.int_range(pl.len()) != 7)
    >>> report = rb.validate_continuity(without_one, threshold_decimal_bps=25)
    >>> report.failures.select("check", "rows").rows()
    [('ids', [7])]
    """
    check_flags(consecutive_ids=consecutive_ids)
    asked = Asked.check(
        threshold_decimal_bps=threshold_decimal_bps,
        rule=rule,
        by=by,
        reset=reset,
        max_gap=max_gap,
        include_microstructure=include_microstructure,
        without=without,
    )
    tolerance = _tolerance(tolerance_decimal_bps)
    if max_pause is not None and not isinstance(max_pause, dt.timedelta):
        raise TypeError(f"max_pause is {max_pause!r}: expected a datetime.timedelta or None")
    frame = frame_of(bars)
    asked = asked.of_bars(frame)
    checklist = Checklist(frame, asked)
    add_times(checklist)
    add_ids(checklist, consecutive=consecutive_ids)
    chain = asked.chain(frame)
    closed = to_fixed(previous("close", chain))
    jump = (to_fixed(pl.col("open")) - closed).abs()
    threshold = asked.threshold(frame) if asked.rule is None else pl.lit(0, pl.Int64)
    if threshold is None:
        checklist.fail("jump", None, UNKNOWN)
    else:
        # Floats are near enough to a limit that is itself a tolerance.
        good = jump.cast(pl.Float64) * PER_THRESHOLD <= closed * (threshold + tolerance)
        beyond = "threshold + " if asked.rule is None else ""
        expected = f"open within {beyond}{tolerance} decimal basis points of the close before"
        needs = ["open", "close", *chain]
        checklist.add(
            "jump", None, previous("close", chain).is_null() | good, expected, needs=needs
        )
    if max_pause is not None:
        pause = pl.col("open_time") - previous("close_time", chain)
        good = pause.is_null() | (pause <= max_pause)
        expected = f"open within {max_pause} of the close before"
        needs = ["open_time", "close_time", *chain]
        checklist.add("pause", None, good, expected, needs=needs)
    return report_of("continuity", [schema_finding(checklist), *checklist.findings()])


def _tolerance(value: SupportsIndex) -> int:
    tolerance = integer_of(value)
    if tolerance is None:
        raise TypeError(f"tolerance_decimal_bps is {value!r}: expected an integer, 0 or more")
    if tolerance < 0:
        raise ValueError(f"tolerance_decimal_bps is {tolerance}: expected 0 or more")
    return tolerance
