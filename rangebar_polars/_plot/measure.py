"""What each rule measures of a bar, record by record, and the limits that it is compared with.

Where bars end is the kernel's answer; here is what a picture shows of why. The rows have these
columns: ``number``, ``bar`` and ``chain``, ``begin`` and ``end`` (the numbers of the bar's first
and last row), ``fixed`` and ``size`` (price and quantity at scale 1e8), ``before`` (the price of
the row before, or its own where a rule remembers none), ``sold`` (the side), ``run`` (the run of a
side), ``trades`` (individual ones) and ``given`` (the column of the rule).
"""

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rangebar_polars._core.arguments import check_count
from rangebar_polars._core.fixed import PER_THRESHOLD, delta
from rangebar_polars._core.rules.expectations import EwmaImbalanceRule, EwmaRunRule
from rangebar_polars._core.rules.expressions import SumRule, WhenRule
from rangebar_polars._core.rules.prices import CusumRule, HighLowRule, PriceRangeRule, RangeRule
from rangebar_polars._core.rules.rule import SCALE, Rule, limit_text, units_of
from rangebar_polars._core.rules.sides import ImbalanceRule, RunLengthRule, RunRule, Weight
from rangebar_polars._core.rules.totals import DollarRule, TickRule, VolumeRule
from rangebar_polars._plot.chains import threshold_text
from rangebar_polars._plot.number_axis import NUMBER

c = pl.col
_NOTHING: Final = pl.lit(None, pl.Int128)
_NONE: Final = pl.lit(0, pl.Int128)
_UNITS: Final = {"tick": "records", "volume": "base units", "dollar": "quote currency"}
_TOTALS: Final = {"volume": "volume", "dollar": "turnover"}
_SCALES: Final = {"tick": 1, "volume": SCALE, "dollar": SCALE * SCALE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What is compared with which limits, at each row.

    Attributes
    ----------
    title
        What the rule is, for the title of the picture.
    says
        When a bar ends, in a sentence or two.
    axis
        What is measured and its unit; None where it is the price.
    above, below
        What is compared with the upper and the lower limit; they are the same, or of two sides.
    lower, upper
        The limits in force when the row comes, in the units of what is compared; null for none.
    scale
        The units in 1.
    names
        What the upper and the lower limit are, for the legend; empty where there is none.
    has_open
        Whether the limits follow from the open.
    two_sided
        Whether what is above and what is below are drawn as two lines.
    """

    title: str
    says: str
    axis: str | None = None
    above: pl.Expr = field(default_factory=lambda: c("fixed"))
    below: pl.Expr = field(default_factory=lambda: c("fixed"))
    lower: pl.Expr = _NOTHING
    upper: pl.Expr = _NOTHING
    scale: int = SCALE
    names: tuple[str, str] = ("", "")
    has_open: bool = False
    two_sided: bool = False


def has_memory(rule: Rule) -> bool:
    """Return whether what a rule measures depends on the bars before."""
    by_tick_rule = getattr(rule, "side", None) == "tick_rule"
    return by_tick_rule or isinstance(rule, CusumRule | EwmaImbalanceRule | EwmaRunRule)


def measure_of(rule: Rule, bars: pl.DataFrame) -> Measure:  # noqa: PLR0911 - a family each
    """Return what a rule measures.

    Parameters
    ----------
    rule
        One that reads the column ``given``, if it has an expression.
    bars
        All bars, the open one last: ``chain``, ``complete``, and ``records``, how many they have.
    """
    match rule:
        case RangeRule():
            text = threshold_text(rule.threshold_decimal_bps)
            opened = c("fixed").first().over("bar")
            return _of_range(text, delta(opened, pl.lit(rule.threshold_decimal_bps)))
        case PriceRangeRule():
            return _of_range(*_amount(rule))
        case HighLowRule():
            return _of_high_low(rule)
        case CusumRule():
            return _of_cusum(rule)
        case ImbalanceRule() | RunRule() | RunLengthRule():
            return _of_sides(rule)
        case EwmaImbalanceRule() | EwmaRunRule():
            return _of_expectations(rule, bars)
        case WhenRule():
            title = f"bars of the condition {rule.name}" if rule.name else "bars of a condition"
            says = "A bar ends with each trade where the condition is true; the next opens another."
            is_true = c("given").fill_null(value=False).cast(pl.Int128)
            return Measure(title=title, says=says, above=is_true, upper=pl.lit(1, pl.Int128))
        case TickRule() | VolumeRule() | DollarRule() | SumRule():
            return _of_totals(rule)
        case _:
            raise AssertionError(f"{rule!r} has no picture")  # every rule is above


def _of_range(text: str, far: pl.Expr) -> Measure:
    opened = c("fixed").cast(pl.Int128).first().over("bar")
    return Measure(
        title=f"range bars of {text}",
        says=f"A bar's first trade fixes two limits, {text} above and below its price.\nThe first "
        "later trade at or beyond one closes the bar; the next trade opens another.",
        lower=_positive(opened - far),
        upper=opened + far,
        names=(f"open + {text}", f"open - {text}"),
        has_open=True,
    )


def _of_high_low(rule: HighLowRule) -> Measure:
    text, amount = _amount(rule)
    is_first = c(NUMBER) == c("begin")
    before = pl.when(is_first).then("fixed").otherwise("before").cast(pl.Int128)
    return Measure(
        title=f"bars whose high - low is {text}",
        says=f"A price {text} above the lowest of its bar, or below the highest, closes it.",
        lower=_positive(before.cum_max().over("bar") - amount),
        upper=before.cum_min().over("bar") + amount,
        names=(f"low so far + {text}", f"high so far - {text}"),
    )


def _of_cusum(rule: CusumRule) -> Measure:
    text, before = threshold_text(rule.threshold_decimal_bps), c("before").cast(pl.Int128)
    risen = pl.lit(PER_THRESHOLD + rule.threshold_decimal_bps, pl.Int128)
    whole = pl.lit(PER_THRESHOLD, pl.Int128)
    return Measure(
        title=f"CUSUM bars of {text}",
        says=f"A price {text} above the lowest since the last close, itself included, closes a bar;"
        " so does one from which the highest is as far.",
        lower=before.cum_max().over("bar") * whole // risen,
        upper=(before.cum_min().over("bar") * risen + whole - 1) // whole,
        names=(f"lowest + {text}", f"highest / (1 + {text})"),
    )


def _amount(rule: PriceRangeRule | HighLowRule) -> tuple[str, pl.Expr]:
    units = units_of("amount", rule.amount)
    return limit_text("amount", rule.amount), pl.lit(units, pl.Int128)


def _positive(limit: pl.Expr) -> pl.Expr:
    """Return a limit of prices; where no price can reach it, 0."""
    return pl.max_horizontal(limit, _NONE)


def _weight(of: Weight) -> pl.Expr:
    """Return what a row weighs."""
    size = c("size").cast(pl.Int128)
    if of == "tick":
        return pl.lit(1, pl.Int128)
    return size if of == "volume" else size * c("fixed").cast(pl.Int128)


def _shown(number: str) -> str:
    """Return a decimal with commas."""
    whole, point, rest = number.partition(".")
    return f"{int(whole):,}{point}{rest}"


def _of_totals(rule: TickRule | VolumeRule | DollarRule | SumRule) -> Measure:
    scale = 1
    match rule:
        case SumRule():
            of = rule.name or "the expression"
            summed = c("given").cast(pl.Float64).fill_null(0.0).cum_sum().over("bar")
            upper, text = pl.lit(float(rule.limit), pl.Float64), f"{float(rule.limit):g}"
            title, axis = f"bars whose sum of {of} is {text}", f"sum of {of} over the bar"
        case TickRule():
            counted = c("trades").cast(pl.Int128) if rule.individual else pl.lit(1, pl.Int128)
            records = check_count(rule.records, "records")
            summed, upper, text = _summed(counted), pl.lit(records, pl.Int128), f"{records:,}"
            unit = "trades" if rule.individual else "records"
            title, axis = f"tick bars of {text} {unit}", f"{unit} of the bar"
        case VolumeRule() | DollarRule():
            weight: Weight = "volume" if isinstance(rule, VolumeRule) else "dollar"
            summed, scale = _summed(_weight(weight)), _SCALES[weight]
            upper = pl.lit(units_of("limit", rule.limit) * scale // SCALE, pl.Int128)
            text, name = _shown(limit_text("limit", rule.limit)), _TOTALS[weight]
            title, axis = f"{weight} bars of {text}", f"{name} of the bar ({_UNITS[weight]})"
    return Measure(
        title=title,
        says=f"The trade with which the sum of its bar reaches {text} closes it; the next trade "
        "opens another, at 0.",
        axis=axis,
        above=summed,
        below=summed,
        upper=upper,
        scale=scale,
        names=(f"limit {text}", ""),
    )


def _summed(weight: pl.Expr, *over: str) -> pl.Expr:
    # A literal has one row, and a window function needs one for each.
    return (weight + c(NUMBER).cast(pl.Int128) * 0).cum_sum().over("bar", *over)


def _sides(of: Weight) -> tuple[pl.Expr, pl.Expr]:
    """Return what a row adds to buys and to sells."""
    sold, weight = c("sold"), _weight(of)
    return (
        pl.when(~sold).then(weight).otherwise(_NONE),
        pl.when(sold).then(weight).otherwise(_NONE),
    )


def _of_sides(rule: ImbalanceRule | RunRule | RunLengthRule) -> Measure:
    of, scale, unit = rule.of, _SCALES[rule.of], _UNITS[rule.of]
    if of == "tick":
        units = check_count(rule.limit, "limit")  # type: ignore[arg-type] # the rule has checked it
        text = f"{units:,}"
    else:
        units = units_of("limit", rule.limit) * scale // SCALE
        text = _shown(limit_text("limit", rule.limit))
    buys, sells = _sides(of)
    if isinstance(rule, ImbalanceRule):
        above = below = _summed(buys - sells)
        title, axis = "imbalance bars", "buys - sells"
        says = f"The trade with which buys and sells of its bar differ by {text} closes it."
    elif isinstance(rule, RunRule):
        above, below = _summed(buys), _NONE - _summed(sells)
        title, axis = "run bars", "buys, and sells below 0"
        says = f"The trade with which buys or sells of its bar reach {text} closes it."
    else:
        above = below = _summed(buys - sells, "run")
        title, axis = "run-length bars", "run of buys, or of sells below 0"
        says = f"The trade with which a run on one side reaches {text} closes its bar."
    return Measure(
        title=f"{title} of {text} {unit}",
        says=says,
        axis=f"{axis} ({unit})",
        above=above,
        below=below,
        lower=pl.lit(-units, pl.Int128),
        upper=pl.lit(units, pl.Int128),
        scale=scale,
        names=(f"{text} bought", f"{text} sold"),
        two_sided=isinstance(rule, RunRule),
    )


def _of_expectations(rule: EwmaImbalanceRule | EwmaRunRule, bars: pl.DataFrame) -> Measure:
    # The text has every number, those included that follow from others.
    _, of, _, *numbers = str(rule).split("-")
    expected, bars_span, ticks_span, least, most, warm_up = numbers[:6]
    scale, unit = _SCALES[of], _UNITS[of]
    buys, sells = _sides(rule.of)
    average = {"span": float(ticks_span), "adjust": True}

    def averaged(added: pl.Expr) -> pl.Expr:
        added = (added + c(NUMBER).cast(pl.Int128) * 0).cast(pl.Float64)
        return added.ewm_mean(**average).over("chain")  # type: ignore[arg-type] # its own options

    if isinstance(rule, EwmaImbalanceRule):
        above = below = _summed(buys - sells)
        of_a_record = averaged(buys - sells).abs()
        title, axis = "imbalance bars", "buys - sells"
    else:
        above, below = _summed(buys), _NONE - _summed(sells)
        of_a_record = pl.max_horizontal(averaged(buys), averaged(sells))
        title, axis = "run bars", "buys, and sells below 0"
    share = None if bars_span == "none" else 2.0 / (int(bars_span) + 1)
    lengths = _expected_lengths(bars, float(expected), share, (float(least), float(most)))
    of_bar = c("bar").replace_strict(bars["bar"], lengths, return_dtype=pl.Float64)
    closes = (c(NUMBER) == c("end")) & c("complete")
    begun = pl.when(c(NUMBER).cum_count().over("chain") == int(warm_up)).then(
        float(expected) * of_a_record
    )
    after_close = pl.when(closes).then(of_bar * of_a_record).shift(1).over("chain")
    limit = pl.coalesce(begun, after_close).forward_fill().over("chain")
    return Measure(
        title=f"{title} of {int(expected):,} expected records",
        says="The trade with which a bar reaches what the trades before it let expect closes it.",
        axis=f"{axis} ({unit})",
        above=above,
        below=below,
        lower=-limit,
        upper=limit,
        scale=scale,
        names=("expected of buys", "expected of sells"),
        two_sided=isinstance(rule, EwmaRunRule),
    )


def _expected_lengths(
    bars: pl.DataFrame, expected: float, share: float | None, within: tuple[float, float]
) -> list[float]:
    """Return how many records are expected of the bar after each."""
    least, most = within
    lengths, length, of = list[float](), expected, None
    for chain, complete, records in bars.select("chain", "complete", "records").iter_rows():
        if chain != of:
            of, length = chain, expected
        if complete and share is not None:
            length = min(max(share * records + (1.0 - share) * length, least), most)
        lengths.append(length)
    return lengths
