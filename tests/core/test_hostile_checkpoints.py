"""A checkpoint with a right checksum and a state that no trades lead to is refused everywhere.

``RANGEBAR_FUZZ=N`` looks at N random ones instead of a few thousand.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.checkpoint_bytes import State, sealed
from support.hostile_checkpoints import ENTRY_POINTS
from support.subprocesses import run
from support.trades import trades

import rangebar_polars as rb

AGAIN = "(go back to an older one, or read the trades again)"
IMPOSSIBLE = f"the checkpoint is damaged: such a state cannot be {AGAIN}"
UNFIT = f"the checkpoint is damaged: its fields do not fit {AGAIN}"
ZONE = f"the checkpoint is damaged: its time zone is unknown {AGAIN}"
TOO_LARGE = f"the checkpoint is damaged: it is too large {AGAIN}"
MORE = trades(
    [100.0, 100.1],
    [10**15, 10**15],
    sold=[True, None],
    ids=[10, 11],
    counted=[(10, 10), (11, 12)],
    unit="us",
    zone="UTC",
)

entry_points = pytest.mark.parametrize("enter", ENTRY_POINTS.values(), ids=ENTRY_POINTS)


def open_state() -> State:
    """Return a state with an open bar of four trades at 100 to 100.2."""
    processor = rb.RangeBarProcessor(250, "BTCUSDT", reset="day")
    processor.process_trades(
        trades(
            [100.0, 100.2, 100.1, 100.1],
            [5_000, 5_000, 9_000, 9_000],
            quantity=[1.0, 2.0, 3.0, 4.0],
            sold=[True, False, None, False],
            ids=[7, 8, None, 9],
            counted=[(1, 2), (3, 3), (None, 4), (5, 9)],
            unit="us",
            zone="UTC",
        )
    )
    return State.parse(processor.create_checkpoint())


def with_bar(**fields: Any) -> State:  # noqa: ANN401 - of any type
    """Return the state with these fields of its open bar."""
    state = open_state()
    assert state.open is not None
    return replace(state, open=replace(state.open, **fields))


def with_state(**fields: Any) -> State:  # noqa: ANN401 - of any type
    """Return the state with these fields."""
    return replace(open_state(), **fields)


HOSTILE: dict[str, tuple[State, str]] = {
    "an open bar and no layout": (with_state(layout=None), IMPOSSIBLE),
    "prices of 1e300": (
        with_bar(prices=[1e300] * 4),
        IMPOSSIBLE,
    ),
    "a price that is not a number": (
        with_bar(prices=[100.0, float("nan"), 100.0, 100.1]),
        IMPOSSIBLE,
    ),
    "2 ** 64 - 1 trades": (with_state(rows=2**64 - 1), IMPOSSIBLE),
    "2 ** 63 - 1 trades in the bar": (
        with_bar(rows=2**63 - 1, trades=2**63 - 1),
        IMPOSSIBLE,
    ),
    "another last time": (with_state(last=(9_001, 9)), IMPOSSIBLE),
    "another last id": (with_state(last_id=8), IMPOSSIBLE),
    "ids that fall at the same time": (
        with_bar(times=[9_000, 9_000], agg_trade_ids=[10, 9]),
        IMPOSSIBLE,
    ),
    "a bar of two days": (with_bar(times=[-1, 9_000]), IMPOSSIBLE),
    "an unknown zone": (
        with_state(layout=(1, "Mars/Olympus", 127)),
        ZONE,
    ),
    "a zone without a name": (with_state(layout=(1, "", 127)), ZONE),
    "every zone": (with_state(layout=(1, "*", 127)), ZONE),
    "a zone as Polars does not write it": (
        with_state(layout=(1, "+01:00", 127)),
        ZONE,
    ),
    "a zone of 4,000 bytes": (
        with_state(layout=(1, "x" * 4_000, 127)),
        TOO_LARGE,
    ),
    "a symbol of 129 bytes": (with_state(symbol="x" * 129), IMPOSSIBLE),
    "a symbol of 4,000 bytes": (with_state(symbol="x" * 4_000), TOO_LARGE),
    "a column that does not exist": (
        with_state(layout=(1, "UTC", 255)),
        UNFIT,
    ),
    "no column of prices": (
        with_state(layout=(1, "UTC", 125)),
        IMPOSSIBLE,
    ),
    "a turnover without a volume": (with_bar(volume=0), IMPOSSIBLE),
    "a volume without a turnover": (with_bar(turnover=0), IMPOSSIBLE),
    "a turnover above every price": (
        with_bar(turnover=10 * 10**8 * 10_021 * 10**6),
        IMPOSSIBLE,
    ),
    "sides without a column of sides": (
        with_state(layout=(1, "UTC", 119)),
        IMPOSSIBLE,
    ),
    "a column of sides without sides": (
        with_bar(sides=None),
        IMPOSSIBLE,
    ),
    "a side with a volume and no trade": (
        with_bar(sides=[(10**8, 10**18, 0), (0, 0, 0)]),
        IMPOSSIBLE,
    ),
    "sides that are more than the whole": (
        with_bar(sides=[(8 * 10**8, 8 * 10**18, 1), (8 * 10**8, 8 * 10**18, 1)]),
        IMPOSSIBLE,
    ),
}


@entry_points
@pytest.mark.parametrize("name", HOSTILE)
def test_a_state_that_no_trades_lead_to_is_refused_at_every_entry_point(
    name: str, enter: Callable[[State, bytes, pl.DataFrame], pl.DataFrame]
) -> None:
    state, expected = HOSTILE[name]

    with says(rb.CheckpointError, expected):
        enter(open_state(), state.to_bytes(), MORE)


# A search for the limits of such a price ends in ages at best, so it runs where it can be ended.
PRICE_OF_0 = """
import rangebar_polars as rb
from core.test_hostile_checkpoints import ENTRY_POINTS, MORE, open_state, with_bar

data = with_bar(prices=[4.9e-9] * 4).to_bytes()
for enter in ENTRY_POINTS.values():
    try:
        enter(open_state(), data, MORE)
    except rb.CheckpointError as error:
        print(error)
"""


def test_a_price_that_counts_as_0_is_refused_at_once_at_every_entry_point() -> None:
    said = run(PRICE_OF_0, PYTHONPATH=os.pathsep.join(sys.path))

    assert said.splitlines() == [IMPOSSIBLE] * len(ENTRY_POINTS)


@entry_points
def test_a_number_in_a_longer_form_is_refused_at_every_entry_point(
    enter: Callable[[State, bytes, pl.DataFrame], pl.DataFrame],
) -> None:
    rest = rb.RangeBarProcessor(250).create_checkpoint()[9:]
    text = b"range-250"
    assert rest.startswith(b"\0" + bytes([len(text)]) + text)

    with says(rb.CheckpointError, UNFIT):
        enter(open_state(), sealed(b"\0" + bytes([len(text) | 0x80, 0]) + rest[2:]), MORE)


def test_a_stored_link_of_trades_in_other_columns_is_refused() -> None:
    state = with_state(layout=(0, None, 127))

    with says(
        pl.exceptions.ComputeError,
        "this batch of trades differs from the first: [timestamp, price, quantity, is_buyer_maker, "
        "agg_trade_id, first_trade_id, last_trade_id] with times in us and UTC, the first "
        "[timestamp, price, quantity, is_buyer_maker, agg_trade_id, first_trade_id, last_trade_id] "
        "with times in ms and no zone (give all batches the same columns, time unit and zone)",
    ):
        ENTRY_POINTS["a stored link"](open_state(), state.to_bytes(), MORE)


def test_a_chain_that_has_all_the_trades_it_can_have_takes_no_more() -> None:
    full = rb.RangeBarProcessor.from_checkpoint(with_state(rows=2**62).to_bytes())

    with says(
        rb.RangeBarError,
        "there are too many trades at row 4611686018427387904: expected at most "
        "4611686018427387904 in a chain of bars (begin a new one)",
    ):
        full.process_trades(MORE)


def test_the_bytes_of_a_checkpoint_are_read_and_written_again() -> None:
    saved = open_state().to_bytes()

    assert rb.RangeBarProcessor.from_checkpoint(saved).create_checkpoint() == saved


def test_a_hostile_checkpoint_is_refused_or_continues_like_any_other() -> None:
    count = int(os.environ.get("RANGEBAR_FUZZ", "1200"))

    # The child ends itself where it is stuck.
    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", f"from support.hostile_checkpoints import main; main({count}, 7)"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert sum(outcomes.values()) == count
    assert min(outcomes["refused"], outcomes["continued"]) > count / 5
