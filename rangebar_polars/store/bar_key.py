"""The key of a chain of bars in stores: everything except the trades on which its bars depend."""

import datetime as dt
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Self

import polars as pl

from rangebar_polars._core.arguments import Reset, SingleThreshold, check_threshold
from rangebar_polars._core.borders import NamedBorders, borders_text, parse_borders, utc_period
from rangebar_polars._core.footprint import footprint_text, parse_footprint
from rangebar_polars._core.lookback import lookback_text, parse_lookback
from rangebar_polars._core.options import check_rules
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars._core.spans import check_max_gap, gap_text
from rangebar_polars._core.vpin import parse_vpin, vpin_text
from rangebar_polars._days import day_after
from rangebar_polars._disk.path_names import from_hive_path, hive_path
from rangebar_polars._series import SERIES_SCHEMA, Series
from rangebar_polars.schema import (
    FOOTPRINT_NAMES,
    FOOTPRINT_SETTINGS,
    LOOKBACK_NAMES,
    RICH_BAR_SCHEMA,
    RULE,
    RULE_VERSION,
    THRESHOLD,
    VPIN,
)
from rangebar_polars.store.feature_text import features_text, parse_features, stored_features

FIRST_FOLDERS: Final = (*SERIES_SCHEMA, RULE, "reset", "max_gap")
"""The first parts of every key."""

_LAST: Final = ("origin", "version")

_IF_ASKED: Final = [((), (name,)) for name in ("features", "lookback", "vpin", FOOTPRINT_SETTINGS)]

KEY_FOLDERS: Final = tuple((*FIRST_FOLDERS, *sum(some, ()), *_LAST) for some in product(*_IF_ASKED))
"""The parts of a key, each of which is a folder of its path: without statistics, and with some."""

_NONE: Final = "none"
"""How a path has a part of a key that is None."""

KEY_SCHEMA: Final = pl.Schema(
    {
        **SERIES_SCHEMA,
        RULE: pl.String(),
        THRESHOLD: pl.Int64(),
        "prevent_same_timestamp_close": pl.Boolean(),
        "reset": pl.String(),
        "max_gap": pl.String(),
        "features": pl.String(),
        "lookback": pl.String(),
        "vpin": pl.String(),
        FOOTPRINT_SETTINGS: pl.String(),
        "origin": pl.Date(),
    }
)
"""What distinguishes chains, as columns of a frame."""

CHAIN_BAR_SCHEMA: Final = pl.Schema({**KEY_SCHEMA, **RICH_BAR_SCHEMA})
"""Bars of several chains in one frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BarKey:
    """Everything except the trades on which a chain of bars depends.

    Attributes
    ----------
    series
        The source, market and symbol.
    rule
        When a bar ends.
    reset
        The borders at which bars begin anew.
    max_gap
        The longest time between two trades of a bar, as `gap_text` writes it.
    features
        The statistics that are stored with the bars, because they need the trades: sorted names.
    lookback
        How far its bars look back, as `lookback_text` writes it. All columns of it are stored.
    vpin
        The buckets of volume that are measured before bars, as `vpin_text` writes them.
    footprint
        How their footprints are made, as `footprint_text` writes it. All columns of it are stored.
    origin
        The first day of the chain; None with a `period`, where each is its own chain.
    version
        The version of the rules in this package.

    Examples
    --------
    >>> series = Series("binance", "um", "BTCUSDT")
    >>> key = BarKey(series=series, rule=parse_rule("range-250"), origin=dt.date(2024, 1, 1))
    >>> folders = key.path.split("/")
    >>> folders[:4]
    ['source=binance', 'market=um', 'symbol=BTCUSDT', 'rule=range-250']
    >>> folders[4:]
    ['reset=none', 'max_gap=none', 'origin=2024-01-01', 'version=2']
    """

    series: Series
    rule: Rule
    reset: NamedBorders | None = None
    max_gap: str | None = None
    features: tuple[str, ...] = ()
    lookback: str | None = None
    vpin: str | None = None
    footprint: str | None = None
    origin: dt.date | None
    version: int = RULE_VERSION

    @property
    def path(self) -> str:
        """The key as hive folders, values percent-encoded."""
        parts = {
            **self.series.values,
            RULE: str(self.rule),
            "reset": borders_text(self.reset) or _NONE,
            "max_gap": self.max_gap or _NONE,
            **self._asked,
            "origin": str(self.origin or _NONE),
            "version": str(self.version),
        }
        return hive_path(parts)

    @property
    def _asked(self) -> dict[str, str]:
        """What bars are stored with, as it is written in paths."""
        asked = {
            "features": features_text(self.features),
            "lookback": self.lookback,
            "vpin": self.vpin,
            FOOTPRINT_SETTINGS: self.footprint,
        }
        return {name: text for name, text in asked.items() if text}

    @property
    def statistics(self) -> tuple[str, ...]:
        """The names of the columns of statistics that are stored with the bars, in their order."""
        before = LOOKBACK_NAMES if self.lookback else ()
        levels = FOOTPRINT_NAMES if self.footprint else ()
        return (*self.features, *before, *([VPIN.name] if self.vpin else []), *levels)

    @classmethod
    def from_path(cls, path: str) -> Self | None:
        """Read `path`; None if it is not the path of a key in the current form."""
        parts = from_hive_path(path)
        if parts is None or tuple(parts) not in KEY_FOLDERS:
            return None
        given = {name: None if value == _NONE else value for name, value in parts.items()}
        reset, max_gap, origin = (given[name] for name in ("reset", "max_gap", "origin"))
        asked = (parts.get(name) for name in ("lookback", "vpin", FOOTPRINT_SETTINGS))
        lookback, vpin, footprint = asked
        try:
            key = cls(
                series=Series(*(parts[name] for name in SERIES_SCHEMA)),
                rule=parse_rule(parts[RULE]),
                reset=None if reset is None else parse_borders(reset),
                max_gap=gap_text(check_max_gap(max_gap)),
                features=parse_features(parts["features"]) if "features" in parts else (),
                lookback=None if lookback is None else lookback_text(parse_lookback(lookback)),
                vpin=None if vpin is None else vpin_text(parse_vpin(vpin)),
                footprint=(
                    None if footprint is None else footprint_text(parse_footprint(footprint))
                ),
                origin=None if origin is None else dt.date.fromisoformat(origin),
                version=int(parts["version"]),
            )
        except ValueError:
            return None
        # A chain begins with each period, or on a day.
        begins_once = (key.period is None) == (key.origin is not None)
        is_sorted = key.features == stored_features(key.features)
        return key if begins_once and is_sorted and key.path == path else None

    @property
    def period(self) -> Reset | None:
        """The UTC period at whose borders a new chain begins; None if a chain has a first day."""
        return utc_period(self.reset)

    @property
    def label(self) -> str:
        """The name of the chain in messages."""
        of_gap = f", max_gap {self.max_gap}" if self.max_gap else ""
        every = "every" if self.period else "at"
        of_reset = f", anew {every} {self.reset}" if self.reset else ""
        others = {"lookback": self.lookback, "vpin": self.vpin, "footprint": self.footprint}
        asked = [features_text(self.features)] if self.features else []
        asked += [f"{name} {text}" for name, text in others.items() if text]
        of_asked = f", with {', '.join(asked)}" if asked else ""
        return f"{self.series.label} {self.rule}{of_gap}{of_reset}{of_asked}"

    @property
    def values(self) -> dict[str, object]:
        """The columns of `KEY_SCHEMA`."""
        rule = self.rule
        return {
            **self.series.values,
            RULE: str(rule),
            THRESHOLD: rule.threshold_decimal_bps if isinstance(rule, RangeRule) else None,
            "prevent_same_timestamp_close": rule.prevent_same_timestamp_close,
            "reset": borders_text(self.reset),
            "max_gap": self.max_gap,
            "features": ",".join(self.features) or None,
            "lookback": self.lookback,
            "vpin": self.vpin,
            FOOTPRINT_SETTINGS: self.footprint,
            "origin": self.origin,
        }

    def is_sibling(self, other: "BarKey") -> bool:
        """Return whether another chain has the same rule and symbol, and another first day.

        It has the same statistics too, since the state of an open bar has what they need.
        """
        return other != self and replace(other, origin=self.origin) == self

    def begins(self, day: dt.date) -> bool:
        """Return whether a chain begins on a day."""
        return day == self.origin if self.period is None else period_start(day, self.period) == day

    def ends(self, day: dt.date) -> bool:
        """Return whether a chain ends with a day, because another begins."""
        after = day_after(day)
        return self.period is not None and after is not None and self.begins(after)


def values_of_rule(
    threshold_decimal_bps: SingleThreshold | None, rule: Rule | None
) -> dict[str, object]:
    """Return the columns of `KEY_SCHEMA` by which chains of a threshold or of a rule are found.

    Parameters
    ----------
    threshold_decimal_bps
        A threshold; None: any.
    rule
        A rule; None: any.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong, or both are given.

    Examples
    --------
    >>> values_of_rule(None, parse_rule("dollar-1000000"))
    {'rule': 'dollar-1000000'}
    >>> values_of_rule("medium", None)
    {'threshold_decimal_bps': 250}
    """
    if rule is None:
        is_any = threshold_decimal_bps is None
        return {} if is_any else {THRESHOLD: check_threshold(threshold_decimal_bps)}
    rules, several = check_rules(threshold_decimal_bps, rule, prevent_same_timestamp_close=None)
    if several is not None:
        raise ValueError(f"rule is {rule!r}: expected one rule, or None for all")
    return {RULE: str(rules[0])}


def period_start(day: dt.date, period: Reset) -> dt.date:
    """Return the first day of the period that contains a day.

    >>> str(period_start(dt.date(2024, 3, 3), "week"))
    '2024-02-26'
    """
    match period:
        case "week":
            return day - dt.timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day
