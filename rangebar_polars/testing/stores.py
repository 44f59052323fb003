"""The tests that every store of bars should pass.

Subclass `StoreTests` in a test file of your own, with the two fixtures that it needs:

    class TestMyStore(StoreTests):
        @pytest.fixture
        def open_one(self, tmp_path):
            return lambda: MyStore(tmp_path)

        @pytest.fixture
        def store(self, open_one):
            with open_one() as store:
                yield store
"""

import datetime as dt
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

import polars as pl
from polars.testing import assert_frame_equal

from rangebar_polars._catalog.chain_builders import builder_of
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.totals import DollarRule
from rangebar_polars._core.trading_day import TradingDay
from rangebar_polars._series import Series
from rangebar_polars.schema import (
    LEVEL,
    RULE_VERSION,
    STORED_SCHEMA,
    TRADE_SCHEMA,
    TRADE_STATISTICS,
    stored_schema,
)
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth, open_store
from rangebar_polars.store.bar_key import CHAIN_BAR_SCHEMA

SERIES: Final = Series("mine", "spot", "BTC-USD")
DAYS: Final = [dt.date(2024, 1, 26) + dt.timedelta(days=n) for n in range(5)]
KEY: Final = BarKey(series=SERIES, rule=RangeRule(30), origin=DAYS[0])
NEW_YORK: Final = TradingDay("17:00", "America/New_York")
JANUARY: Final = dt.date(2024, 1, 1)
FEBRUARY: Final = dt.date(2024, 2, 1)
ALL: Final = list(STORED_SCHEMA)
LEVELS: Final = [
    [(5e-324, 0.1 + 0.2, None, None, 2**63 - 1, None, None)],
    [(99.5, 0.0, 0.0, 0.0, 0, False, False), (100.0, 3.5, 3.0, 0.5, 7, True, False)],
    [(0.0, 1e22, 0.0, 1e22, 1, False, True)] * 3,
]
"""The levels of three footprints: without sides, with both flags, and several."""


def bars_of(rows: int, seed: int = 0, key: BarKey = KEY) -> pl.DataFrame:
    """Return bars with the statistics of a chain; another seed gives other bars."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    prices = [100.0]
    for _ in range(40 * (rows + 1)):
        prices.append(round(prices[-1] + chance.choice([-0.04, -0.01, 0.0, 0.01, 0.04]), 2))
    start = dt.datetime.combine(DAYS[0], dt.time(), dt.UTC)
    ids = list(range(len(prices)))
    trades = pl.DataFrame(
        {
            "timestamp": [start + dt.timedelta(seconds=n) for n in range(len(prices))],
            "price": prices,
            "quantity": [chance.randrange(1, 5) / 8 for _ in prices],
            "is_buyer_maker": [chance.random() < 0.5 for _ in prices],  # noqa: PLR2004
            **dict.fromkeys(("agg_trade_id", "first_trade_id", "last_trade_id"), ids),
        },
        schema=TRADE_SCHEMA,
    )
    builder = builder_of({replace(key, series=SERIES, rule=RangeRule(10), reset=None): b""})
    bars = builder.push(trades)
    bars = builder.empty() if bars is None else pl.concat([bars, builder.finish()])
    bars = bars.head(rows)
    assert bars.height == rows
    return bars


def month_of(bars: pl.DataFrame, *, days: int = 2, key: BarKey = KEY) -> StoredMonth:
    """Return a month of January whose days share the bars."""
    links = list[Link]()
    for number in range(days):
        share = bars.height // days + (bars.height % days if number == days - 1 else 0)
        link = Link(
            day=DAYS[number],
            trades_digest=f"{bars.height}-{number}",
            trade_count=7,
            defects={"missing_ids": 3} if number else {},
            bar_count=share,
            state=bytes(range(256)) * number,
        )
        links.append(link.sealed(key, links[-1] if links else None))
    return StoredMonth(month=JANUARY, links=tuple(links))


class StoreTests:
    """Properties of every store."""

    def test_an_empty_store_has_nothing(self, store: BarStore) -> None:
        """An empty store has nothing."""
        assert store.keys() == []
        assert store.find(KEY) == {}
        assert store.find(KEY, [JANUARY]) == {}
        nothing = pl.DataFrame(schema=CHAIN_BAR_SCHEMA)
        assert_frame_equal(nothing, store.scan_bars().collect(), check_exact=True)
        store.remove(KEY)

    def test_a_month_comes_back_as_it_was_written(self, store: BarStore) -> None:
        """A month is read as it was written."""
        for rows in (0, 1, 100):
            bars = bars_of(rows)
            month = month_of(bars)
            store.remove(KEY)

            store.write(KEY, month, bars)

            (found,) = store.find(KEY, [JANUARY, FEBRUARY]).values()
            assert (found.month, found.links) == (JANUARY, month.links)
            assert store.keys() == [KEY]
            got = store.read(KEY, found, ALL)
            assert got is not None
            assert_frame_equal(bars, got, check_exact=True)

    def test_every_value_comes_back_bit_for_bit(self, store: BarStore) -> None:
        """Every value is read bit for bit as it was written."""
        bars = bars_of(3).with_columns(
            pl.Series("open", [5e-324, 1.7976931348623157e308, 0.1 + 0.2]),
            pl.Series("buy_volume", [None, None, None], STORED_SCHEMA["buy_volume"]),
            pl.Series(
                "volume", [*map(Decimal, ("0", "0.00000001", "9" * 30))], STORED_SCHEMA["volume"]
            ),
            pl.Series(
                "turnover", [*map(Decimal, ("0", "1e-16", "9" * 22))], STORED_SCHEMA["turnover"]
            ),
            pl.Series("first_agg_trade_id", [None, 2**63 - 1, 0], pl.Int64),
            pl.Series("open_time", [-1, 0, 1_706_745_600_000_001]).cast(pl.Datetime("us", "UTC")),
            pl.Series("is_complete", [True, False, True]),
        )
        store.write(KEY, month_of(bars), bars)

        (found,) = store.find(KEY).values()
        got = store.read(KEY, found, ALL)

        assert got is not None
        assert_frame_equal(bars, got, check_exact=True)

    def test_statistics_come_back_bit_for_bit(self, store: BarStore) -> None:
        """Statistics that need the trades are stored in the chains that name them."""
        every = tuple(sorted(TRADE_STATISTICS))
        rich = replace(
            KEY,
            features=every,
            lookback="1d",
            vpin="0.00000001-10000",
            footprint="0.00000001-100-1000000",
        )
        bars = bars_of(3, key=rich).with_columns(
            pl.Series("intra_max_run_up", [None, 0.1 + 0.2, 5e-324]),
            pl.Series("intra_uptick_count", [2**63 - 1, None, 0]),
            pl.Series("lookback_trade_count", [None, 0, 1_000_000]),
            pl.Series("lookback_vpin", [None, 0.1 + 0.2, 1.0]),
            pl.Series("poc", [None, 0.1 + 0.2, 5e-324]),
            pl.Series("buy_imbalance_count", [2**63 - 1, None, 0]),
            pl.Series("footprint", LEVELS, pl.List(LEVEL)),
        )
        for key in (
            rich,
            replace(KEY, features=every),
            replace(KEY, features=("intra_uptick_count",)),
            replace(KEY, features=("intra_uptick_count",), lookback="5"),
            replace(KEY, features=("intra_uptick_count",), footprint="0.5-70-300"),
        ):
            some = bars.select(*stored_schema(key.statistics))
            store.write(key, month_of(some, key=key), some)

            (found,) = store.find(key).values()
            got = store.read(key, found, some.columns)
            assert got is not None
            assert_frame_equal(some, got, check_exact=True)
            for names in (["intra_uptick_count"], ["footprint"], ["poc", "close"]):
                if names[0] in some.columns:
                    few = store.read(key, found, names)
                    assert few is not None
                    assert_frame_equal(some.select(names), few, check_exact=True)

    def test_columns_come_in_the_order_asked_for(self, store: BarStore) -> None:
        """Columns are returned in the wanted order."""
        bars = bars_of(10)
        store.write(KEY, month_of(bars), bars)

        (found,) = store.find(KEY).values()
        got = store.read(KEY, found, ["volume", "open_time", "is_complete"])

        assert got is not None
        assert_frame_equal(bars.select("volume", "open_time", "is_complete"), got, check_exact=True)

    def test_a_month_that_was_replaced_is_read_no_more(self, store: BarStore) -> None:
        """A version of a month that was replaced is no longer read."""
        old, new = bars_of(10), bars_of(12, seed=1)
        store.write(KEY, month_of(old), old)
        (before,) = store.find(KEY).values()

        store.write(KEY, month_of(new), new)

        assert store.read(KEY, before, ALL) is None
        (after,) = store.find(KEY).values()
        got = store.read(KEY, after, ALL)
        assert got is not None
        assert_frame_equal(new, got, check_exact=True)

    def test_a_month_with_less_does_not_replace_one_with_more(self, store: BarStore) -> None:
        """A month with fewer days does not replace one with more."""
        bars = bars_of(10)
        month = month_of(bars)
        store.write(KEY, month, bars)
        first = replace(month, links=month.links[:1])

        store.write(KEY, first, month.of_days(bars, [DAYS[0]]))

        (found,) = store.find(KEY).values()
        assert found.links == month.links

    def test_keys_do_not_mix(self, store: BarStore) -> None:
        """Keys do not mix."""
        others = [
            replace(KEY, series=replace(SERIES, market="um")),
            replace(KEY, series=replace(SERIES, source="other")),
            replace(KEY, series=replace(SERIES, symbol="BTC/USD ä'\\%{k:String}")),
            replace(KEY, rule=RangeRule(31)),
            replace(KEY, rule=RangeRule(30, prevent_same_timestamp_close=False)),
            replace(KEY, rule=DollarRule(1e6)),
            replace(KEY, max_gap="30m"),
            replace(KEY, reset="day", origin=None),
            replace(KEY, reset=NEW_YORK),
            replace(KEY, reset=TradingDay("17:01", NEW_YORK.zone)),
            replace(KEY, origin=DAYS[1]),
            replace(KEY, version=RULE_VERSION + 1),
            replace(KEY, features=("intra_kaufman_er",)),
            replace(KEY, features=("intra_kaufman_er", "intra_volume_skew")),
            replace(KEY, lookback="5"),
            replace(KEY, lookback="5s"),
            replace(KEY, vpin="5-5"),
            replace(KEY, features=("intra_kaufman_er",), lookback="5", vpin="0.5-3"),
            replace(KEY, footprint="0.5-70-300"),
            replace(KEY, footprint="0.5-70-301"),
            replace(KEY, lookback="5", footprint="0.5-70-300"),
        ]
        for number, key in enumerate([KEY, *others]):
            bars = bars_of(10 + number, seed=number, key=key)
            store.write(key, month_of(bars, key=key), bars)

        for number, key in enumerate([KEY, *others]):
            (found,) = store.find(key).values()
            bars = bars_of(10 + number, seed=number, key=key)
            got = store.read(key, found, bars.columns)
            assert got is not None
            assert_frame_equal(bars, got, check_exact=True)
        assert sorted(store.keys(), key=lambda key: key.path) == sorted(
            [KEY, *others], key=lambda key: key.path
        )

    def test_siblings_are_the_chains_of_the_rule_that_begin_on_other_days(
        self, store: BarStore
    ) -> None:
        """Siblings are the chains of the same rule and symbol that begin on other days."""
        assert store.siblings(KEY) == []
        later = [replace(KEY, origin=day) for day in DAYS[1:4]]
        others = [
            replace(KEY, series=replace(SERIES, symbol="BTC-USDT")),
            replace(KEY, series=replace(SERIES, market="um"), origin=DAYS[1]),
            replace(KEY, rule=RangeRule(3), origin=DAYS[1]),
            replace(KEY, rule=RangeRule(300), origin=DAYS[1]),
            replace(KEY, max_gap="30m", origin=DAYS[1]),
            replace(KEY, reset="day", origin=None),
            replace(KEY, version=RULE_VERSION + 1, origin=DAYS[1]),
            replace(KEY, reset=NEW_YORK, origin=DAYS[1]),
            replace(KEY, features=("intra_kaufman_er",), origin=DAYS[1]),
            replace(KEY, lookback="5", origin=DAYS[1]),
            replace(KEY, vpin="5-5", origin=DAYS[1]),
            replace(KEY, footprint="0.5-70-300", origin=DAYS[1]),
        ]
        for key in [*reversed(later), *others]:
            bars = bars_of(4, key=key)
            store.write(key, month_of(bars, key=key), bars)
        bars = bars_of(4)

        assert store.siblings(KEY) == later
        store.write(KEY, month_of(bars), bars)
        assert store.siblings(KEY) == later
        assert store.siblings(later[1]) == [KEY, later[0], later[2]]
        assert store.siblings(others[5]) == []
        assert store.siblings(replace(KEY, reset=NEW_YORK)) == others[7:8]
        assert store.siblings(replace(others[-1], origin=DAYS[2])) == others[-1:]

    def test_equal_days_of_siblings_have_equal_digests(self, store: BarStore) -> None:
        """The digest of a link depends on the rule and not on the first day of the chain."""
        later, other = replace(KEY, origin=DAYS[1]), replace(KEY, rule=RangeRule(31))
        bars = bars_of(10)
        for key in (KEY, later, other):
            store.write(key, month_of(bars, key=key), bars)

        first, second, third = (store.find(key)[JANUARY].links for key in (KEY, later, other))
        assert first == second
        assert {link.digest for link in first}.isdisjoint(link.digest for link in third)

    def test_a_chain_is_removed_and_no_other(self, store: BarStore) -> None:
        """A chain is removed and no other."""
        bars, other = bars_of(10), replace(KEY, series=replace(SERIES, market="um"))
        store.write(KEY, month_of(bars), bars)
        store.write(other, month_of(bars, key=other), bars)
        (found,) = store.find(KEY).values()

        store.remove(KEY)
        store.remove(KEY)

        assert store.keys() == [other]
        assert store.find(KEY) == {}
        assert store.read(KEY, found, ALL) is None
        store.write(KEY, month_of(bars), bars)
        assert {*store.keys()} == {KEY, other}

    def test_it_is_opened_again_by_its_address(self, store: BarStore) -> None:
        """`open_store` opens it again by its address."""
        bars = bars_of(10)
        store.write(KEY, month_of(bars), bars)

        with open_store(store.address) as again:
            assert again.keys() == [KEY]
            assert again.url == store.url
        assert "secret" not in f"{store.url} {store!r}"

    def test_a_reader_sees_whole_months_while_others_write(
        self, open_one: Callable[[], BarStore]
    ) -> None:
        """A reader sees whole months while others write."""
        versions = [bars_of(20 + number, seed=number) for number in range(3)]
        ended, wrong = threading.Event(), list[object]()

        def write(number: int) -> None:
            with open_one() as mine:
                for _ in range(10):
                    mine.write(KEY, month_of(versions[number]), versions[number])

        def look() -> None:
            with open_one() as mine:
                while not ended.is_set():
                    for found in mine.find(KEY, [JANUARY]).values():
                        got = mine.read(KEY, found, ALL)
                        if got is not None and not any(got.equals(each) for each in versions):
                            wrong.append(got)

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        readers = [threading.Thread(target=look) for _ in range(2)]
        for thread in writers + readers:
            thread.start()
        for thread in writers:
            thread.join()
        ended.set()
        for thread in readers:
            thread.join()

        assert wrong == []
        with open_one() as mine:
            (found,) = mine.find(KEY, [JANUARY]).values()
            got = mine.read(KEY, found, ALL)
        assert got is not None
        assert any(got.equals(each) for each in versions)
