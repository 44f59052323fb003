"""Chains of bars in stores: the links that prove which trades they match.

A chain has a link for each UTC day of trades: the digest of the trades, the number of bars that
ended on the day, and the state of the builder after it. The digest of a link covers the state
before the day too. Nothing else of the days before decides its bars, so a link is valid for every
chain of the rule that is in this state, whatever its first day was.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from typing import Final, Self

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._disk import strict_json
from rangebar_polars._disk.fingerprint import checksums
from rangebar_polars.errors import CheckpointError
from rangebar_polars.store.bar_key import BarKey

MONTH_VERSION: Final = 2
"""The version of the record that a store writes for a month."""

LARGEST_STATE: Final = 1 << 14
"""The most bytes of a state that every link keeps; a larger one is kept by the last of a month."""

_LEFT_OUT: Final = "sha256:"
"""What stands before the digest of a state in the place of the state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One day of a chain.

    Attributes
    ----------
    day
        The UTC day of the trades.
    trades_digest
        The digest of the trades; None if the source has no file for the day.
    trade_count
        The number of records.
    defects
        The defects of the day, by name, with the count of each.
    bar_count
        The number of bars that ended on the day, including those cut off at its end.
    state
        The state of the builder after the day, as a checkpoint, even if no bar is open; empty if
        another chain begins on the next day.
    digest
        The digest of the rule, the state before the day, its trades, and the state after it.
    state_digest
        The digest of a state that is left out, because it holds the trades of a long window; empty
        if it is not. The trades of the days after the last state that is kept give it again.
    """

    day: dt.date
    trades_digest: str | None
    trade_count: int
    defects: Mapping[str, int] = field(hash=False)
    bar_count: int
    state: bytes
    digest: str = ""
    state_digest: str = ""

    def sealed(self, key: BarKey, before: "Link | None") -> "Link":
        """Return the link with its digest; `before` is None for the first link of a chain."""
        made_of = [
            _rule_of(key),
            _digest(b"") if before is None else before.digest_of_state(),
            str(self.day),
            self.trades_digest,
            self.bar_count,
            self.digest_of_state(),
        ]
        return replace(self, digest=hashlib.sha256(json.dumps(made_of).encode()).hexdigest())

    def fits(self, key: BarKey, before: "Link | None", ticks: Mapping[dt.date, str]) -> bool:
        """Return whether a chain has these bars on the day.

        Parameters
        ----------
        key
            The chain, or another of the same rule.
        before
            The link before; None if the chain begins.
        ticks
            The digests of cached trades. A day whose trades are not cached is assumed to fit.
        """
        return self.fits_trades(ticks) and self.sealed(key, before).digest == self.digest

    def fits_trades(self, ticks: Mapping[dt.date, str]) -> bool:
        """Return whether the link is of the cached trades, or its trades are not cached."""
        return ticks.get(self.day, self.trades_digest) == self.trades_digest

    def after(self, trade_count: int) -> "Link":
        """Return the link with its state as a chain of this many trades has it."""
        return replace(self, state=_state_after(self.state, trade_count))

    def digest_of_state(self) -> str:
        """Return the digest of the state, of a chain with any number of trades."""
        return self.state_digest or _digest(self.state)

    def without_large_state(self) -> "Link":
        """Return the link without its state, if that is larger than every link keeps."""
        if len(self.state) <= LARGEST_STATE:
            return self
        return replace(self, state=b"", state_digest=self.digest_of_state())

    def with_state(self, state: bytes) -> "Link | None":
        """Return the link with the state that was left out; None if this is another one."""
        link = replace(self, state=state, state_digest="")
        return link if link.digest_of_state() == self.state_digest else None

    def to_plain(self) -> list[object]:
        """Return the link as values that JSON can represent, for `from_plain`."""
        state = base64.b64encode(self.state).decode()
        if self.state_digest:
            state = f"{_LEFT_OUT}{self.state_digest}"
        day, defects = str(self.day), dict(self.defects)
        return [
            day,
            self.trades_digest,
            self.trade_count,
            defects,
            self.bar_count,
            state,
            self.digest,
        ]

    @classmethod
    def from_plain(cls, plain: object) -> Self:
        """Return the link from the values of `to_plain`."""
        day, trades, trade_count, defects, bar_count, state, digest = strict_json.elements(plain)
        kept, is_left_out, state_digest = strict_json.text(state).partition(_LEFT_OUT)
        if is_left_out and not (state_digest and not kept):
            raise ValueError("a state is neither there nor left out")
        return cls(
            day=strict_json.day(day),
            trades_digest=strict_json.optional(strict_json.text, trades),
            trade_count=strict_json.integer(trade_count),
            defects={
                strict_json.text(name): strict_json.integer(count, highest=strict_json.HIGHEST_ID)
                for name, count in strict_json.members(defects).items()
            },
            bar_count=strict_json.integer(bar_count),
            state=base64.b64decode(kept, validate=True),
            digest=strict_json.text(digest),
            state_digest=state_digest,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMonth:
    """The days of a chain in one month, as they are stored or will be stored.

    Attributes
    ----------
    month
        Its first day.
    links
        Its days, ascending; there may be holes.
    version
        The store's token for this version of the month; only the store uses it.
    size
        The bytes on disk, if known.
    checksums
        The hash of each column of the bars that were written; only the store uses it.
    """

    month: dt.date
    links: tuple[Link, ...]
    version: str = ""
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def bar_count(self) -> int:
        """The number of its bars."""
        return sum(link.bar_count for link in self.links)

    def without_large_states(self) -> "StoredMonth":
        """Return the month with no state of its links but small ones and the last."""
        *links, last = self.links
        return replace(self, links=(*(link.without_large_state() for link in links), last))

    def damage(self, bars: pl.DataFrame) -> str | None:
        """Return how columns of its bars differ from what was written; None if they do not."""
        if bars.height != self.bar_count:
            return f"it has {bars.height} bars, expected {self.bar_count}"
        sums = checksums(bars).items()
        wrong = [name for name, got in sums if got != self.checksums.get(name)]
        return f"column {', '.join(wrong)} has other values than were written" if wrong else None

    def holds(self, other: "StoredMonth") -> bool:
        """Return whether every day of another version is in this one."""
        digests = {link.digest for link in self.links}
        return all(link.digest in digests for link in other.links)

    def of_days(self, bars: pl.DataFrame, days: Iterable[dt.date]) -> pl.DataFrame:
        """Return the rows of `bars`, which are those of the whole month, that belong to `days`."""
        wanted = set(days)
        runs = list[tuple[int, int]]()
        ends = accumulate(link.bar_count for link in self.links)
        for link, end in zip(self.links, ends, strict=True):
            if link.day in wanted:
                start = end - link.bar_count
                if runs and runs[-1][1] == start:
                    start = runs.pop()[0]
                runs.append((start, end))
        return pl.concat([bars[start:end] for start, end in runs or [(0, 0)]])

    def to_json(self) -> str:
        """Write month and links: equal ones give equal bytes."""
        plain = [MONTH_VERSION, str(self.month), [link.to_plain() for link in self.links]]
        return json.dumps(plain, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, sums: str, version: str = "", size: int | None = None) -> Self:
        """Read what `to_json` wrote, and `sums`, the checksums of the bars as JSON.

        Raises
        ------
        ValueError
            It is not such a text.
        """
        layout, month, links = strict_json.elements(strict_json.loads(text))
        if layout != MONTH_VERSION:
            raise ValueError(f"version {layout}, expected {MONTH_VERSION}")
        first = strict_json.day(month)
        read = tuple(Link.from_plain(link) for link in strict_json.elements(links))
        days = [link.day for link in read]
        if not days or days != sorted({*days}) or {day.replace(day=1) for day in days} != {first}:
            raise ValueError(f"its days are not ascending ones of {month}")
        hashes = {
            name: strict_json.text(each)
            for name, each in strict_json.members(strict_json.loads(sums)).items()
        }
        return cls(month=first, links=read, version=version, size=size, checksums=hashes)


def by_day(months: Iterable[StoredMonth]) -> dict[dt.date, list[Link]]:
    """Return the links of each day, in the order of the months."""
    links = dict[dt.date, list[Link]]()
    for month in months:
        for link in month.links:
            links.setdefault(link.day, []).append(link)
    return links


def proven(
    key: BarKey,
    days: Iterable[dt.date],
    links: Mapping[dt.date, Sequence[Link]],
    ticks: Mapping[dt.date, str],
    *,
    before: Link | None = None,
) -> dict[dt.date, Link]:
    """Return the links that are valid: each fits its trades and the link before it.

    Parameters
    ----------
    key
        The chain.
    days
        The days to check, ascending and without holes.
    links
        The stored links of each day, of the chain or of others of the same rule. The first that
        fits is taken.
    ticks
        The digests of cached trades. A day whose trades are not cached is assumed to fit.
    before
        The link before the first of the days; None if there is none.
    """
    found = dict[dt.date, Link]()
    broken = before is None
    for day in days:
        if key.begins(day):
            before, broken = None, False
        of_day = () if broken else links.get(day, ())
        link = next((link for link in of_day if link.fits(key, before, ticks)), None)
        broken = link is None
        if link is not None:
            before = found[day] = link
    return found


@lru_cache(maxsize=256)
def _rule_of(key: BarKey) -> str:
    """Return what chains of the same rule have in common, whatever their first day."""
    return replace(key, origin=None).path


def _digest(state: bytes) -> str:
    return _digest_of(state) if len(state) <= LARGEST_STATE else _digest_of.__wrapped__(state)


# A state is both after a day and before the next, and its link is compared again when it is read.
@lru_cache(maxsize=4096)
def _digest_of(state: bytes) -> str:
    # How many trades a chain has had decides nothing that comes after.
    return hashlib.sha256(_state_after(state, 0)).hexdigest()


def _state_after(state: bytes, trade_count: int) -> bytes:
    """Return the same state after another number of trades; no state stays as it is."""
    try:
        return _internal.checkpoint_after(state, trade_count)
    except CheckpointError:
        # Between two periods, or damaged, which is reported where a chain is to continue from it.
        return state
