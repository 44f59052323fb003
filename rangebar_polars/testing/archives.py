"""The tests that every archive should pass.

Subclass `ArchiveTests` in a test file of your own, with the fixture that it needs:

    class TestMyArchive(ArchiveTests):
        @pytest.fixture
        def archived(self, tmp_path):
            return Archived(MyArchive(tmp_path), Series("my", "spot", "BTC-USD"), trades, hole)
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._core.bars import bars
from rangebar_polars._series import Series
from rangebar_polars.archive import Archive
from rangebar_polars.schema import TRADE_SCHEMA


@dataclass(frozen=True)
class Archived:
    """An archive and its contents.

    Attributes
    ----------
    archive
        The archive, in the state that the test may read.
    series
        A series that it has.
    trades
        The trades of at least two of its days in a row, with the columns of `TRADE_SCHEMA`.
    hole
        A day long ago, of which it has no file.
    """

    archive: Archive
    series: Series
    trades: Mapping[dt.date, pl.DataFrame]
    hole: dt.date

    def catalog(self, cache_dir: Path, *, fetch_if_missing: bool = True) -> Catalog:
        """Return a catalog of the archive."""
        source, market = self.series.source, self.series.market
        return Catalog(
            source,
            market,
            cache_dir=cache_dir,
            archive=self.archive,
            fetch_if_missing=fetch_if_missing,
        )


class ArchiveTests:
    """Properties of every archive, wherever its files are."""

    def test_its_name_is_the_source_of_its_series(self, archived: Archived) -> None:
        """Its name is the source of its series."""
        assert archived.archive.name == archived.series.source
        archived.archive.check(archived.series)

    def test_a_day_has_a_file_of_its_own(self, archived: Archived) -> None:
        """A day has its own file, which contains no other day."""
        days = [*archived.trades, archived.hole]
        files = [archived.archive.day_file(archived.series, day) for day in days]
        others = [
            archived.archive.day_file(replace(archived.series, symbol="OTHER"), day) for day in days
        ]

        assert [file.days for file in files] == [[day] for day in days]
        assert len({file.name for file in files}) == len(days)
        assert all(name == Path(name).name for name in (file.name for file in [*files, *others]))

    def test_a_month_has_every_day(self, archived: Archived) -> None:
        """If there are files of months, each has every day of the month."""
        month = next(iter(archived.trades)).replace(day=1)
        file = archived.archive.month_file(archived.series, month)
        if file is not None:
            assert file.days[0] == month
            assert file.days[-1] + dt.timedelta(days=1) == _after(month)
            assert len(file.days) == file.days[-1].day

    def test_its_days_are_the_trades(self, archived: Archived, tmp_path: Path) -> None:
        """Days are returned as they are in the archive, and each once."""
        days = sorted(archived.trades)
        expected = pl.concat(archived.trades[day].select(TRADE_SCHEMA.names()) for day in days)

        with archived.catalog(tmp_path) as catalog:
            got = catalog.trades(archived.series.symbol, days[0], days[-1]).collect()
        with archived.catalog(tmp_path, fetch_if_missing=False) as offline:
            again = offline.trades(archived.series.symbol, days[0], days[-1]).collect()

        assert_frame_equal(got, expected, check_exact=True)
        assert_frame_equal(again, expected, check_exact=True)

    def test_bars_are_those_of_its_trades(self, archived: Archived, tmp_path: Path) -> None:
        """Bars of days are those of one pass over the trades."""
        days = sorted(archived.trades)
        trades = pl.concat(archived.trades[day] for day in days)

        with archived.catalog(tmp_path) as catalog:
            got = catalog.bars(archived.series.symbol, days[0], days[-1], 10)

        assert_frame_equal(got, bars(trades, 10), check_exact=True)

    def test_a_day_without_a_file_is_a_hole(self, archived: Archived, tmp_path: Path) -> None:
        """An old day without a file is a hole and not an error."""
        with archived.catalog(tmp_path) as catalog:
            report = catalog.quality(archived.series.symbol, archived.hole, archived.hole)

        assert report["status"].to_list() == ["hole"]

    def test_a_day_that_is_unchanged_stays(self, archived: Archived, tmp_path: Path) -> None:
        """A comparison with the archive does not change cached days that are unchanged there."""
        days = sorted(archived.trades)
        with archived.catalog(tmp_path) as catalog:
            before = catalog.quality(archived.series.symbol, days[0], days[-1])
            after = catalog.quality(archived.series.symbol, days[0], days[-1], refresh=True)

        assert_frame_equal(before, after)
        assert before["status"].to_list() == ["ok"] * len(days)


def _after(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)
