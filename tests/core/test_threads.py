"""A large frame is computed on several threads: the bars of one thread, and no deadlock."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest
from support.entry_points import assert_same
from support.subprocesses import run
from support.trades import walk

import rangebar_polars as rb

ROWS = 400_000
TRADES = walk(ROWS)
ASKED: dict[str, dict[str, Any]] = {
    "plain": {"threshold_decimal_bps": 50},
    "features": {"threshold_decimal_bps": 5, "include_microstructure": True},
    "thresholds": {
        "threshold_decimal_bps": [1, 50, 5000],
        "include_microstructure": True,
        "include_incomplete": True,
    },
    "reset": {"threshold_decimal_bps": 50, "reset": "day"},
}


def bars(frame: pl.DataFrame = TRADES, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return bars of a frame."""
    return rb.bars(frame, **options)


@pytest.mark.parametrize("name", ASKED)
def test_threads_give_the_bars_of_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    one = bars(**ASKED[name])
    plan = rb.bars(TRADES.lazy(), **ASKED[name]).collect()

    for threads in ("2", "3", "16"):
        monkeypatch.setenv("POLARS_MAX_THREADS", threads)
        assert_same(one, bars(**ASKED[name]))
        assert_same(one, bars(pl.concat([TRADES[:150_001], TRADES[150_001:]]), **ASKED[name]))
    assert_same(one, plan)


def test_a_bad_row_has_the_message_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = TRADES.with_columns(
        price=pl.when(pl.int_range(pl.len()) == ROWS - 7).then(-1.0).otherwise("price")
    )
    messages = []
    for threads in ("1", "4"):
        monkeypatch.setenv("POLARS_MAX_THREADS", threads)
        with pytest.raises(pl.exceptions.ComputeError) as caught:
            bars(bad)
        messages.append(str(caught.value))

    assert messages[0] == messages[1]
    assert f"row {ROWS - 7:,}".replace(",", "") in messages[0].replace(",", "")


def test_bars_within_a_plan_and_within_threads_wait_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "4")
    want = bars(threshold_decimal_bps=50)

    def inside(frame: pl.DataFrame) -> pl.DataFrame:
        return bars(frame, threshold_decimal_bps=50)

    schema = want.schema
    plans = [TRADES.lazy().map_batches(inside, schema=schema) for _ in range(8)]
    for got in pl.collect_all(plans):
        assert_same(want, got)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(inside, [TRADES] * 16):
            assert_same(want, got)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork"
)
def test_a_forked_child_has_threads_of_its_own() -> None:
    code = """
import os
os.environ["POLARS_MAX_THREADS"] = "4"
import polars as pl
import rangebar_polars as rb

rows = range(400_000)
trades = pl.DataFrame(
    {
        "timestamp": pl.Series(rows).cast(pl.Datetime("ms")),
        "price": [100.0 + row % 977 / 1000 for row in rows],
        "quantity": [1.0] * len(rows),
    }
)
want = rb.bars(trades, 50)
child = os.fork()
if not child:
    os._exit(0 if rb.bars(trades, 50).equals(want) else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""
    assert run(code) == "0\n"


def test_rows_of_a_frame_are_counted_over_the_parts_between_which_signals_are_noticed() -> None:
    rows = pl.int_range(2**20 + 10, eager=True)
    frame = pl.DataFrame({"timestamp": rows.cast(pl.Datetime("ms")), "price": rows % 7 + 100.0})
    columns = rb.TradeColumns(quantity=None)
    options: dict[str, Any] = {"threshold_decimal_bps": 6_000, "include_incomplete": True}
    cut = 2**20 - 3

    whole = rb.bars(frame, columns=columns, **options)

    parts = pl.concat([frame[:cut].lazy(), frame[cut:].lazy()])
    assert_same(rb.bars(parts, columns=columns, **options).collect(), whole)
    bad = frame.with_columns(pl.col("price").shift(-5))
    with pytest.raises(pl.exceptions.ComputeError, match=f"price is null at row {2**20 + 5}"):
        rb.bars(bad, columns=columns)
