"""Checks of what ends bars of other rules than a threshold: of single bars, and of all trades."""

from dataclasses import replace
from typing import Any

import polars as pl

from rangebar_polars._core.arguments import check_count
from rangebar_polars._core.bars import bar_id
from rangebar_polars._core.bars import bars as bars_of
from rangebar_polars._core.fixed import to_fixed
from rangebar_polars._core.rules.expressions import SumRule, WhenRule
from rangebar_polars._core.rules.prices import HighLowRule, PriceRangeRule
from rangebar_polars._core.rules.rule import SCALE, Rule, units_of
from rangebar_polars._core.rules.totals import DollarRule, TickRule, VolumeRule
from rangebar_polars._validation.asked import Asked, is_complete
from rangebar_polars._validation.checklist import Checklist
from rangebar_polars._validation.fixed import EXACT
from rangebar_polars.schema import IS_COMPLETE

c = pl.col

GIVEN: str = "column of the rule"
"""The column of trades that a rule with an expression reads."""


def _reached(rule: Rule) -> tuple[pl.Expr, list[str]] | None:
    """Return whether a bar is at the limit of its rule, and what says so; None if nothing does."""
    match rule:
        case PriceRangeRule():
            moved = (to_fixed(c("close")) - to_fixed(c("open"))).abs().cast(pl.Int128)
            return moved >= units_of("amount", rule.amount), ["open", "close"]
        case HighLowRule():
            spread = (to_fixed(c("high")) - to_fixed(c("low"))).cast(pl.Int128)
            return spread >= units_of("amount", rule.amount), ["high", "low"]
        case TickRule():
            name = "individual_trade_count" if rule.individual else "agg_record_count"
            records = pl.lit(check_count(rule.records, "records"), pl.Int64)
            return c(name) >= records, [name]
        case VolumeRule() | DollarRule():
            # Rounding to a float keeps the order of sums, and may make two of them equal.
            name = "volume" if isinstance(rule, VolumeRule) else "turnover"
            return c(name) >= units_of("limit", rule.limit) / SCALE, [name]
        case _:
            return None


def add_limit(checklist: Checklist, rule: Rule, *, with_trades: bool) -> None:
    """Add: a bar that closed is at its limit or beyond, and no other is."""
    found = _reached(rule)
    if found is None:
        if not with_trades:
            checklist.note(
                "limit",
                None,
                f"not checked: the columns of a bar do not say whether {rule} was reached "
                "(give the trades)",
            )
        return
    bars, asked = checklist.bars, checklist.asked
    reached, needs = found
    needs = [*needs, *([IS_COMPLETE] if IS_COMPLETE in bars.columns else [])]
    expected = f"{rule} to be reached"
    checklist.add("limit", "of closed bars", ~is_complete(bars) | reached, expected, needs=needs)
    if IS_COMPLETE in bars.columns:
        open_bar = ~reached
        if isinstance(rule, VolumeRule):
            open_bar |= c("volume") * SCALE >= EXACT
        elif isinstance(rule, DollarRule):
            open_bar |= c("turnover") == units_of("limit", rule.limit) / SCALE
        if asked.prevent_same_timestamp_close:
            open_bar |= c("open_time") == c("close_time")
            needs += ["open_time", "close_time"]
        expected = f"{rule} not to be reached"
        checklist.add("limit", "of open bars", is_complete(bars) | open_bar, expected, needs=needs)


def of_a_column(rule: Rule) -> Rule:
    """Return a rule that reads its expression from the column `GIVEN`."""
    if isinstance(rule, WhenRule | SumRule):
        return replace(rule, expr=pl.col(GIVEN))
    return rule


def rule_bars(trades: pl.DataFrame, rule: Rule, asked: Asked) -> pl.DataFrame:
    """Return the bars that a rule makes of the trades of one chain.

    Returns
    -------
    DataFrame
        ``first`` and ``last``, the rows of the bar (Int64), and ``complete``.
    """
    options: dict[str, Any] = {"rule": rule, "reset": asked.reset}
    if asked.max_gap is not None:
        options["max_gap"] = f"{asked.max_gap}ns"
    complete = bars_of(trades, include_incomplete=True, **options)[IS_COMPLETE]
    rows = trades.select(bar_id(**options)).with_columns(row=pl.int_range(pl.len()))
    ends = rows.group_by("bar_id", maintain_order=True).agg(
        first=c("row").first(), last=c("row").last()
    )
    return ends.select("first", "last", complete.alias("complete"))
