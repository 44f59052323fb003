"""A setting that no request could keep to is refused when the archive is made."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from support.assertions import says

from rangebar_polars.archive.binance import BinanceArchive, BinanceFile


@pytest.mark.parametrize(
    ("setting", "error", "text"),
    [
        ({"threads": 33}, ValueError, "threads is 33 (give 1 to 32)"),
        ({"attempts": 0}, ValueError, "attempts is 0 (give at least 1)"),
        ({"attempts": 1.5}, TypeError, "attempts is 1.5 (give a whole number)"),
        ({"timeout": "soon"}, TypeError, "timeout is 'soon' (give a number)"),
        ({"timeout": 0}, ValueError, "timeout is 0 (give 0.001 to 86400)"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan (give 0.001 to 86400)"),
        ({"least_speed": -1}, ValueError, "least_speed is -1 (give 0 to 1e+12)"),
        ({"first_wait": -0.5}, ValueError, "first_wait is -0.5 (give 0 to 86400)"),
        ({"longest_wait": 1e9}, ValueError, "longest_wait is 1000000000.0 (give 0 to 86400)"),
        ({"max_zip_bytes": 0}, ValueError, "max_zip_bytes is 0 (give at least 1)"),
        ({"max_csv_bytes": None}, TypeError, "max_csv_bytes is None (give a whole number)"),
        ({"max_pages": True}, TypeError, "max_pages is True (give a whole number)"),
        ({"piece_bytes": 0}, ValueError, "piece_bytes is 0 (give at least 1)"),
    ],
    ids=lambda each: str(each) if isinstance(each, dict) else "",
)
def test_a_setting_of_no_sense_is_refused(
    setting: dict[str, Any], error: type[Exception], text: str
) -> None:
    with says(error, text):
        BinanceArchive(**setting)


def test_bounds_of_a_month_are_those_of_its_days(tmp_path: Path) -> None:
    archive = BinanceArchive(max_zip_bytes=10, max_csv_bytes=100)
    june = BinanceFile("spot", "BTCUSDT", dt.date(2024, 6, 1), monthly=True)

    assert archive.most_bytes(june) == 300
    assert archive.open(tmp_path, june).max_csv_bytes == 3000
