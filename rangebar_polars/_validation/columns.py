"""Checks of the values of single bars: nulls, bounds, and the formulas of the columns."""

from typing import Final

import polars as pl

from rangebar_polars._core.fixed import SCALE, to_fixed
from rangebar_polars._validation.asked import is_complete
from rangebar_polars._validation.checklist import Checklist, remedy_of_lack
from rangebar_polars.schema import COLUMNS, IS_COMPLETE, THRESHOLD, Output

_EPSILON: Final = 2.0**-52
_ROUNDED: Final = 1e-9
"""How far a float may be from what others say it is, relative to them."""
_UNITS: Final = 4e-8
"""How far prices may be from each other by the rounding to 8 decimals."""

c = pl.col


def _sum(a: str, b: str) -> pl.Expr:
    return c(a) + c(b)


_NULL_WHEN: Final[dict[str, tuple[pl.Expr, tuple[str, ...]]]] = {
    "vwap": (c("volume") == 0, ("volume",)),
    "ofi": (_sum("buy_volume", "sell_volume").fill_null(0) == 0, ("buy_volume", "sell_volume")),
    "vwap_close_deviation": (
        (to_fixed(c("high")) == to_fixed(c("low"))) | (c("volume") == 0),
        ("high", "low", "volume"),
    ),
    "price_impact": (c("volume") == 0, ("volume",)),
    "kyle_lambda_proxy": (c("ofi").fill_null(0) == 0, ("ofi",)),
    "trade_intensity": (c("duration_us") == 0, ("duration_us",)),
    "aggression_ratio": (
        _sum("buy_trade_count", "sell_trade_count").fill_null(0) == 0,
        ("buy_trade_count", "sell_trade_count"),
    ),
    "turnover_imbalance": (
        _sum("buy_turnover", "sell_turnover").fill_null(0) == 0,
        ("buy_turnover", "sell_turnover"),
    ),
}
"""When a column is null, and the columns that say so."""

_OF_SEVERAL: Final = ("trade_intensity", "vwap_close_deviation")
"""Columns that are null in a bar of one record, and so may be null in every row."""


def add_nulls(checklist: Checklist) -> None:
    """Add: a column is null where its formula has no value, and nowhere else."""
    for output in COLUMNS:
        name, column = output.name, c(output.name)
        if not output.null_when:
            checklist.add("nulls", name, column.is_not_null(), "no null", needs=[name])
        elif name in _NULL_WHEN:
            undefined, needs = _NULL_WHEN[name]
            expected = f"null where {output.null_when}, and nowhere else"
            good = column.is_null() == undefined
            checklist.add("nulls", name, good, expected, needs=[name, *needs])
        elif name == "aggregation_density":
            # Of which rows had ids a bar says this much: without any, each row counts one.
            single = c("individual_trade_count") == c("agg_record_count")
            checklist.add(
                "nulls",
                name,
                column.is_not_null() | single,
                "null only where each row counts one trade",
                needs=[name, "individual_trade_count", "agg_record_count"],
            )
        elif output.reads and "agg_trade_id" not in output.reads:
            good = column.is_not_null() | column.is_null().all()
            checklist.add("nulls", name, good, "null in every row or in none", needs=[name])
    if IS_COMPLETE in checklist.bars.columns:
        good = c(IS_COMPLETE).is_not_null()
        checklist.add("nulls", IS_COMPLETE, good, "no null", needs=[IS_COMPLETE])


def add_values(checklist: Checklist) -> None:
    """Add: a column that may be null has a value in some row, if the trades had its source."""
    for output in COLUMNS:
        if not output.null_when:
            continue
        if checklist.asked.may_hold_one and output.name in _OF_SEVERAL:
            continue
        column, source = c(output.name), lacking(output, checklist.asked.without)
        if source is None:
            there = column.is_not_null()
            good, expected = there | there.any(), "a value in some row"
            if checklist.is_null(output.name):
                expected += remedy_of_lack(_sources(output))
        else:
            # A column of sides that are all null is as good as none, and its sums are 0.
            good = column.is_null() | ((column == 0) & (output.group == "sum"))
            expected = f"no value in any row, as the trades lack {source}"
        checklist.add("values", output.name, good, expected, needs=[output.name])


def lacking(output: Output, without: frozenset[str]) -> str | None:
    """Return the column that the trades lack and without which a column of bars is null."""
    return next(iter(sorted(_sources(output) & without)), None)


def _sources(output: Output) -> set[str]:
    """Return the columns that trades may lack and without which a column of bars is null."""
    if output.name == "aggregation_density":
        return {"first_trade_id", "last_trade_id"}
    return {"is_buyer_maker", "agg_trade_id"} & {*output.reads}


def add_finite(checklist: Checklist) -> None:
    """Add: no float is NaN or infinite."""
    for output in COLUMNS:
        if output.dtype == "Float64":
            good = c(output.name).is_finite() | c(output.name).is_null()
            checklist.add("finite", output.name, good, "no NaN, no inf", needs=[output.name])


def add_ohlc(checklist: Checklist) -> None:
    """Add: the lowest price is above 0, and open and close lie between it and the highest."""
    good = (
        (c("low") > 0)
        & (c("low") <= pl.min_horizontal("open", "close"))
        & (c("high") >= pl.max_horizontal("open", "close"))
    )
    expected = "0 < low <= open, close <= high"
    checklist.add("ohlc", None, good, expected, needs=["open", "high", "low", "close"])


def _or_null(name: str, good: pl.Expr) -> pl.Expr:
    return c(name).is_null() | good


def add_bounds(checklist: Checklist) -> None:
    """Add: values lie where their formula puts them."""
    for name in ("ofi", "turnover_imbalance"):
        good = _or_null(name, c(name).is_between(-1, 1))
        checklist.add("bounds", name, good, "-1 to 1", needs=[name])
    # The way of a product that does not fit 128 bits loses digits of the prices.
    spread = to_fixed(c("high")) - to_fixed(c("low"))
    lost = 8 * _EPSILON * to_fixed(c("high")) / spread
    good = c("vwap_close_deviation").abs() <= 1 + _ROUNDED + lost
    checklist.add(
        "bounds",
        "vwap_close_deviation",
        _or_null("vwap_close_deviation", good),
        "-1 to 1",
        needs=["vwap_close_deviation", "high", "low"],
    )
    least, most = c("low") * (1 - 1e-12) - _UNITS, c("high") * (1 + 1e-12) + _UNITS
    good = _or_null("vwap", c("vwap").is_between(least, most))
    checklist.add("bounds", "vwap", good, "between low and high", needs=["vwap", "high", "low"])
    good = _or_null("aggression_ratio", c("aggression_ratio").is_between(0, 100))
    checklist.add("bounds", "aggression_ratio", good, "0 to 100", needs=["aggression_ratio"])
    good = _or_null("aggregation_density", c("aggregation_density") >= 1)
    checklist.add("bounds", "aggregation_density", good, "1 or more", needs=["aggregation_density"])
    good = _or_null("trade_intensity", c("trade_intensity") > 0)
    checklist.add("bounds", "trade_intensity", good, "above 0", needs=["trade_intensity"])
    for name in ("volume", "turnover", "buy_volume", "sell_volume", "buy_turnover"):
        _not_negative(checklist, name)
    for name in ("sell_turnover", "buy_trade_count", "sell_trade_count", "duration_us"):
        _not_negative(checklist, name)
    for name in ("price_impact", "volume_per_trade"):
        _not_negative(checklist, name)
    has_two = is_complete(checklist.bars) & (not checklist.asked.may_hold_one)
    least_rows = 1 + has_two.cast(pl.Int64)
    needs = [name for name in (IS_COMPLETE,) if name in checklist.bars.columns]
    good = c("agg_record_count") >= least_rows
    expected = "2 or more, of a bar that did not close 1 or more"
    if checklist.asked.may_hold_one:
        expected = "1 or more"
    needs = ["agg_record_count", *needs]
    checklist.add("bounds", "agg_record_count", good, expected, needs=needs)
    good = c("individual_trade_count") >= c("agg_record_count")
    expected = "agg_record_count or more"
    needs = ["individual_trade_count", "agg_record_count"]
    checklist.add("bounds", "individual_trade_count", good, expected, needs=needs)
    if THRESHOLD in checklist.bars.columns:
        good = c(THRESHOLD).is_between(1, 100_000)
        checklist.add("bounds", THRESHOLD, good, "1 to 100,000", needs=[THRESHOLD])


def _not_negative(checklist: Checklist, name: str) -> None:
    checklist.add("bounds", name, _or_null(name, c(name) >= 0), "0 or more", needs=[name])


def add_sides(checklist: Checklist) -> None:
    """Add: what was bought and sold is no more than what was traded; trades may have no side."""
    for total, buy, sell in (
        ("volume", "buy_volume", "sell_volume"),
        ("turnover", "buy_turnover", "sell_turnover"),
        ("individual_trade_count", "buy_trade_count", "sell_trade_count"),
    ):
        within = _sum(buy, sell) <= c(total) * (1 + 1e-12)
        good = c(buy).is_null() | c(sell).is_null() | within
        expected = f"{buy} + {sell} <= {total}"
        checklist.add("sides", total, good, expected, needs=[total, buy, sell])


def _near(a: pl.Expr, b: pl.Expr, scale: pl.Expr) -> pl.Expr:
    return (a - b).abs() <= _ROUNDED * scale.abs()


def add_formulas(checklist: Checklist) -> None:
    """Add: a feature is what its formula makes of the other columns."""
    # Formulas take differences of prices as integers of 1e-8.
    opened, high, low, closed = (to_fixed(c(name)) for name in ("open", "high", "low", "close"))
    move, spread = closed - opened, high - low
    bought, sold = c("buy_trade_count"), c("sell_trade_count")
    ratio = pl.when(sold > 0).then(pl.min_horizontal(bought / sold, 100.0)).otherwise(100.0)
    for name, good, needs in (
        ("vwap", _near(c("vwap") * c("volume"), c("turnover"), c("turnover")), "volume turnover"),
        _imbalance("ofi", "buy_volume", "sell_volume"),
        _imbalance("turnover_imbalance", "buy_turnover", "sell_turnover"),
        (
            "duration_us",
            c("duration_us") == (c("close_time") - c("open_time")).dt.total_microseconds(),
            "open_time close_time",
        ),
        (
            "vwap_close_deviation",
            _deviation(spread, closed, high),
            "high low close vwap",
        ),
        (
            "price_impact",
            _near(c("price_impact") * c("volume") * SCALE, move.abs(), move),
            "volume open close high",
        ),
        (
            "kyle_lambda_proxy",
            _near(c("kyle_lambda_proxy") * c("ofi") * opened, move, move),
            "ofi open close high",
        ),
        (
            "trade_intensity",
            _near(
                c("trade_intensity") * c("duration_us") / 1e6,
                c("individual_trade_count"),
                c("individual_trade_count"),
            ),
            "duration_us individual_trade_count",
        ),
        (
            "volume_per_trade",
            _near(c("volume_per_trade") * c("individual_trade_count"), c("volume"), c("volume")),
            "individual_trade_count volume",
        ),
        (
            "aggression_ratio",
            _near(c("aggression_ratio"), ratio, ratio),
            "buy_trade_count sell_trade_count",
        ),
        (
            "aggregation_density",
            _near(
                c("aggregation_density") * c("agg_record_count"),
                c("individual_trade_count"),
                c("individual_trade_count"),
            ),
            "agg_record_count individual_trade_count",
        ),
    ):
        formula = next(output.formula for output in COLUMNS if output.name == name)
        checklist.add("formula", name, _or_null(name, good), formula, needs=[name, *needs.split()])


def _imbalance(name: str, buy: str, sell: str) -> tuple[str, pl.Expr, str]:
    both = _sum(buy, sell)
    return name, _near(c(name) * both, c(buy) - c(sell), both), f"{buy} {sell}"


def _deviation(spread: pl.Expr, closed: pl.Expr, high: pl.Expr) -> pl.Expr:
    """Return whether vwap_close_deviation is its formula.

    The average is a float here: as near to a difference of it as it is to itself.
    """
    off = c("vwap_close_deviation") * spread - (closed - c("vwap") * SCALE)
    return off.abs() <= _ROUNDED * spread + 8 * _EPSILON * high
