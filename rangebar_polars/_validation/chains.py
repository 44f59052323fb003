"""Checks of bars that follow each other: times, ids, thresholds."""

from typing import Final

import polars as pl

from rangebar_polars._core.fixed import delta, to_fixed
from rangebar_polars._validation.asked import Asked, is_complete
from rangebar_polars._validation.checklist import Checklist, remedy_of_lack
from rangebar_polars._validation.fixed import has_border
from rangebar_polars.schema import IS_COMPLETE, THRESHOLD

c = pl.col
UNKNOWN: Final = (
    f"the bars have no column {THRESHOLD}: not checked (give it as an argument, or their rule)"
)


def previous(name: str, chain: list[str]) -> pl.Expr:
    """Return the value that the bar before has in the same chain; null for the first one."""
    before = c(name).shift(1)
    return before.over(chain) if chain else before


def add_times(checklist: Checklist) -> None:
    """Add: a bar closes after it opened, and opens after the one before it closed."""
    bars, asked = checklist.bars, checklist.asked
    opened, closed = c("open_time"), c("close_time")
    mark = [name for name in (IS_COMPLETE,) if name in bars.columns]
    good, expected = opened <= closed, "open_time <= close_time"
    if asked.prevent_same_timestamp_close:
        good &= ~is_complete(bars) | (opened < closed)
        expected = "open_time < close_time, of a bar that did not close <="
    checklist.add("times", None, good, expected, needs=["open_time", "close_time", *mark])
    before = previous("close_time", asked.chain(bars))
    checklist.add(
        "order",
        None,
        before.is_null() | (opened >= before),
        "open_time at or after the close_time before, in each chain",
        needs=["open_time", "close_time", *asked.chain(bars)],
    )


def add_ids(checklist: Checklist, *, consecutive: bool) -> None:
    """Add: ids rise from bar to bar, and none is missing."""
    bars, asked = checklist.bars, checklist.asked
    if "agg_trade_id" in asked.without:
        return
    first, last = c("first_agg_trade_id"), c("last_agg_trade_id")
    needs = ["first_agg_trade_id", "last_agg_trade_id"]
    lack = remedy_of_lack(["agg_trade_id"]) if checklist.is_null(needs[0]) else ""
    if not consecutive:
        expected = f"first id <= last id{lack}"
        checklist.add("ids", "in a bar", first <= last, expected, needs=needs)
    else:
        good = last - first + 1 == c("agg_record_count")
        expected = f"last id - first id + 1 = agg_record_count{lack}"
        checklist.add("ids", "in a bar", good, expected, needs=[*needs, "agg_record_count"])
    before = previous("last_agg_trade_id", asked.chain(bars))
    follows, expected = first > before, "first id above the last id before, in each chain"
    if consecutive:
        follows = pl.when(_new_chain(bars, asked)).then(follows).otherwise(first == before + 1)
        expected = "first id = last id before + 1, in each chain"
    # The first bar of a chain follows nothing; a bar after one without an id does not follow it.
    good = ~_has_one_before(bars, asked) | follows
    needs = [*needs, "open_time", "close_time", *asked.chain(bars)]
    checklist.add("ids", "between bars", good, expected + lack, needs=needs)


def _has_one_before(bars: pl.DataFrame, asked: Asked) -> pl.Expr:
    chain = asked.chain(bars)
    number = pl.int_range(pl.len())
    return (number.over(chain) if chain else number) > 0


def _new_chain(bars: pl.DataFrame, asked: Asked) -> pl.Expr:
    """Return whether a reset lies between a bar and the one before, and its cut bar is left out."""
    if IS_COMPLETE in bars.columns:
        return pl.lit(value=False)
    if asked.max_gap is not None:
        # A bar that a gap cut off may lie before any other.
        return pl.lit(value=True)
    if asked.reset is None:
        return pl.lit(value=False)
    dtype = bars.schema["open_time"]
    before = previous("close_time", asked.chain(bars))
    return has_border(before, c("open_time"), dtype, asked.reset)


def add_threshold(checklist: Checklist) -> None:
    """Add: a bar that closed is at its threshold or beyond, as integers; no other bar is."""
    bars, asked = checklist.bars, checklist.asked
    threshold = asked.threshold(bars)
    if threshold is None:
        checklist.fail("threshold", None, UNKNOWN)
        return
    if asked.threshold_decimal_bps is not None and THRESHOLD in bars.columns:
        good = c(THRESHOLD) == asked.threshold_decimal_bps
        expected = f"{asked.threshold_decimal_bps} in every row"
        checklist.add("threshold", THRESHOLD, good, expected, needs=[THRESHOLD])
    opened, closed = to_fixed(c("open")), to_fixed(c("close"))
    far = delta(opened, threshold)
    mark = [name for name in (IS_COMPLETE, THRESHOLD) if name in bars.columns]
    good = ~is_complete(bars) | ((closed - opened).abs() >= far)
    expected = "close at least one threshold from open"
    needs = ["open", "close", *mark]
    checklist.add("threshold", "of closed bars", good, expected, needs=needs)
    inside = (closed - opened).abs() < far
    if asked.prevent_same_timestamp_close:
        inside |= c("open_time") == c("close_time")
    if IS_COMPLETE in bars.columns:
        good = is_complete(bars) | inside
        expected = "close within one threshold of open"
        needs = ["open", "close", "open_time", "close_time", *mark]
        checklist.add("threshold", "of open bars", good, expected, needs=needs)
    if not asked.prevent_same_timestamp_close:
        up, down = to_fixed(c("high")) - opened, opened - to_fixed(c("low"))
        moved = closed - opened
        # Only the trade that closes a bar is outside, so that it is the highest or the lowest.
        good = ((up < far) | (is_complete(bars) & (up == moved))) & (
            (down < far) | (is_complete(bars) & (down == -moved))
        )
        expected = "no price beyond the threshold but the last"
        needs = ["open", "high", "low", "close", *mark]
        checklist.add("threshold", "of the prices within", good, expected, needs=needs)
