"""Recorders: what is in the folder at any moment is one pass up to some trade."""

import math
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says, tree
from support.entry_points import Asked, assert_expected, assert_same
from support.oracle_chains import few
from support.processors import hushed, pieces
from support.recorded import as_after_a_kill, messages, one_pass, processor, sample
from support.strategies import asked, frames

import rangebar_polars as rb
from rangebar_polars._live import recorder as module


def read_by_polars(folder: Path) -> pl.DataFrame:
    """Return the bars as a reader without this package gets them."""
    return pl.scan_parquet(f"{folder}/*.parquet").collect()


@few
@given(st.data(), asked(), frames())
def test_after_any_batches_and_kills_the_bars_are_those_of_the_oracle(
    data: st.DataObject, asked: Asked, frame: pl.DataFrame
) -> None:
    batches = pieces(frame, data.draw(st.lists(st.integers(0, frame.height), max_size=5)))
    kills = data.draw(st.lists(st.booleans(), min_size=len(batches), max_size=len(batches)))
    part_bars = data.draw(st.sampled_from([1, 3, 1000]))
    options: dict[str, Any] = {
        "threshold_decimal_bps": asked.threshold_decimal_bps,
        "prevent_same_timestamp_close": asked.prevent_same_timestamp_close,
        "include_microstructure": True,
    }
    expected = Asked(**options, include_incomplete=False).expected(frame)
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_BARS", part_bars)
        folder = Path(root) / "0"
        recorder = rb.BarRecorder(folder, rb.RangeBarProcessor(**options), save_every=0)
        for batch, is_killed in zip(batches, kills, strict=True):
            hushed(partial(recorder.process_trades, batch))
            if is_killed:
                folder = as_after_a_kill(folder)
                recorder.close()
                recorder = rb.BarRecorder(folder, rb.RangeBarProcessor(**options), save_every=0)
        recorder.close()
        if expected.height:
            assert_expected(expected, rb.scan_recorded_bars(folder).collect())
            assert_same(rb.scan_recorded_bars(folder).collect(), read_by_polars(folder))


@pytest.mark.parametrize("save_every", [0, 1e-4, math.inf])
def test_whenever_the_process_is_killed_the_trades_after_the_position_give_the_rest(
    save_every: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BARS", 100)
    folder, feed, whole = tmp_path / "live", messages(sample()), one_pass()
    recorder = rb.BarRecorder(folder, processor(), save_every=save_every)
    copies = list[Path]()
    for start in range(0, len(feed), 300):
        recorder.process_trades(feed[start : start + 300])
        if start % 1_800 == 0:
            copies.append(as_after_a_kill(folder))
    recorder.close()

    assert len(list(folder.iterdir())) > 3
    assert_same(whole, rb.scan_recorded_bars(folder).collect())
    for copy in copies:
        with rb.BarRecorder(copy, processor()) as again:
            last = again.position["agg_trade_id"].max() or 0
            assert_same(whole.filter(pl.col("last_agg_trade_id") <= last), again.scan().collect())
            again.process_trades([trade for trade in feed if trade["a"] > last])
        assert_same(whole, rb.scan_recorded_bars(copy).collect())


def test_a_record_begins_with_the_state_of_the_processor(tmp_path: Path) -> None:
    feed, one = messages(sample()), processor(25)
    one.process_trades(feed[:10_000])

    with rb.BarRecorder(tmp_path, one):
        pass
    with rb.BarRecorder(tmp_path, processor(25)) as recorder:
        assert recorder.position["agg_trade_id"].item() == feed[9_999]["a"]
        recorder.process_trades(feed[10_000:])

    assert_same(one_pass(25)[52:], recorder.scan().collect())


def test_the_state_in_the_folder_replaces_that_of_the_processor(tmp_path: Path) -> None:
    feed, other = messages(sample()), processor()
    with rb.BarRecorder(tmp_path, processor()) as recorder:
        recorder.process_trades(feed[:7_000])
    other.process_trades(feed[:9_000])

    with rb.BarRecorder(tmp_path, other) as recorder:
        assert recorder.processor is other
        assert recorder.position["agg_trade_id"].item() == feed[6_999]["a"]
        recorder.process_trades(feed[7_000:])

    assert_same(one_pass(), recorder.scan().collect())


def test_whole_numbers_continue_a_record_of_a_finer_unit(tmp_path: Path) -> None:
    trades = sample().with_columns(pl.col("timestamp").dt.cast_time_unit("us"))
    first = rb.RangeBarProcessor(5, "BTCUSDT", include_microstructure=True)
    with rb.BarRecorder(tmp_path, first) as recorder:
        recorder.process_trades(trades[:7_000])

    with rb.BarRecorder(tmp_path, processor(time_unit="ms")) as recorder:
        recorder.process_trades(messages(sample()[7_000:]))

    whole = rb.bars(trades, 5, include_microstructure=True)
    assert_same(whole, recorder.scan().collect())


def test_the_state_is_saved_as_often_as_asked(tmp_path: Path) -> None:
    feed = messages(sample()[:40])

    def saved_after(count: int, save_every: float) -> list[int]:
        """Return how many trades each state counts that a kill would leave."""
        folder, seen = tmp_path / f"{count} {save_every}", list[int]()
        recorder = rb.BarRecorder(folder, processor(100_000), save_every=save_every)
        for trade in feed[:count]:
            recorder.process_trades(trade)
            with rb.BarRecorder(as_after_a_kill(folder), processor(100_000)) as other:
                last = other.position["agg_trade_id"].max()
            seen.append(sum(trade["a"] <= (last or 0) for trade in feed))
        recorder.close()
        with rb.BarRecorder(folder, processor(100_000)) as other:
            assert other.position["agg_trade_id"].item() == feed[count - 1]["a"]
        return seen

    assert saved_after(5, 0) == [1, 2, 3, 4, 5]
    assert saved_after(5, math.inf) == [0, 0, 0, 0, 0]


def test_save_saves_the_state_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    feed = messages(sample())
    recorder = rb.BarRecorder(tmp_path / "live", processor(), save_every=math.inf)
    recorder.process_trades(feed[:7])
    recorder.save()
    before = tree(tmp_path / "live")

    recorder.save()

    assert tree(tmp_path / "live") == before
    with rb.BarRecorder(as_after_a_kill(tmp_path / "live"), processor()) as other:
        assert other.position["agg_trade_id"].item() == feed[6]["a"]
    recorder.close()


def test_a_run_without_new_trades_changes_nothing(tmp_path: Path) -> None:
    with rb.BarRecorder(tmp_path, processor()) as recorder:
        recorder.process_trades(messages(sample()))
    before = tree(tmp_path)

    with rb.BarRecorder(tmp_path, processor(), save_every=0) as recorder:
        assert recorder.process_trades([]).schema == one_pass().schema

    assert tree(tmp_path) == before


def test_a_full_part_is_never_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BARS", 50)
    feed, full = messages(sample()), dict[str, bytes]()

    with rb.BarRecorder(tmp_path, processor(), save_every=0) as recorder:
        for start in range(0, len(feed), 400):
            recorder.process_trades(feed[start : start + 400])
            parts = {name: data for name, data in tree(tmp_path).items() if "parquet" in name}
            assert full.items() <= parts.items()
            full = {
                name: data
                for name, data in parts.items()
                if pl.read_parquet(tmp_path / name).height >= 50
            }

    assert len(full) > 5


def test_bars_are_read_by_column_and_while_they_are_recorded(tmp_path: Path) -> None:
    feed, whole = messages(sample()), one_pass()
    recorder = rb.BarRecorder(tmp_path, processor())
    plan = rb.scan_recorded_bars(tmp_path)
    assert plan.collect().is_empty()
    recorder.process_trades(feed[:10_000])
    count = recorder.scan().select(pl.len()).collect().item()
    recorder.process_trades(feed[10_000:])

    assert 0 < count < whole.height
    assert_same(whole, plan.collect())
    assert plan.select(pl.len()).collect().item() == whole.height
    assert_same(
        whole.filter(pl.col("close") > 61_500).select("ofi", "close"),
        plan.filter(pl.col("close") > 61_500).select("ofi", "close").collect(),
    )
    recorder.close()


def test_the_other_arguments_of_process_trades_are_passed_on(tmp_path: Path) -> None:
    with (
        rb.BarRecorder(tmp_path, processor()) as recorder,
        pytest.raises(TypeError, match="unexpected keyword argument 'of_nothing'"),
    ):
        recorder.process_trades([], of_nothing=1)


def test_a_warning_names_the_line_of_the_caller(tmp_path: Path) -> None:
    feed = messages(sample())
    with rb.BarRecorder(tmp_path, processor()) as recorder:
        recorder.process_trades(feed[:5])
    with (
        rb.BarRecorder(tmp_path, processor()) as recorder,
        pytest.warns(rb.RangeBarWarning, match="2 records are missing") as caught,
    ):
        recorder.process_trades(feed[7])

    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("argument", "kind", "text"),
    [
        ({"folder": "s3://b"}, ValueError, "folder is 's3://b': expected a path on this machine"),
        ({"folder": 1}, TypeError, "folder is 1: expected a path"),
        ({"processor": 250}, TypeError, "processor is 250: expected a RangeBarProcessor"),
        ({"save_every": -1}, ValueError, "save_every is -1: expected 0 or more seconds"),
        ({"save_every": math.nan}, ValueError, "save_every is nan: expected 0 or more seconds"),
        ({"save_every": "10"}, TypeError, "save_every is '10': expected a number of seconds"),
        ({"save_every": True}, TypeError, "save_every is True: expected a number of seconds"),
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_and_nothing_is_written(
    argument: dict[str, Any], kind: type[Exception], text: str, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"folder": tmp_path, "processor": processor()} | argument

    with pytest.raises(kind) as caught:
        rb.BarRecorder(**asked)
    assert str(caught.value).startswith(text)
    assert tree(tmp_path) == {}


def test_a_folder_without_recorded_bars_is_refused(tmp_path: Path) -> None:
    text = f"{tmp_path} has no recorded bars (give the folder of a BarRecorder)"

    with says(rb.StoreError, text):
        rb.scan_recorded_bars(tmp_path)
