"""The bars that a validation is given, and how its caller says they were made."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from rangebar_polars._core.arguments import SingleThreshold, check_by, check_flags, check_threshold
from rangebar_polars._core.borders import NamedBorders, check_named_borders
from rangebar_polars._core.options import check_rules
from rangebar_polars._core.rules.prices import HighLowRule, PriceRangeRule, RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars._core.spans import MaxGap, check_max_gap
from rangebar_polars._forks import use_threads
from rangebar_polars.schema import COLUMNS, IS_COMPLETE, RULE, THRESHOLD

ROW: Final = "row of the bars"
"""The column of a bar's position."""

OPTIONAL: Final = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
"""The columns that trades may lack."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the bars were made: what the arguments of a validation say, checked.

    ``rule`` is one that is not the range rule, whose threshold is enough.
    """

    threshold_decimal_bps: int | None
    rule: Rule | None
    by: tuple[str, ...]
    reset: NamedBorders | None
    max_gap: int | None
    include_microstructure: bool
    prevent_same_timestamp_close: bool
    without: frozenset[str]

    @classmethod
    def check(
        cls,
        *,
        threshold_decimal_bps: SingleThreshold | None,
        rule: Rule | None,
        by: str | Sequence[str] | None,
        reset: NamedBorders | None,
        max_gap: MaxGap | None,
        include_microstructure: bool,
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
        guard = True if prevent_same_timestamp_close is None else prevent_same_timestamp_close
        check_flags(
            include_microstructure=include_microstructure, prevent_same_timestamp_close=guard
        )
        if isinstance(without, str) or not {*OPTIONAL}.issuperset(without):
            raise ValueError(
                f"without is {without!r}: expected some of {', '.join(OPTIONAL)}, which the trades "
                "did not have"
            )
        threshold = (
            None if threshold_decimal_bps is None else check_threshold(threshold_decimal_bps)
        )
        if rule is not None:
            (_, several) = check_rules(
                threshold_decimal_bps,
                rule,
                prevent_same_timestamp_close=prevent_same_timestamp_close,
            )
            if several is not None:
                raise ValueError("a validation is of one rule: expected one, not a sequence")
        asked = cls(
            threshold_decimal_bps=threshold,
            rule=None,
            by=check_by(by),
            reset=check_named_borders(reset),
            max_gap=check_max_gap(max_gap),
            include_microstructure=include_microstructure,
            prevent_same_timestamp_close=guard,
            without=lacked.union(without),
        )
        return asked if rule is None else asked._with(rule)

    def _with(self, rule: Rule) -> "Asked":
        guard = rule.prevent_same_timestamp_close
        if isinstance(rule, RangeRule):
            bps = rule.threshold_decimal_bps
            return replace(self, threshold_decimal_bps=bps, prevent_same_timestamp_close=guard)
        return replace(self, rule=rule, prevent_same_timestamp_close=guard)

    def of_bars(self, bars: pl.DataFrame) -> "Asked":
        """Return the arguments with the rule that the bars name in a column, if they do.

        Raises
        ------
        ValueError
            The bars are of several rules, or of another one.
        """
        if self.rule is not None and THRESHOLD in bars.columns:
            raise ValueError(
                f"rule is {self.rule!r}, and the bars have a column {THRESHOLD}: expected bars of "
                f'that rule, without it (bars.drop("{THRESHOLD}"))'
            )
        if bars.schema.get(RULE) != pl.String:
            return self
        texts = bars[RULE].drop_nulls().unique(maintain_order=True).to_list()
        if len(texts) > 1:
            raise ValueError(
                f"the bars are of {len(texts)} rules, {', '.join(texts)}: expected bars of one "
                f'(bars.filter(pl.col("{RULE}") == "{texts[0]}"))'
            )
        given = self.rule
        if given is None and self.threshold_decimal_bps is not None:
            bps, guard = self.threshold_decimal_bps, self.prevent_same_timestamp_close
            given = RangeRule(bps, prevent_same_timestamp_close=guard)
        if not texts or given is not None:
            if texts and str(given) != texts[0]:
                raise ValueError(
                    f"rule is {given}, and the bars are of {texts[0]}: expected the same (leave "
                    "the argument out to take that of the column)"
                )
            return self
        return self._with(parse_rule(texts[0]))

    @property
    def may_hold_one(self) -> bool:
        """Whether a bar may end with the record that opened it."""
        within = isinstance(self.rule, PriceRangeRule | HighLowRule | None)
        return not (within or self.prevent_same_timestamp_close)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that the bars must have, besides the keys."""
        wanted = {"bar", "sum", "feature"} if self.include_microstructure else {"bar"}
        return tuple(output.name for output in COLUMNS if output.group in wanted)

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
    RangeBarError
        This process was forked after Polars had started its threads.
    """
    use_threads()
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
