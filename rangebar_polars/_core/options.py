"""The arguments that every entry point shares, checked when the call is made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._core.arguments import (
    Threshold,
    check_aggs,
    check_by,
    check_columns,
    check_flags,
    check_order,
    check_state,
    check_threshold,
    check_thresholds,
)
from rangebar_polars._core.borders import (
    Borders,
    border_column,
    border_expression,
    borders_text,
    check_borders,
)
from rangebar_polars._core.feature_names import check_features
from rangebar_polars._core.footprint import Footprint, check_footprint
from rangebar_polars._core.labels import EVENT, Labels
from rangebar_polars._core.lookback import CheckedLookback, Lookback, check_lookback
from rangebar_polars._core.rules.expressions import ExpressionRule, is_column
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap, check_max_gap
from rangebar_polars._core.vpin import Vpin, check_vpin
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.schema import ALWAYS_READ, OUTPUTS, RULE, THRESHOLD, Output


def check_rules(
    threshold_decimal_bps: Threshold | None,
    rule: Rule | Sequence[Rule] | None,
    *,
    prevent_same_timestamp_close: bool | None,
) -> tuple[tuple[Rule, ...], str | None]:
    """Return the rules, and the name of the column that says which rule a bar is of, if any.

    Raises
    ------
    TypeError
        It is neither a rule nor several.
    ValueError
        ``rule`` is given beside a threshold or a guard, or there is no rule, or one stands twice.
    """
    if rule is None:
        guard = True if prevent_same_timestamp_close is None else prevent_same_timestamp_close
        check_flags(prevent_same_timestamp_close=guard)
        given = 250 if threshold_decimal_bps is None else threshold_decimal_bps
        thresholds, several = check_thresholds(given)
        of = [RangeRule(bps, prevent_same_timestamp_close=guard) for bps in thresholds]
        return tuple(of), THRESHOLD if several else None
    if threshold_decimal_bps is not None:
        raise ValueError(
            f"threshold_decimal_bps is {threshold_decimal_bps!r} beside rule: expected one of both "
            "(RangeRule(250) is the rule of a threshold)"
        )
    if prevent_same_timestamp_close is not None:
        raise ValueError(
            "prevent_same_timestamp_close is given beside rule: each rule has its own "
            "(RangeRule(250, prevent_same_timestamp_close=False))"
        )
    if isinstance(rule, Rule):
        return (rule,), None
    if isinstance(rule, str):
        raise TypeError(f"rule is {rule!r}: expected a rule, not its text (parse_rule({rule!r}))")
    check_order(rule, "rule")
    rules = tuple(rule) if isinstance(rule, Iterable) else (rule,)
    if wrong := [other for other in rules if not isinstance(other, Rule)]:
        raise TypeError(f"rule is {wrong[0]!r}: expected a rule, such as RangeRule(250)")
    if not rules:
        raise ValueError("rule is empty: expected one rule or several")
    texts = [str(other) for other in rules]
    for text in texts:
        if texts.count(text) > 1:
            raise ValueError(
                f"rule holds {text} twice: expected each once (expressions can have names: "
                'WhenRule(expr, "spread"))'
            )
    return rules, RULE


_BROUGHT: Final = "rangebar rule {}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The checked arguments of ``bars()``."""

    rules: tuple[Rule, ...]
    rule_column: str | None
    by: tuple[str, ...] = ()
    reset: Borders | None = None
    include_microstructure: bool = False
    include_incomplete: bool = False
    features: tuple[str, ...] = ()
    footprint: Footprint | None = None
    lookback: CheckedLookback | None = None
    vpin: Vpin | None = None
    max_gap: int | None = None
    columns: TradeColumns
    aggs: tuple[pl.Expr, ...] = ()
    state: bytes | None = None
    labels: Labels | None = None
    reads_at_most: frozenset[str] = field(init=False, repr=False, compare=False)
    """The columns of trades that the compiled extension may read."""

    def __post_init__(self) -> None:
        read = frozenset([*self.by, *self.brought, *self.columns.names().values()])
        object.__setattr__(self, "reads_at_most", read)

    @classmethod
    def check(
        cls,
        threshold_decimal_bps: Threshold | None,
        *,
        columns: TradeColumns | None,
        rule: Rule | Sequence[Rule] | None = None,
        prevent_same_timestamp_close: bool | None = None,
        max_gap: MaxGap | None = None,
        one: str | None = None,
        in_batches: bool = False,
        by: str | Sequence[str] | None = None,
        reset: Borders | None = None,
        aggs: pl.Expr | Iterable[pl.Expr] | None = None,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        state: bytes | None = None,
        labels: Labels | None = None,
        **flags: bool,
    ) -> "Options":
        """Return the options.

        Where only one rule can be taken, ``one`` says what takes it. Where trades come in batches,
        an expression would begin anew with each, so only columns are taken.

        Raises
        ------
        TypeError, ValueError
            An argument is wrong; the error states its value and what was expected.
        CheckpointError
            The state is damaged or belongs to another rule.
        """
        check_flags(**flags)
        keys, looking_back = check_by(by), check_lookback(lookback)
        rules, column = check_rules(
            threshold_decimal_bps,
            rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
        )
        if one is not None and column is not None:
            if rule is None:
                check_threshold(threshold_decimal_bps)
            raise ValueError(f"{one} of one rule: expected one, not a sequence")
        options = cls(
            rules=rules,
            rule_column=column,
            by=keys,
            max_gap=check_max_gap(max_gap),
            aggs=check_aggs(aggs, keys),
            features=check_features(
                features,
                include_microstructure=flags.get("include_microstructure", False),
                lookback=looking_back,
            ),
            lookback=looking_back,
            vpin=check_vpin(vpin),
            footprint=check_footprint(footprint),
            state=check_state(state),
            reset=check_borders(reset),
            columns=check_columns(columns),
            labels=labels,
            **flags,
        )
        options._check_added()
        if (in_batches or state is not None) and border_expression(options.reset):
            raise ValueError(
                "the expression of reset would begin anew with each batch: expected a column of "
                'the trades, such as reset=pl.col("session") (compute it beforehand)'
            )
        if (in_batches or state is not None) and options.expressions:
            raise ValueError(
                f"the expression of {rules[0]} would begin anew with each batch: expected a column "
                'of the trades, such as WhenRule(pl.col("flag")) (compute it beforehand)'
            )
        if state is not None:
            if options.aggs:
                raise ValueError(
                    "state has sums of the open bars and none of their trades: expected no aggs"
                )
            # Reads the checkpoint and compares it with the options.
            _internal.BarBuilder(options.kwargs(), state)
        return options

    def _check_added(self) -> None:
        """Refuse to read a column whose name is that of one that is added to the trades."""
        added = [expr.meta.output_name() for expr in self.expressions]
        read = [*self.by, *self.columns.names().values()]
        read += [name for agg in self.aggs for name in agg.meta.root_names()]
        if self.has_events:
            added.append(EVENT)
        else:
            given = [*self._brought, self.reset]
            columns = [expr for expr in given if isinstance(expr, pl.Expr) and is_column(expr)]
            read += [expr.meta.output_name() for expr in columns]
        for name in read:
            if name in added:
                raise ValueError(
                    f"column {name!r} is read, and one of this name is added to the trades: "
                    f'expected another name (rename it: .rename({{"{name}": "..."}}))'
                )

    def kwargs(
        self,
        only: list[str] | None = None,
        *,
        trace: bool = False,
        every_sum: bool = False,
        stored: bool = False,
        threaded: bool = False,
        whole: bool = True,
    ) -> dict[str, Any]:
        """Return the options of the compiled extension.

        Parameters
        ----------
        only
            The wanted columns of bars; None: all.
        trace
            Whether the bar of each trade is recorded.
        every_sum
            Whether every sum is computed, for a chain that is continued later from a checkpoint.
        stored
            Whether bars have the columns that stores keep, instead of those of a frame.
        threaded
            Whether large batches are computed on several threads.
        whole
            Whether the trades have all their columns. If so, a column that `columns` names and
            that is missing is an error.
        """
        return {
            "rules": [str(rule) for rule in self.rules],
            "rule_column": self.rule_column,
            "by": list(self.by),
            "reset": borders_text(self.reset),
            "reset_column": self.reset_column,
            "include_microstructure": self.include_microstructure,
            "include_incomplete": self.include_incomplete,
            "features": list(self.features),
            "footprint": None if self.footprint is None else self.footprint.kwargs(),
            "lookback": None if self.lookback is None else self.lookback.kwargs(),
            "vpin": None if self.vpin is None else self.vpin.kwargs(),
            "max_gap": self.max_gap,
            "extras": self.extras,
            "columns": self.columns.kwargs(),
            "only": only,
            "trace": trace,
            "every_sum": every_sum or self.state is not None,
            "stored": stored,
            "threaded": threaded,
            "whole": whole,
            "labels": None if self.labels is None else self.labels.kwargs(),
        }

    @property
    def has_events(self) -> bool:
        """Whether labels of events of the caller are made."""
        return self.labels is not None and self.labels.events is not None

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The thresholds of the range rules."""
        return tuple(
            rule.threshold_decimal_bps for rule in self.rules if isinstance(rule, RangeRule)
        )

    @property
    def rule_roles(self) -> list[str]:
        """The columns of trades that the rules need, beside those that every bar needs."""
        return _internal.rules_read([str(rule) for rule in self.rules])

    @property
    def extras(self) -> list[str]:
        """The names of the columns that rules bring along: a column's own, or one that we give."""
        return [
            expr.meta.output_name() if is_column(expr) else _BROUGHT.format(number)
            for number, expr in enumerate(self._brought)
        ]

    @property
    def expressions(self) -> list[pl.Expr]:
        """The columns that must be added to the trades before rules and resets can read them."""
        named = zip(self._brought, self.extras, strict=True)
        of_rules = [expr.alias(name) for expr, name in named if not is_column(expr)]
        return of_rules + border_expression(self.reset)

    @property
    def reset_column(self) -> str | None:
        """The name of the column whose changes begin new chains, if an expression was given."""
        return border_column(self.reset)

    @property
    def brought(self) -> list[str]:
        """The names of the columns that rules and the reset bring along."""
        column = self.reset_column
        return list(dict.fromkeys(self.extras if column is None else [*self.extras, column]))

    @property
    def _brought(self) -> list[pl.Expr]:
        return [rule.expr for rule in self.rules if isinstance(rule, ExpressionRule)]

    def _has(self, output: Output) -> bool:
        """Return whether bars have a column."""
        if output.group == "footprint":
            return self.footprint is not None
        if output.group == "vpin":
            return self.vpin is not None
        added = self.include_microstructure and output.group in {"sum", "feature"}
        return added or output.group == "bar" or output.name in self.features

    def reads(self, only: list[str] | None = None) -> list[str]:
        """Return the columns of trades that are read for these columns of bars."""
        if self.state is not None:
            every = [*self.by, *self.columns.names().values(), *self.brought]
            return list(dict.fromkeys(every))
        wanted = [
            output
            for output in OUTPUTS
            if self._has(output) and (only is None or output.name in only)
        ]
        roles = {
            *ALWAYS_READ,
            *self.rule_roles,
            *(role for output in wanted for role in output.reads),
        }
        names = self.columns.names()
        read = [names[role] for role in names if role in roles]
        return list(dict.fromkeys([*self.by, *read, *self.brought]))
