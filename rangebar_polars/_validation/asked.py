"""The bars that a validation is given, and how its caller says they were made."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from rangebar_polars._core.arguments import (
    Reset,
    SingleThreshold,
    check_by,
    check_flags,
    check_reset,
    check_threshold,
)
from rangebar_polars._core.options import check_rules
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars.schema import COLUMNS, IS_COMPLETE, RULE, THRESHOLD

ROW: Final = "row of the bars"
"""The column of a bar's position."""

OPTIONAL: Final = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
"""The columns that trades may lack."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the bars were made: what the arguments of a validation say, checked."""

    threshold_decimal_bps: int | None
    by: tuple[str, ...]
    reset: Reset | None
    include_microstructure: bool
    prevent_same_timestamp_close: bool
    without: frozenset[str]
    ends_at_threshold: bool
    """Whether the bars are range bars, of one threshold or with a column of it."""

    @classmethod
    def check(
        cls,
        *,
        threshold_decimal_bps: SingleThreshold | None,
        by: str | Sequence[str] | None,
        reset: Reset | None,
        include_microstructure: bool,
        rule: Rule | Sequence[Rule] | None = None,
        prevent_same_timestamp_close: bool | None = None,
        without: Collection[str] = (),
        lacked: frozenset[str] = frozenset(),
    ) -> "Asked":
        """Return the arguments, checked; `lacked` is what the trades lack besides `without`.

        Raises
        ------
        TypeError, ValueError
            For a bad argument.
        """
        check_flags(include_microstructure=include_microstructure)
        if isinstance(without, str) or not {*OPTIONAL}.issuperset(without):
            raise ValueError(
                f"without is {without!r}: expected some of {', '.join(OPTIONAL)}, which the trades "
                "did not have"
            )
        threshold = threshold_decimal_bps
        if threshold is not None:
            threshold = check_threshold(threshold)
        rules, _ = check_rules(
            threshold, rule, prevent_same_timestamp_close=prevent_same_timestamp_close
        )
        only = rules[0] if len(rules) == 1 else None
        if rule is not None and isinstance(only, RangeRule):
            threshold = only.threshold_decimal_bps
        return cls(
            threshold_decimal_bps=threshold,
            by=check_by(by),
            reset=check_reset(reset),
            include_microstructure=include_microstructure,
            prevent_same_timestamp_close=all(each.prevent_same_timestamp_close for each in rules),
            without=lacked.union(without),
            ends_at_threshold=isinstance(only, RangeRule),
        )

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that the bars must have, besides the keys."""
        wanted = {"bar", "sum", "feature"} if self.include_microstructure else {"bar"}
        return tuple(output.name for output in COLUMNS if output.group in wanted)

    @property
    def fewest_trades(self) -> int:
        """The fewest records of a bar that closed."""
        return 2 if self.ends_at_threshold or self.prevent_same_timestamp_close else 1

    def chain(self, bars: pl.DataFrame) -> list[str]:
        """Return the columns whose values say which chain a bar belongs to."""
        return [*self.by, *(name for name in (THRESHOLD, RULE) if name in bars.columns)]

    def threshold(self, bars: pl.DataFrame) -> pl.Expr | None:
        """Return the threshold of each bar, or None where nobody says it."""
        if THRESHOLD in bars.columns:
            return pl.col(THRESHOLD)
        given = self.threshold_decimal_bps
        return None if given is None else pl.lit(given, pl.Int64)


def is_complete(bars: pl.DataFrame) -> pl.Expr:
    """Return whether each bar closed; without the column all did."""
    return pl.col(IS_COMPLETE) if IS_COMPLETE in bars.columns else pl.lit(value=True)


def frame_of(bars: object, name: str = "bars") -> pl.DataFrame:
    """Return a frame or a plan as a frame.

    Raises
    ------
    TypeError
        It is neither.
    """
    if isinstance(bars, pl.LazyFrame):
        return bars.collect()
    if not isinstance(bars, pl.DataFrame):
        raise TypeError(
            f"{name} is a {type(bars).__name__}: expected a polars DataFrame or LazyFrame (for "
            "another table: pl.DataFrame(table))"
        )
    return bars


def numbered(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the bars with a column of their positions."""
    return bars.with_row_index(ROW)
