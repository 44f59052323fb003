"""The keys of a large frame are folded on several threads: the bars and errors of one thread."""

import random
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from support.entry_points import assert_expected, assert_same
from support.oracle_chains import Question, questions
from support.trades import walk

import rangebar_polars as rb

ROWS = 100_000
WALK = walk(ROWS)
few = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


def keyed(keys: int) -> pl.DataFrame:
    """Return trades of so many keys, one of them null, in turns and in runs."""
    chance = random.Random(keys)  # noqa: S311 - not a secret
    drawn = [chance.randrange(keys) for _ in range(ROWS // 2)]
    drawn += [row * keys // ROWS for row in range(ROWS // 2)]
    names = pl.Series("symbol", [f"symbol {key}" if key else None for key in drawn])
    return WALK.with_columns(names)


def with_threads(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Let a call use so many threads."""
    monkeypatch.setenv("POLARS_MAX_THREADS", str(threads))


def test_threads_give_the_bars_of_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = keyed(5)
    question = Question(thresholds=(50,), by=("symbol",))
    with_threads(monkeypatch, 3)

    assert_expected(question.expected(frame), question.ask(frame))


@few
@given(
    question=questions(("symbol",)),
    keys=st.sampled_from([1, 2, 40, 5_000]),
    threads=st.sampled_from([2, 3, 16]),
    cut=st.integers(0, ROWS),
)
def test_any_number_of_threads_gives_the_bars_of_one(
    question: Question, keys: int, threads: int, cut: int
) -> None:
    frame = keyed(keys)
    parts = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_threads(monkeypatch, 1)
        one = question.ask(frame)
        with_threads(monkeypatch, threads)

        assert_same(one, question.ask(frame))
        assert_same(one, question.ask(parts))


@few
@given(
    bad=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4),
    keys=st.sampled_from([1, 2, 40, 5_000]),
    threads=st.sampled_from([2, 3, 16]),
)
def test_the_first_bad_row_of_all_keys_is_the_error(
    bad: list[int], keys: int, threads: int
) -> None:
    wrong = [-1.0 - row if row in bad else price for row, price in enumerate(WALK["price"])]
    frame = keyed(keys).with_columns(price=pl.Series(wrong))
    texts = []
    for limit in (1, threads):
        with pytest.MonkeyPatch.context() as monkeypatch:
            with_threads(monkeypatch, limit)
            with pytest.raises(pl.exceptions.ComputeError) as raised:
                rb.bars(frame, by="symbol")
        texts.append(str(raised.value))

    assert f"price is {-1 - min(bad)} at row" in texts[0]
    assert texts[0] == texts[1]


def test_keys_within_a_plan_and_within_threads_wait_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_threads(monkeypatch, 4)
    frame = keyed(500)

    def inside(trades: pl.DataFrame) -> pl.DataFrame:
        return rb.bars(trades, 50, by="symbol")

    want = inside(frame)
    plans = [frame.lazy().map_batches(inside, schema=want.schema) for _ in range(4)]
    for got in pl.collect_all(plans):
        assert_same(want, got)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(inside, [frame] * 4):
            assert_same(want, got)
