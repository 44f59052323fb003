"""Checks of bars against their trades: nothing is lost, counted twice, or cut elsewhere."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import polars as pl

from rangebar_polars import features
from rangebar_polars._core.borders import utc_period
from rangebar_polars._core.fixed import SCALE, delta, to_fixed
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.expressions import SumRule, WhenRule
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.trading_day import TradingDay
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars._validation.asked import OPTIONAL, ROW, Asked, is_complete, numbered
from rangebar_polars._validation.checklist import Checklist
from rangebar_polars._validation.fixed import has_border, period
from rangebar_polars._validation.limits import GIVEN, of_a_column, rule_bars
from rangebar_polars._validation.report import Finding, row_finding
from rangebar_polars._validation.trade_rows import (
    FIRST,
    FOUND,
    LAST,
    bar_of_row,
    is_exact,
    located,
)
from rangebar_polars.schema import INTRA, THRESHOLD

_TURNOVER_SCALE: Final = SCALE * SCALE
_NEEDED: Final = ("open_time", "close_time", "open", "high", "low", "close", "volume")
_BAR: Final = "bar of the row"
_PLACE: Final = pl.Schema({"at": pl.Int64(), "place": pl.Int64()})
_EXPECTED: Final = {
    "rows": "each bar to be a run of trades, from its open to its close",
    "lost": "each trade in a bar, or in one that did not close",
    "cuts": "no trade but the last to close its bar",
}
_WITH_LOGARITHMS: Final = {"intra_garman_klass_vol", "intra_permutation_entropy"}
_LAST_BITS: Final = 1e-12
"""How far a logarithm of another machine may put a value, by the value."""
c = pl.col


def lacked_by(trades: pl.DataFrame, names: TradeColumns) -> frozenset[str]:
    """Return the optional columns that the trades lack; ids that are all null say as little.

    A side that is null in every row is no lack: its sums are 0, and its features null, which is
    found.
    """
    lacked = set[str]()
    for role in OPTIONAL:
        name = getattr(names, role)
        if (
            name is None
            or trades.schema.get(name, pl.Null()) == pl.Null()
            or (role != "is_buyer_maker" and trades[name].null_count() == trades.height)
        ):
            lacked.add(role)
    return frozenset(lacked)


def conservation(checklist: Checklist, trades: pl.DataFrame, names: TradeColumns) -> list[Finding]:
    """Return the findings of bars against their trades."""
    asked, bars = checklist.asked, checklist.bars
    roles = {role: name for role, name in names.names().items() if role not in asked.without}
    # Ids that are null in every row say nothing of a bar, but are what its rule has read.
    needed = _roles_of_rule(asked)
    roles |= {
        role: name
        for role, name in names.names().items()
        if role not in OPTIONAL
        or (role in needed and trades.schema.get(name, pl.Null()) != pl.Null())
    }
    if (message := _obstacle(checklist, trades, names, roles)) is not None:
        return [Finding("conservation", None, "fail", None, [], message)]
    counted = checklist.usable("agg_record_count")
    offenders: defaultdict[str, list[int]] = defaultdict(list)
    lost = 0
    of_trades = _fixed(trades, roles, asked)
    for chain, rows in _chains(checklist, of_trades):
        if not rows["timestamp"].is_sorted():
            message = "not checked: the trades are not sorted by time"
            return [Finding("conservation", None, "fail", None, [], message)]
        found = _Chain(checklist, chain, rows, counted=counted)
        for subject, positions in found.offenders():
            offenders[subject] += positions
        lost += found.lost
    if bars.is_empty() and THRESHOLD in bars.columns and asked.threshold_decimal_bps is None:
        message = "not checked: there is no bar, so that the threshold is not known (give it)"
        return [Finding("conservation", None, "note", None, [], message)]
    return [
        row_finding("conservation", subject, sorted({*rows}), _expected(subject), of=bars.height)
        for subject, rows in offenders.items()
        if subject != "lost"
    ] + [_lost(lost, sorted({*offenders["lost"]}))]


def _obstacle(
    checklist: Checklist, trades: pl.DataFrame, names: TradeColumns, roles: dict[str, str]
) -> str | None:
    """Return why bars and trades cannot be compared, if they cannot."""
    asked, bars = checklist.asked, checklist.bars
    missing = [name for name in (*roles.values(), *asked.by) if name not in trades.columns]
    unusable = [n for n in (*_NEEDED, *asked.chain(bars)) if not checklist.usable(n)]
    if missing or unusable:
        what = f"the trades have no {missing[0]}" if missing else f"without {unusable[0]}"
        return f"not checked: {what}"
    lacked = [role for role in _roles_of_rule(asked) if role not in roles]
    if lacked:
        return f"not checked: the trades have no {lacked[0]}, which {asked.rule} reads"
    if trades.schema[names.timestamp] != bars.schema["open_time"]:
        got, expected = bars.schema["open_time"], trades.schema[names.timestamp]
        return f"open_time is {got}: expected the dtype of the trades, {expected}"
    if not checklist.usable("agg_record_count") and not is_exact(bars):
        return (
            "not checked: volumes of 2**51 units of 1e-8 or more are not exact as floats, and "
            "there is no agg_record_count (make bars with include_microstructure=True)"
        )
    return None


def _roles_of_rule(asked: Asked) -> list[str]:
    """Return the columns of trades that the rule needs, beside those that every bar needs."""
    return (
        [] if asked.rule is None else Options.check(None, rule=asked.rule, columns=None).rule_roles
    )


def _expected(subject: str) -> str:
    return _EXPECTED.get(subject, f"the {subject} of the trades of each bar, to the last unit")


def _lost(number: int, rows: list[int]) -> Finding:
    if not number:
        return Finding("conservation", "lost", "pass", 0.0, [], f"expected {_EXPECTED['lost']}")
    message = f"expected {_EXPECTED['lost']}; {number} trades are in none"
    return Finding("conservation", "lost", "fail", float(number), rows, message)


def _key(number: int) -> str:
    return f"key {number}"


def _fixed(trades: pl.DataFrame, roles: dict[str, str], asked: Asked) -> pl.DataFrame:
    """Return the columns to compare, by their default names, prices and sizes as integers."""
    columns = [c(name).alias(role) for role, name in roles.items()]
    if isinstance(asked.rule, WhenRule | SumRule):
        columns.append(asked.rule.expr.alias(GIVEN))
    keys = [c(name).alias(_key(number)) for number, name in enumerate(asked.by)]
    floats = c("price", "quantity").cast(pl.Float64)
    return (
        trades.select(columns + keys)
        .with_columns(floats)
        .with_columns(
            to_fixed(c("price")).alias("fixed price"),
            to_fixed(c("quantity")).alias("fixed quantity"),
        )
    )


def _chains(
    checklist: Checklist, trades: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the bars of each chain, and the trades of its key."""
    bars, by = numbered(checklist.bars), checklist.asked.by
    keys = [_key(number) for number in range(len(by))]
    if keys:
        of_keys = trades.partition_by(keys, as_dict=True, include_key=False)
        groups = bars.partition_by(by, as_dict=True)
    else:
        of_keys, groups = {(): trades}, {(): bars}
    thresholds = list[int]()
    if THRESHOLD in bars.columns:
        given = checklist.asked.threshold_decimal_bps
        thresholds = bars[THRESHOLD].unique().to_list() or ([] if given is None else [given])
    for key in {**groups, **of_keys}:
        of_key, rows = groups.get(key, bars.clear()), of_keys.get(key, trades.clear())
        if THRESHOLD not in bars.columns:
            yield of_key, rows
        for threshold in thresholds:
            yield (
                of_key.filter(c(THRESHOLD) == threshold),
                rows.with_columns(pl.lit(threshold, pl.Int64).alias(THRESHOLD)),
            )


class _Chain:
    """The bars of one chain, next to the trades that they are made of."""

    def __init__(
        self, checklist: Checklist, bars: pl.DataFrame, trades: pl.DataFrame, *, counted: bool
    ) -> None:
        self.checklist = checklist
        self.lost = 0
        asked = checklist.asked
        if THRESHOLD not in trades.columns and asked.threshold_decimal_bps is not None:
            threshold = pl.lit(asked.threshold_decimal_bps, pl.Int64)
            trades = trades.with_columns(threshold.alias(THRESHOLD))
        self.has_threshold = THRESHOLD in trades.columns
        rule = asked.rule
        cuts_otherwise = asked.max_gap is not None or isinstance(asked.reset, TradingDay)
        if rule is None and cuts_otherwise and self.has_threshold and trades.height:
            guard = asked.prevent_same_timestamp_close
            bps = int(trades[THRESHOLD][0])
            rule = RangeRule(bps, prevent_same_timestamp_close=guard)
        # Bars of these rules, and those that gaps or days of a zone cut off, are what the kernel
        # makes of the trades.
        self.made = None if rule is None else rule_bars(trades, of_a_column(rule), asked)
        if trades.is_empty() or bars.is_empty():
            self.bars = bars.with_columns(
                pl.lit(0, pl.Int64).alias(FIRST),
                pl.lit(-1, pl.Int64).alias(LAST),
                pl.lit(value=False).alias(FOUND),
            )
        else:
            self.bars = located(bars, trades, counted=counted)
        self.found = self.bars.filter(FOUND)
        self.trades = trades.with_columns(bar_of_row(self.found, trades).alias(_BAR))

    def offenders(self) -> Iterator[tuple[str, list[int]]]:
        """Yield what was compared, and the positions of the bars that offend."""
        yield "rows", self.bars.filter(~c(FOUND))[ROW].to_list()
        inside = self.trades.filter(c(_BAR).is_not_null())
        computed = inside.group_by(_BAR, maintain_order=True).agg(_sums(self.checklist))
        computed = computed.with_columns(
            _floats(column, _TURNOVER_SCALE if "turnover" in column.name else SCALE)
            for column in computed
            if column.dtype == pl.Int128
        )
        pairs = pl.concat([self.found, computed], how="horizontal")
        for name in (name for name in computed.columns if name.startswith("of trades: ")):
            column = name.removeprefix("of trades: ")
            same = c(column).eq_missing(c(name))
            if column in _WITH_LOGARITHMS:
                same |= (c(column) - c(name)).abs() <= _LAST_BITS * c(name).abs()
            yield column, pairs.filter(~same)[ROW].to_list()
        if self.made is not None:
            yield "cuts", self._of_other_rows(self.made)
        elif self.has_threshold:
            yield "cuts", self._cut_elsewhere(inside)
        yield "lost", self._lost()

    def _of_other_rows(self, made: pl.DataFrame) -> list[int]:
        """Return the bars whose rows are not those of a bar that the rule makes."""
        own = self.found.select(ROW, FIRST, LAST, is_complete(self.found).alias("complete"))
        keys = ["first", "last", "complete"]
        other = own.join(made, left_on=[FIRST, LAST, "complete"], right_on=keys, how="anti")
        return other[ROW].sort().to_list()

    def _cut_elsewhere(self, inside: pl.DataFrame) -> list[int]:
        """Return the bars that an earlier trade would have closed, or that none closes."""
        opened = c("fixed price").first().over(_BAR)
        outside = (c("fixed price") - opened).abs() >= delta(opened, c(THRESHOLD))
        at = pl.int_range(pl.len()).over(_BAR)
        closes = outside & (at > 0)
        if self.checklist.asked.prevent_same_timestamp_close:
            closes &= c("timestamp") != c("timestamp").first().over(_BAR)
        is_last = at == pl.len().over(_BAR) - 1
        judged_bars = (
            inside.select(_BAR, closes.alias("closes"), is_last.alias("last"))
            .group_by(_BAR, maintain_order=True)
            .agg((c("closes") & ~c("last")).any().alias("early"), c("closes").last())
        )
        pairs = pl.concat([self.found, judged_bars], how="horizontal")
        wrong = c("early") | (c("closes") != is_complete(self.found))
        return pairs.filter(wrong)[ROW].to_list()

    def _lost(self) -> list[int]:
        """Count the trades that no bar holds and that are in none that was left out, either.

        Trades between two bars, and after the last one, are in bars that did not close, if no trade
        among them would have closed one, and if a reset, or the end, follows them. With the column
        is_complete no bar was left out.
        """
        outside = self.trades.with_row_index("at").filter(c(_BAR).is_null())
        height, places = self.bars.height, self.bars.with_row_index("place")
        rows = pl.concat(
            [
                pl.DataFrame({"at": [-1], "place": [-1]}, schema=_PLACE),
                places.filter(FOUND).select(c(FIRST).alias("at"), "place").cast(_PLACE),
                pl.DataFrame({"at": [self.trades.height], "place": [height]}, schema=_PLACE),
            ]
        )
        number = rows["at"].search_sorted(outside["at"].cast(pl.Int64))
        runs = outside.with_columns(
            rows["place"].gather(number).alias("next"),
            rows["place"].gather(number - 1).alias("before"),
        )
        # A run next to a bar whose rows were not found may be the rows of that bar.
        runs = runs.filter(c("next") == c("before") + 1)
        wrong = self._not_left_out(runs)
        self.lost = wrong.height
        nearest = wrong["next"].unique().sort().clip(0, height - 1) if height else wrong["next"][:0]
        return self.bars[ROW].gather(nearest).to_list()

    def _not_left_out(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return the trades that are in no bar that was left out with reason."""
        asked = self.checklist.asked
        if "is_complete" in self.bars.columns:
            return runs
        if self.made is not None:
            open_bars = self.made.filter(~c("complete")).select(
                pl.int_ranges("first", c("last") + 1).alias("at")
            )
            left_out = open_bars.explode("at").drop_nulls().cast(runs.schema["at"])
            return runs.join(left_out, on="at", how="anti", maintain_order="left")
        dtype = runs.schema["timestamp"]
        pieces, at_border = ["next"], pl.lit(value=False)
        if asked.reset is not None:
            nexts = self.bars.select(
                pl.row_index().cast(pl.Int64).alias("next"), c("open_time").alias("next opens")
            )
            runs = runs.join(nexts, on="next", how="left", maintain_order="left")
            between = has_border(c("timestamp"), c("next opens"), dtype, asked.reset)
            at_border = between.fill_null(value=True)
        if (of_utc := utc_period(asked.reset)) is not None:
            runs = runs.with_columns(period(c("timestamp"), dtype, of_utc).alias("period"))
            pieces.append("period")
        at_end = c("next") == self.bars.height
        closes = pl.lit(value=False)
        if self.has_threshold:
            opened = c("fixed price").first().over(pieces)
            closes = (c("fixed price") - opened).abs() >= delta(opened, c(THRESHOLD))
            closes &= pl.int_range(pl.len()).over(pieces) > 0
            if asked.prevent_same_timestamp_close:
                closes &= c("timestamp") != c("timestamp").first().over(pieces)
        return runs.filter(~(at_end | at_border) | closes.any().over(pieces))


def _sums(checklist: Checklist) -> list[pl.Expr]:
    """Return what the trades of a bar make of its columns, named after them."""
    bars, asked = checklist.bars, checklist.asked
    quantity, price = c("fixed quantity").cast(pl.Int128), c("fixed price").cast(pl.Int128)
    traded = price * quantity
    ids = {"first_trade_id", "last_trade_id"}
    counted = c("fixed price") * 0 + 1
    if not ids & asked.without:
        number = c("last_trade_id").cast(pl.Int64) - c("first_trade_id").cast(pl.Int64) + 1
        counted = number.fill_null(1)
    columns = {
        "open_time": c("timestamp").first(),
        "close_time": c("timestamp").last(),
        "open": c("price").first(),
        "high": c("price").max(),
        "low": c("price").min(),
        "close": c("price").last(),
        "volume": quantity.sum(),
        "turnover": traded.sum(),
        "individual_trade_count": counted.sum(),
        "agg_record_count": pl.len().cast(pl.Int64),
    }
    if "is_buyer_maker" not in asked.without:
        for side, sold in (("buy", False), ("sell", True)):
            mine = c("is_buyer_maker") == sold
            columns |= {
                f"{side}_volume": quantity.filter(mine).sum(),
                f"{side}_turnover": traded.filter(mine).sum(),
                f"{side}_trade_count": counted.filter(mine).sum(),
            }
    if "agg_trade_id" not in asked.without:
        agg_id = c("agg_trade_id").cast(pl.Int64)
        columns |= {"first_agg_trade_id": agg_id.first(), "last_agg_trade_id": agg_id.last()}
    columns |= {
        output.name: getattr(features, output.name.removeprefix("intra_"))()
        for output in INTRA
        if output.name in bars.columns and not asked.without.intersection(output.reads)
    }
    return [
        expression.alias(f"of trades: {name}")
        for name, expression in columns.items()
        if name in bars.columns and checklist.usable(name)
    ]


def _floats(totals: pl.Series, scale: float) -> pl.Series:
    """Return sums as floats, each divided once: the division of Polars by a scalar rounds twice."""
    floats = [float(total) / scale for total in totals.to_list()]
    return pl.Series(totals.name, floats, pl.Float64)
