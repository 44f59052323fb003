"""The chains of bars that a call asks for."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rangebar_polars._core.arguments import Threshold
from rangebar_polars._core.borders import NamedBorders, check_named_borders, utc_period
from rangebar_polars._core.footprint import Footprint, footprint_text
from rangebar_polars._core.lookback import Lookback, lookback_text
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.expressions import ExpressionRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap, gap_text
from rangebar_polars._core.vpin import Vpin, vpin_text
from rangebar_polars._series import Series
from rangebar_polars.store import BarKey, BarStore
from rangebar_polars.store.feature_text import stored_features

_NANOSECONDS: Final = 1000
"""In a microsecond."""


def check_options(
    threshold_decimal_bps: Threshold | None,
    *,
    rule: Rule | Sequence[Rule] | None = None,
    prevent_same_timestamp_close: bool | None = None,
    reset: NamedBorders | None = None,
    max_gap: MaxGap | None = None,
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    features: Sequence[str] | None = None,
    footprint: Footprint | None = None,
    lookback: Lookback | None = None,
    vpin: Vpin | None = None,
    one: str | None = None,
) -> Options:
    """Return the options of bars that can be stored.

    Parameters
    ----------
    threshold_decimal_bps, rule, prevent_same_timestamp_close, reset, max_gap
        As in `get_range_bars`.
    include_microstructure, include_incomplete, features, footprint, lookback, vpin
        As in `get_range_bars`.
    one
        Where only one rule can be taken, what takes it.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or a rule has an expression.
    """
    options = Options.check(
        threshold_decimal_bps,
        rule=rule,
        columns=None,
        reset=check_named_borders(reset),
        max_gap=max_gap,
        one=one,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
    )
    span = None if options.lookback is None else options.lookback.span
    if span is not None and span % _NANOSECONDS:
        raise ValueError(
            f"lookback is {lookback!r}: expected a whole number of us, in which the times of days "
            "are (give the trades of your own to bars)"
        )
    if wrong := [each for each in options.rules if isinstance(each, ExpressionRule)]:
        raise ValueError(
            f"rule is {wrong[0]}: expected a rule without an expression, since a store finds "
            "bars by the text of their rule (give the trades of scan_ticks to bars)"
        )
    return options


def chains_of(series: Series, first_day: dt.date, options: Options) -> tuple[BarKey, ...]:
    """Return the chains to which the bars belong, in the order of the rules."""
    return tuple(
        BarKey(
            series=series,
            rule=rule,
            reset=check_named_borders(options.reset),
            max_gap=gap_text(options.max_gap),
            features=stored_features(options.features),
            lookback=lookback_text(options.lookback),
            vpin=vpin_text(options.vpin),
            footprint=footprint_text(options.footprint),
            origin=first_day if utc_period(options.reset) is None else None,
        )
        for rule in options.rules
    )


def stored_chains(
    store: BarStore, keys: Sequence[BarKey], first_day: dt.date
) -> tuple[BarKey, ...]:
    """Return chains of the same bars that are stored already, if the wanted ones are not.

    A chain with more statistics has those that are asked for too, so that no other is stored.

    Parameters
    ----------
    store
        The store.
    keys
        The wanted chains, which differ in their rules alone.
    first_day
        The first wanted day.

    Raises
    ------
    StoreError
        The store cannot be reached or read.
    """
    wanted = keys[0].features
    if not keys[0].statistics or has_months(store, keys, first_day):
        return tuple(keys)
    stored = {*store.keys_of(dict(keys[0].series.values))}
    more = {key.features for key in stored if {*key.features} > {*wanted}}
    for features in sorted(more, key=lambda names: (len(names), names)):
        others = tuple(replace(key, features=features) for key in keys)
        if stored.issuperset(others):
            return others
    return tuple(keys)


def has_months(store: BarStore, keys: Sequence[BarKey], first_day: dt.date) -> bool:
    """Return whether a store has the first month of each chain."""
    month = first_day.replace(day=1)
    return all(store.find(key, [month]) for key in keys)
