"""The bars of several chains, in the form of stores, and the states of the chains.

Chains that stand at the same trade share a builder, which sums the trades between two neighbouring
cuts of any of them once.
"""

import datetime as dt
from collections.abc import Mapping

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._core.footprint import parse_footprint
from rangebar_polars._core.lookback import given_lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.vpin import parse_vpin
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import CheckpointError, StoreError
from rangebar_polars.schema import LOOKBACK_NAMES, RULE, TRADE_SCHEMA, stored_schema
from rangebar_polars.store import BarKey, Link


class ChainBuilders:
    """Make the bars of chains over the same days: chains at the same trade share a builder."""

    def __init__(self) -> None:
        # The states of the chains after the last day; none where other chains begin.
        self._states = dict[BarKey, bytes]()
        self._shared = list[_SharedBuilder]()

    def begin_day(self, lasts: Mapping[BarKey, Link | None]) -> None:
        """Continue these chains over the next day.

        Parameters
        ----------
        lasts
            The last link of each chain, in the order of the rules; None: it begins.

        Raises
        ------
        StoreError
            The state that is stored with a link cannot be continued.
        """
        states = {key: b"" if link is None else link.state for key, link in lasts.items()}
        if states == self._states:
            return
        at = dict[tuple[int | None, ...], dict[BarKey, bytes]]()
        for key, state in states.items():
            # Each is continued alone first, so that an error names its chain.
            builder_after(key, lasts[key])
            at.setdefault(_internal.checkpoint_position(state) if state else (), {})[key] = state
        self._shared = [_SharedBuilder(group) for group in at.values()]

    def push(self, trades: pl.DataFrame) -> None:
        """Fold the next trades of the day."""
        for each in self._shared:
            each.push(trades)

    def notices(self) -> list[tuple[str, str]]:
        """Return the warnings about the bars so far: name of the kind and text."""
        return [notice for each in self._shared for notice in each.builder.notices()]

    def end_day(self, day: dt.date) -> dict[BarKey, tuple[pl.DataFrame, bytes]]:
        """Return the bars of each chain that ended on the day, and its state after it."""
        made = {key: of for each in self._shared for key, of in each.end_day(day).items()}
        self._states = {key: state for key, (_, state) in made.items() if state}
        return made


class _SharedBuilder:
    """A builder of chains that stand at the same trade, and their bars of the current day."""

    def __init__(self, states: Mapping[BarKey, bytes]) -> None:
        self.builder = builder_of(states)
        self._keys = list(states)
        self._ended = list[pl.DataFrame]()

    def push(self, trades: pl.DataFrame) -> None:
        """Fold the next trades of the day."""
        ended = self.builder.push(trades)
        if ended is not None:
            self._ended.append(ended)

    def end_day(self, day: dt.date) -> dict[BarKey, tuple[pl.DataFrame, bytes]]:
        """Return the bars of each chain that ended on the day, and its state after it."""
        if self._keys[0].ends(day):
            self._ended.append(self.builder.finish())
            states = [b"" for _ in self._keys]
        else:
            states = self.builder.checkpoints()
        made = zip(self._take(), states, strict=True)
        return dict(zip(self._keys, made, strict=True))

    def _take(self) -> list[pl.DataFrame]:
        """Return the bars of each chain that ended since the last call."""
        none = pl.DataFrame(schema=stored_schema(self._keys[0].statistics))
        if not self._ended:
            return [none for _ in self._keys]
        bars, self._ended = pl.concat(self._ended), []
        if len(self._keys) == 1:
            return [bars]
        of = bars.partition_by(RULE, include_key=False, as_dict=True)
        return [of.get((str(key.rule),), none) for key in self._keys]


def builder_after(key: BarKey, link: Link | None) -> _internal.BarBuilder:
    """Return what makes the bars after a day; None: those of the chain from its beginning.

    Raises
    ------
    StoreError
        The state that is stored with the day cannot be continued.
    """
    if link is None:
        return builder_of({key: b""})
    try:
        return builder_of({key: link.state})
    except (CheckpointError, pl.exceptions.ComputeError) as error:
        raise StoreError(
            f"{key.label} {link.day} is stored with a state that cannot be continued (remove the "
            "chain with BarStore.remove, and its bars are computed again)"
        ) from error


def builder_of(states: Mapping[BarKey, bytes]) -> _internal.BarBuilder:
    """Return a builder for the bars of chains that stand at the same trade, in the form of stores.

    Parameters
    ----------
    states
        The state of each chain, in the order of the rules; empty at the beginning of the chains.
        The keys differ in nothing else. The bars of several chains have their rule in front.
    """
    key, *others = states
    options = Options.check(
        None,
        rule=[each.rule for each in states] if others else key.rule,
        columns=TradeColumns(),
        reset=key.reset,
        max_gap=key.max_gap,
        features=[*key.features, *(LOOKBACK_NAMES if key.lookback else ())] or None,
        footprint=None if key.footprint is None else parse_footprint(key.footprint),
        lookback=None if key.lookback is None else given_lookback(key.lookback),
        vpin=None if key.vpin is None else parse_vpin(key.vpin),
        include_microstructure=True,
        include_incomplete=True,
    )
    builder = _internal.BarBuilder.of_chains(
        options.kwargs(stored=True), list(filter(None, states.values()))
    )
    builder.bind(TRADE_SCHEMA.to_frame())
    return builder
