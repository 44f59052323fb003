"""Checks of bars that cost little: what must be true of bars of any trades."""

from collections.abc import Collection, Sequence

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import SingleThreshold, check_columns, check_flags
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.sides import with_read_columns
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars._validation.asked import Asked, frame_of
from rangebar_polars._validation.chains import add_ids, add_threshold, add_times
from rangebar_polars._validation.checklist import Checklist, schema_finding
from rangebar_polars._validation.columns import (
    add_bounds,
    add_finite,
    add_formulas,
    add_nulls,
    add_ohlc,
    add_sides,
    add_values,
)
from rangebar_polars._validation.conservation import conservation, lacked_by
from rangebar_polars._validation.limits import add_limit
from rangebar_polars._validation.report import Finding, Report, report_of


@named
def validate_tier1(
    bars: pl.DataFrame | pl.LazyFrame,
    trades: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    threshold_decimal_bps: SingleThreshold | None = None,
    rule: Rule | None = None,
    by: str | Sequence[str] | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = True,
    prevent_same_timestamp_close: bool | None = None,
    consecutive_ids: bool = True,
    without: Collection[str] = (),
    columns: TradeColumns | None = None,
) -> Report:
    """Check what must be true of bars of any trades: cheap, one pass over the bars.

    Parameters
    ----------
    bars
        What `bars` returned: a frame, or a plan, which is collected.
    trades
        All trades that the bars are made of, for the checks of conservation: one pass over them.
    threshold_decimal_bps
        The threshold of the bars, where they have no column ``threshold_decimal_bps``.
    rule
        The rule of the bars, where it is another, and they have no column ``rule``.
    by, reset, max_gap, include_microstructure, prevent_same_timestamp_close, columns
        How the bars were made: as in `bars`. With ``include_microstructure=False`` sums and
        features may be missing, and those that are there are checked; else a missing one fails.
    consecutive_ids
        Whether each id of the trades follows the one before, as on Binance. False for trades that
        were filtered or split by a key that is not the symbol: ids must rise then.
    without
        Which of ``is_buyer_maker``, ``agg_trade_id``, ``first_trade_id``, ``last_trade_id`` the
        trades lacked, so that the columns computed from them are null in every row. With `trades`
        it follows from them.

    Returns
    -------
    Report
        A row for each check, and the rows that offend. The checks, by their names:

        - ``schema``: columns and dtypes. A check whose column is missing fails too.
        - ``bars``: a note for a frame without a bar.
        - ``nulls``: a column is null where its formula has no value, and nowhere else.
        - ``values``: a column that may be null has a value in some row.
        - ``finite``: no NaN, no infinity.
        - ``ohlc``, ``bounds``, ``sides``: prices, features and sums lie where they can.
        - ``formula``: features are what their formulas make of the other columns.
        - ``times``, ``order``: bars close after they open, and do not overlap in their chain.
        - ``ids``: ids rise, and none is missing in a bar or between two.
        - ``threshold``: a bar that closed is at its threshold or beyond, and no other is, in the
          integers of the rule. Of another rule it is ``limit``; where the columns of a bar do not
          say whether it was reached, that is a note, unless there are `trades`.
        - ``conservation``, with `trades`: each trade is in one bar; prices, sums, counts and ids of
          a bar are exactly those of its trades (integers of 1e-8, of 1e-16 for turnover, as the
          float nearest to them); no earlier trade would have closed it, and no trade is left out.

    Raises
    ------
    TypeError, ValueError
        For a bad argument.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.read_parquet("examples/btcusdt-trades.parquet")
    >>> bars = rb.bars(trades, 25, include_microstructure=True)
    >>> rb.validate_tier1(bars, trades, threshold_decimal_bps=25).raise_if_failed()
    Report(tier 1: 123 checks, 0 failed, 0 notes)
    """
    given = None if trades is None else frame_of(trades, "trades")
    names = check_columns(columns)
    if given is not None:
        given, names = with_read_columns(given, names)
    lacked = frozenset[str]() if given is None else lacked_by(given, names)
    check_flags(consecutive_ids=consecutive_ids)
    asked = Asked.check(
        threshold_decimal_bps=threshold_decimal_bps,
        rule=rule,
        by=by,
        reset=reset,
        max_gap=max_gap,
        include_microstructure=include_microstructure,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        without=without,
        lacked=lacked,
    )
    frame = frame_of(bars)
    asked = asked.of_bars(frame)
    checklist = Checklist(frame, asked)
    add_nulls(checklist)
    if frame.height:
        add_values(checklist)
    add_finite(checklist)
    add_ohlc(checklist)
    add_bounds(checklist)
    add_sides(checklist)
    add_formulas(checklist)
    add_times(checklist)
    add_ids(checklist, consecutive=consecutive_ids)
    if asked.rule is None:
        add_threshold(checklist)
    else:
        add_limit(checklist, asked.rule, with_trades=given is not None)
    findings = [schema_finding(checklist), _any(frame), *checklist.findings()]
    if given is not None:
        findings += conservation(checklist, given, names)
    return report_of("tier 1", findings)


def _any(bars: pl.DataFrame) -> Finding:
    """Return whether there is a bar."""
    if bars.height:
        return Finding("bars", None, "pass", float(bars.height), [], "expected one or more bars")
    return Finding("bars", None, "note", 0.0, [], "there is no bar, so that none was checked")
