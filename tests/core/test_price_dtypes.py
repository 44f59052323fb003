"""Prices of every dtype: any number works, anything else is an error and ends no process."""

import pytest
from support.subprocesses import run

DTYPES_OF_PRICES = """
import datetime, sys
import polars as pl
import rangebar_polars as rb

values = [100, 101]
prices = {
    "Int8": pl.Series(values, dtype=pl.Int8),
    "UInt64": pl.Series(values, dtype=pl.UInt64),
    "Int128": pl.Series(values, dtype=pl.Int128),
    "Float32": pl.Series(values, dtype=pl.Float32),
    "Decimal": pl.Series(values).cast(pl.Decimal(20, 4)),
    "Categorical": pl.Series(["100", "101"], dtype=pl.Categorical),
    "Enum": pl.Series(["100", "101"], dtype=pl.Enum(["100", "101"])),
    "String": pl.Series(["100", "101"]),
    "List": pl.Series([[100.0], [101.0]]),
    "Array": pl.Series([[100.0], [101.0]], dtype=pl.Array(pl.Float64, 1)),
    "Struct": pl.Series([{"a": 100.0}, {"a": 101.0}]),
    "Struct of nothing": pl.Series([{}, {}], dtype=pl.Struct([])),
    "Object": pl.Series([object(), object()], dtype=pl.Object),
    "Binary": pl.Series([b"100", b"101"]),
    "Date": pl.Series([datetime.date(2020, 1, 1)] * 2),
    "Datetime": pl.Series([datetime.datetime(2020, 1, 1)] * 2),
    "Duration": pl.Series([datetime.timedelta(1)] * 2),
    "Time": pl.Series([datetime.time(1)] * 2),
    "Null": pl.Series([None, None]),
    "Boolean": pl.Series([True, False]),
}
options = {"include_microstructure": True}
entry_points = {
    "eager": lambda frame: rb.bars(frame, **options),
    "plan": lambda frame: rb.bars(frame.lazy(), **options).collect(),
    "expression": lambda frame: frame.select(rb.bars_expr(**options)).unnest("bars"),
    "groups": lambda frame: (
        frame.group_by(pl.lit(1)).agg(rb.bars_expr(**options)).explode("bars").unnest("bars")
    ),
    "bar_id": lambda frame: frame.select(open=rb.bar_id().cast(float) + 100),
    "feature": lambda frame: frame.select(open=rb.features.vwap_close_deviation() + 99.5),
}
for name, series in prices.items():
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
            "price": series,
            "quantity": [1.0, 1.0],
            "is_buyer_maker": [True, False],
        }
    )
    for entry_point, act in entry_points.items():
        try:
            outcome = act(frame)["open"].to_list()
        except pl.exceptions.ComputeError as error:
            outcome = str(error).partition("\\n")[0]
        print(name, entry_point, outcome, sep="\\t")
"""


@pytest.fixture(scope="module")
def outcomes_of_price_dtypes() -> dict[str, dict[str, str]]:
    """Return the outcomes of another process, by the dtype of the prices and entry point."""
    lines = run(DTYPES_OF_PRICES).splitlines()
    outcomes: dict[str, dict[str, str]] = {}
    for line in filter(lambda line: line.count("\t") == 2, lines):
        name, entry_point, outcome = line.split("\t")
        outcomes.setdefault(name, {})[entry_point] = outcome
    return outcomes


NUMBERS = ("Int8", "UInt64", "Int128", "Float32", "Decimal")
OTHER_COLUMN = 'name another column: columns=TradeColumns(price="...")'
REMEDIES = {
    "Categorical": 'cast it: pl.col("price").cast(pl.String).cast(pl.Float64)',
    "Enum": 'cast it: pl.col("price").cast(pl.String).cast(pl.Float64)',
    "String": 'cast it: pl.col("price").cast(pl.Float64)',
    "Boolean": 'cast it: pl.col("price").cast(pl.Float64)',
}
SHOWN = {
    "Categorical": "cat",
    "Enum": "enum",
    "String": "str",
    "List": "list[f64]",
    "Array": "array[f64, 1]",
    "Struct": "struct[1]",
    "Struct of nothing": "struct[0]",
    "Binary": "binary",
    "Date": "date",
    "Datetime": "datetime[μs]",
    "Duration": "duration[μs]",
    "Time": "time",
    "Null": "null",
    "Boolean": "bool",
}


@pytest.mark.parametrize("dtype", NUMBERS)
def test_prices_of_any_number_work_through_every_entry_point(
    dtype: str, outcomes_of_price_dtypes: dict[str, dict[str, str]]
) -> None:
    entry_points = ("eager", "plan", "expression", "groups", "feature")

    outcomes = outcomes_of_price_dtypes[dtype]

    assert outcomes == {"bar_id": "[100.0, 100.0]"} | dict.fromkeys(entry_points, "[100.0]")


@pytest.mark.parametrize("dtype", [*SHOWN, "Object"])
def test_prices_of_another_dtype_are_our_error_and_end_no_process(
    dtype: str, outcomes_of_price_dtypes: dict[str, dict[str, str]]
) -> None:
    # Polars shows a plugin the addresses of Python objects as binary.
    shown = SHOWN.get(dtype, "binary")

    outcomes = outcomes_of_price_dtypes[dtype]

    assert outcomes.keys() == {"eager", "plan", "expression", "groups", "bar_id", "feature"}
    for entry_point, outcome in outcomes.items():
        assert f'column "price" is {shown}: expected a number among the trades [' in outcome, (
            entry_point
        )
        assert outcome.endswith(f"] ({REMEDIES.get(dtype, OTHER_COLUMN)})"), entry_point
