"""The methods of ``df.rangebar`` for bars are the functions that they call."""

import inspect
from typing import Any

import pytest
from support.subprocesses import run
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._convert.arrow_table import to_arrow
from rangebar_polars._convert.nautilus_bars import to_nautilus
from rangebar_polars._convert.pandas_frame import to_backtesting, to_pandas

FUNCTIONS = (to_arrow, to_backtesting, to_nautilus, to_pandas)
BARS: Any = rb.bars(walk(500), 20)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_method_has_the_parameters_and_the_docstring_of_its_function(function: Any) -> None:  # noqa: ANN401
    method = getattr(BARS.rangebar, function.__name__)

    parameters = list(inspect.signature(function).parameters.values())[1:]
    assert list(inspect.signature(method).parameters.values()) == parameters
    whole = inspect.getdoc(function) or ""
    assert (inspect.getdoc(method) or "").startswith(
        whole.replace("\nbars\n", "\nbars (the frame itself)\n")
    )


def test_a_method_gives_what_its_function_gives() -> None:
    assert BARS.rangebar.to_arrow().equals(to_arrow(BARS))
    assert BARS.rangebar.to_pandas().equals(to_pandas(BARS))
    assert BARS.rangebar.to_backtesting().equals(to_backtesting(BARS))


@pytest.mark.parametrize(
    "use",
    [
        "trades.rangebar.bars(250)",
        "rb.validate_tier1(trades.rangebar.bars(250), trades, include_microstructure=False)",
        "rb.validate_tier2, rb.bars_per_year, rb.Report",
    ],
)
def test_no_extra_is_loaded_before_it_is_needed(use: str) -> None:
    printed = run(
        "import sys\n"
        "import polars as pl\n"
        "import rangebar_polars as rb\n"
        "trades = pl.DataFrame({'timestamp': pl.Series([0, 1]).cast(pl.Datetime('ms')),"
        " 'price': [100.0, 101.0], 'quantity': [1.0, 1.0]})\n"
        f"{use}\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'scipy', 'statsmodels', 'great_tables'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    assert printed == "[]\n"
