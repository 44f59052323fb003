"""Good trades with faults put into them, and the text of the error that a call raises."""

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from support.trades import trades

IN_A_PLAN = "schema callable failed: ComputeError: "
# Polars before 2.0 puts this before every error of a source.
IN_A_SOURCE = "caught exception during execution of a Python source, exception: ComputeError: "
IN_AN_EXPRESSION = "the plugin failed with message: "


def message_of(act: Callable[[], object], *, entry_point: str = "eager") -> str:
    """Return what a call that must fail says, without the frame that Polars puts around it."""
    with pytest.raises(pl.exceptions.ComputeError) as raised:
        act()
    text = str(raised.value)
    if "expression" in entry_point or entry_point == "grouped":
        assert text.startswith(IN_AN_EXPRESSION), entry_point
        return text.removeprefix(IN_AN_EXPRESSION).partition("\n\n")[0]
    if entry_point.startswith("lazy"):
        return text.removeprefix(IN_A_PLAN).removeprefix(IN_A_SOURCE).partition("\n\n")[0]
    return text


Values = pl.Series | Sequence[float | None]


def good(**columns: Values) -> pl.DataFrame:
    """Return five good trades, some columns replaced."""
    frame = trades(
        [100, 100.1, 100.2, 100.1, 100],
        sold=[True, False, True, False, None],
        ids=[1, 2, 3, 4, 5],
        counted=[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)],
    )
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def at(row: int, **values: float | None) -> pl.DataFrame:
    """Return five trades of which one has other values."""
    where = pl.int_range(pl.len()) == row
    changed = [
        pl.when(where).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]
    return good().with_columns(changed).cast(good().schema)


NULL = "(every trade needs one: drop or fill such rows first)"
ABOVE_0 = "expected a finite number above 0 (drop or repair such rows first)"
NOT_BELOW_0 = "expected a finite number of 0 or more (drop or repair such rows first)"
