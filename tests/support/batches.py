"""Processors and the forms in which they take trades."""

from typing import Any

import rangebar_polars as rb


def processor(**options: Any) -> rb.RangeBarProcessor:  # noqa: ANN401
    return rb.RangeBarProcessor(options.pop("threshold_decimal_bps", 250), **options)


DAY = 1_704_067_200_000
