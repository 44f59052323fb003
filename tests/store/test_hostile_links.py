"""A stored day whose state no trades lead to is refused, with the chain and the day."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, one_pass
from support.checkpoint_bytes import State
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars.schema import STORED_SCHEMA, stored_schema
from rangebar_polars.store import BarStore, Link, ParquetStore, chain


def _no_prices(state: bytes) -> bytes:
    fields = State.parse(state)
    assert fields.open is not None
    return replace(fields, open=replace(fields.open, prices=[4.9e-9] * 4)).to_bytes()


def _other_unit(state: bytes) -> bytes:
    return replace(State.parse(state), layout=(0, "UTC", 127)).to_bytes()


def _other_rule(_: bytes) -> bytes:
    return rb.RangeBarProcessor(31).create_checkpoint()


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "a price that counts as 0": _no_prices,
    "times in another unit": _other_unit,
    "another threshold": _other_rule,
    "no checkpoint": lambda _: b"PAR1",
}


def ask(store: BarStore, root: Path, end: dt.date, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of the days up to one."""
    return rb.get_range_bars(
        SYMBOL, DAYS[0], end, 30, source=SOURCE, store=store, cache_dir=root, **options
    )


def forge(store: BarStore, change: Callable[[bytes], bytes]) -> None:
    """Change the state of the last stored day, and make the digests fit."""
    (key,) = store.keys()
    month = max(store.find(key).values(), key=lambda each: each.month)
    bars = store.read(key, month, list(STORED_SCHEMA))
    assert bars is not None
    *links, last = month.links
    forged: Link = replace(last, state=change(last.state))
    sealed = forged.sealed(key, links[-1] if links else None)
    store.write(key, replace(month, links=(*links, sealed)), bars)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_stored_state_that_cannot_be_continued_names_its_chain_and_day(
    name: str, tmp_path: Path, cache: Path
) -> None:
    store = ParquetStore(tmp_path / "store")
    ask(store, cache, DAYS[2])
    forge(store, HOSTILE[name])
    expected = says(
        rb.StoreError,
        f"{store.keys()[0].label} {DAYS[2]} is stored with a state that cannot be continued "
        "(remove the chain with BarStore.remove, and its bars are computed again)",
    )

    with expected:
        ask(store, cache, DAYS[4])
    with expected:
        ask(store, cache, DAYS[2], include_incomplete=True)

    store.remove(store.keys()[0])
    assert_same(
        one_pass(cache, DAYS[0], DAYS[4], threshold_decimal_bps=30), ask(store, cache, DAYS[4])
    )


def test_a_state_that_was_left_out_must_be_that_of_the_trades(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "LARGEST_STATE", 64)
    store = ParquetStore(tmp_path / "store")
    ask(store, cache, DAYS[2], lookback=5)
    (key,) = store.keys()
    (month,) = store.find(key).values()
    bars = store.read(key, month, list(stored_schema(key.statistics)))
    assert bars is not None
    *links, last = month.links
    other = replace(last, state=b"", state_digest="0" * 64).sealed(key, links[-1])
    store.write(key, replace(month, links=(*links, other)), bars)

    with says(
        rb.StoreError,
        f"{key.label} {DAYS[2]} is stored with another state than its trades give (remove the "
        "chain with BarStore.remove, and its bars are computed again)",
    ):
        ask(store, cache, DAYS[4], lookback=5)


@pytest.mark.parametrize("state", ["sha256:", "AAAAsha256:00", "sha256"])
def test_a_state_is_there_or_left_out(state: str) -> None:
    link = Link(
        day=DAYS[0], trades_digest=None, trade_count=0, defects={}, bar_count=0, state=b"\0"
    )
    plain = link.to_plain()
    assert Link.from_plain(plain) == link
    plain[5] = state

    with pytest.raises(ValueError, match=r"padding|neither|base64"):
        Link.from_plain(plain)
