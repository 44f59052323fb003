"""A checkpoint of several chains with changed bytes, or with states that contradict each other.

``RANGEBAR_FUZZ=N`` changes N checkpoints instead of a few thousand.
"""

import base64
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.chains_bytes import DATE, ENUM, INT8, STRING, chains, column, sealed
from support.checkpoint_bytes import Session, State
from support.checkpoint_cases import restore
from support.saved_chains import BYTES, ONE, keyed, processor
from support.trades import trades, walk

import rangebar_polars as rb

AGAIN = "(go back to an older one, or read the trades again)"


def of(threshold: int, **fields: Any) -> bytes:  # noqa: ANN401 - of any type
    """Return the state of a threshold after three trades, with these fields."""
    one = rb.RangeBarProcessor(threshold)
    one.process_trades(trades([100.0, 100.2, 100.1], ids=[1, 2, 3]))
    return replace(State.parse(one.create_checkpoint()), **fields).to_bytes()


def unused(threshold: int, **fields: Any) -> bytes:  # noqa: ANN401 - of any type
    """Return the state of a threshold before any trade, with these fields."""
    one = rb.RangeBarProcessor(threshold)
    one.process_trades(trades([], ids=[]))
    return replace(State.parse(one.create_checkpoint()), **fields).to_bytes()


def bar(threshold: int, **fields: Any) -> bytes:  # noqa: ANN401 - of any type
    """Return the state of a threshold with these fields of the open bar."""
    state = State.parse(of(threshold))
    assert state.open is not None
    return replace(state, open=replace(state.open, **fields)).to_bytes()


def with_value(threshold: int, session: Session) -> bytes:
    """Return the state of a threshold whose last record had this value."""
    return of(threshold, reset="column", session=session)


TWO = [unused(250), unused(500)]
BOTH = [of(250), of(500)]
A = column("key", STRING, ["A"])
CONTRADICT = f"the checkpoint is damaged: its chains contradict each other {AGAIN}"
UNFIT = f"the checkpoint is damaged: its fields do not fit {AGAIN}"
KEYS_UNFIT = f"the checkpoint is damaged: its keys do not fit {AGAIN}"
HOSTILE: Mapping[str, tuple[bytes, str]] = {
    "no rule": (chains([], []), CONTRADICT),
    "no state": (chains(TWO, []), CONTRADICT),
    "a state too few": (chains(TWO, BOTH[:1]), CONTRADICT),
    "a state too many": (chains(TWO, [*BOTH, BOTH[0]]), CONTRADICT),
    "states in another order": (chains(TWO, BOTH[::-1]), CONTRADICT),
    "thresholds in another order": (chains(TWO[::-1], BOTH[::-1]), CONTRADICT),
    "a threshold twice": (chains([TWO[0]] * 2, [BOTH[0]] * 2), CONTRADICT),
    "settings after trades": (chains(BOTH, BOTH), CONTRADICT),
    "two gates": (
        chains([TWO[0], unused(500, rule="range-500-nogate")], BOTH),
        CONTRADICT,
    ),
    "two resets": (chains(TWO, [BOTH[0], of(500, reset="week")]), CONTRADICT),
    "two last values": (
        chains(
            [unused(250, reset="column"), unused(500, reset="column")],
            [with_value(250, "a"), with_value(500, "b")],
        ),
        CONTRADICT,
    ),
    "last values of two kinds": (
        chains(
            [unused(250, reset="column")],
            [with_value(250, "a"), with_value(250, (1, 3))],
            [column("key", STRING, ["A", "B"])],
            rule_column=None,
        ),
        CONTRADICT,
    ),
    "two layouts": (chains(TWO, [BOTH[0], of(500, layout=(1, None, 23))]), CONTRADICT),
    "two flags": (chains(TWO, [BOTH[0], of(500, include_incomplete=True)]), CONTRADICT),
    "symbols of chains": (chains(TWO, [of(250, symbol="A"), of(500, symbol="A")]), CONTRADICT),
    "two positions": (chains(TWO, [BOTH[0], TWO[1]]), CONTRADICT),
    "two counts of trades": (chains(TWO, [BOTH[0], of(500, rows=5)]), CONTRADICT),
    "two closes": (
        chains(TWO, [BOTH[0], bar(500, prices=[100.0, 100.2, 100.0, 100.0])]),
        CONTRADICT,
    ),
    "two volumes of the same trades": (
        chains(TWO, [BOTH[0], bar(500, volume=0, turnover=0)]),
        CONTRADICT,
    ),
    "rules in a column of another name": (
        chains(TWO, BOTH, rule_column="rules"),
        CONTRADICT,
    ),
    "a single chain": (chains(TWO[:1], BOTH[:1], rule_column=None), CONTRADICT),
    "two rules without a column": (
        chains(TWO, BOTH, [A], rule_column=None),
        CONTRADICT,
    ),
    "a key without a state": (chains(TWO, BOTH, [column("key", STRING, ["A", "B"])]), CONTRADICT),
    "a key without a trade": (chains(TWO, TWO, [A]), CONTRADICT),
    "a key twice": (chains(TWO, BOTH * 2, [column("key", STRING, ["A", "A"])]), CONTRADICT),
    "a column twice": (chains(TWO, BOTH, [A, A]), CONTRADICT),
    "columns of two lengths": (chains(TWO, BOTH, [A, column("b", STRING, [])]), CONTRADICT),
    "a key without a dtype": (chains(TWO, BOTH, [column("key", None, ["A"])]), CONTRADICT),
    "a symbol of 129 bytes": (chains(TWO, BOTH, symbol=b"x" * 129), CONTRADICT),
    "a symbol that is no text": (chains(TWO, BOTH, symbol=b"\xff"), UNFIT),
    "an unknown dtype": (chains(TWO, BOTH, [column("key", 20, ["A"])]), UNFIT),
    "more states than bytes": (sealed(b"\0\1\0\0" + b"\xff" * 8 + b"\1"), UNFIT),
    "more keys than bytes": (sealed(b"\0\1" + b"\xff" * 8 + b"\1"), UNFIT),
    "a chain that is damaged": (
        chains(TWO, [BOTH[0], BOTH[1][:-1]]),
        f"the checkpoint is damaged: its checksum does not match {AGAIN}",
    ),
    "a chain that no trades lead to": (
        chains(TWO, [BOTH[0], bar(500, volume=0)]),
        f"the checkpoint is damaged: such a state cannot be {AGAIN}",
    ),
    "an unknown zone": (
        chains([unused(250, layout=(0, "Mars", 23))], [of(250, layout=(0, "Mars", 23))]),
        f"the checkpoint is damaged: its time zone is unknown {AGAIN}",
    ),
    "text in a column of numbers": (chains(TWO, BOTH, [column("key", INT8, ["A"])]), KEYS_UNFIT),
    "a number in a column of text": (chains(TWO, BOTH, [column("key", STRING, [1])]), KEYS_UNFIT),
    "a number too large": (chains(TWO, BOTH, [column("key", INT8, [128])]), KEYS_UNFIT),
    "a date too far": (chains(TWO, BOTH, [column("key", DATE, [2**31])]), KEYS_UNFIT),
    "no such category": (
        chains(TWO, BOTH, [column("key", ENUM, ["C"], b"\1\1A")]),
        KEYS_UNFIT,
    ),
    "a name with a zero": (chains(TWO, BOTH, [column("k\0", STRING, ["A"])]), CONTRADICT),
    "a name of a column of bars": (chains(TWO, BOTH, [column("close", STRING, ["A"])]), KEYS_UNFIT),
    "a category twice": (
        chains(TWO, BOTH, [column("key", ENUM, ["A"], b"\2\1A\1A")]),
        KEYS_UNFIT,
    ),
}

ENTRY_POINTS: Mapping[str, Callable[[bytes], object]] = {
    "from_checkpoint": restore,
    "bars_with_state": lambda data: rb.bars_with_state(
        walk(3).with_columns(key=pl.lit("A")), [250, 500], by="key", state=data
    ),
    "bars": lambda data: rb.bars(
        walk(3).with_columns(key=pl.lit("A")).lazy(), [250, 500], by="key", state=data
    ),
    "from_json": lambda data: rb.RangeBarProcessor.from_json(
        json.dumps(json.loads(ONE.to_json()) | {"checkpoint": base64.b64encode(data).decode()})
    ),
}


def test_the_bytes_that_the_tests_write_are_good() -> None:
    two = chains(TWO, BOTH * 2, [column("key", STRING, ["A", None])], symbol=b"BTCUSDT")

    assert restore(two).create_checkpoint() == two


@pytest.mark.parametrize("name", HOSTILE)
def test_states_that_no_trades_lead_to_together_are_refused(name: str) -> None:
    data, expected = HOSTILE[name]

    with says(rb.CheckpointError, expected):
        restore(data)


@pytest.mark.parametrize("name", ["no rule", "a key twice", "a chain that is damaged"])
@pytest.mark.parametrize("enter", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_they_are_refused_at_every_entry_point(name: str, enter: Callable[[bytes], object]) -> None:
    data, expected = HOSTILE[name]

    with says(rb.CheckpointError, expected):
        enter(data)


BAD: Mapping[str, tuple[bytes, str]] = {
    "cut in its head": (BYTES[:8], f"damaged: it does not begin like one {AGAIN}"),
    "cut": (BYTES[:-1], f"damaged: its checksum does not match {AGAIN}"),
    "longer": (BYTES + b"\0", f"damaged: its checksum does not match {AGAIN}"),
    "longer, with its checksum": (
        sealed(BYTES[9:] + b"\0"),
        f"damaged: its fields do not fit {AGAIN}",
    ),
    "another version": (
        BYTES[:4] + b"\2" + BYTES[5:],
        (
            "of version 2: this release reads 1 (read the trades again, or use the release that "
            "wrote it)"
        ),
    ),
    "too large": (BYTES + bytes(2**24), f"damaged: it is too large {AGAIN}"),
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_were_changed_are_refused(name: str) -> None:
    data, why = BAD[name]

    with says(rb.CheckpointError, f"the checkpoint is {why}"):
        restore(data)


def test_a_changed_checkpoint_is_refused_or_can_be_saved_again() -> None:
    chance, outcomes = random.Random(7), {"restored": 0, "refused": 0}  # noqa: S311 - not a secret
    several = [BYTES, chains(TWO, BOTH), processor(keyed([3, None]), 20).create_checkpoint()]

    for _ in range(int(os.environ.get("RANGEBAR_FUZZ", "2000"))):
        data = bytearray(chance.choice(several)[9:])
        for _ in range(chance.choice([1, 1, 2])):
            at = chance.randrange(len(data))
            if chance.random() < 0.8:
                data[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1])
            else:
                data[at:at] = chance.randbytes(chance.choice([1, 2, 9]))
        changed = sealed(bytes(data))
        try:
            restored = restore(changed)
        except rb.CheckpointError:
            outcomes["refused"] += 1
        else:
            outcomes["restored"] += 1
            assert restored.create_checkpoint() == changed
            restored.get_incomplete_bar()
    assert min(outcomes.values()) > 0
