"""An exception of a function earlier in a plan reaches the caller unchanged."""

from typing import Literal

import polars as pl
import pytest
from support.bad_trades import good
from support.trades import trades

import rangebar_polars as rb

FORMERLY = (
    "caught exception during execution of a Python source, exception: UpstreamError: the source is "
    "gone"
)


class UpstreamError(Exception):
    """What only an upstream function of a test raises."""


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_an_exception_of_an_upstream_function_arrives_as_itself(
    engine: Literal["in-memory", "streaming"],
) -> None:
    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise UpstreamError("the source is gone")

    plan = rb.bars(good().lazy().map_batches(fail, schema=good().schema))

    # Polars before 2.0 makes a ComputeError of it, which names it.
    with pytest.raises((UpstreamError, pl.exceptions.ComputeError)) as raised:
        plan.collect(engine=engine)

    assert str(raised.value) in {"the source is gone", FORMERLY}
    assert isinstance(raised.value, UpstreamError) or pl.__version__ < "2"


def test_an_exception_of_an_upstream_function_leaves_the_process_able_to_work() -> None:
    frame = trades([100, 101])

    def fail(_: float) -> float:
        raise UpstreamError

    bad = frame.lazy().with_columns(pl.col("price").map_elements(fail, return_dtype=pl.Float64))
    with pytest.raises((UpstreamError, pl.exceptions.ComputeError)):
        rb.bars(bad).collect()

    assert rb.bars(frame.lazy()).collect().height == 1
