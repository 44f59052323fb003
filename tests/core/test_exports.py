"""The C functions that Polars looks up in the library: what it gets when a call fails."""

import ctypes
import pickle
import re

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from polars.plugins import register_plugin_function
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars import _internal
from rangebar_polars._core.options import Options

WALK = walk(500)

# Of the nine members of an ArrowSchema, the one that an empty one has not.
MEMBERS, RELEASE = 9, 7


def resolved(field: pa.Field) -> tuple[bool, str]:
    """Ask for the dtype of the bars of a field, as Polars does: whether it is there, the error."""
    library = ctypes.CDLL(_internal.__file__)
    resolve = library["_polars_plugin_field_bars"]
    resolve.restype = None
    last_error = library["_polars_plugin_get_last_error_message"]
    last_error.restype = ctypes.c_char_p
    pointer = ctypes.pythonapi["PyCapsule_GetPointer"]
    pointer.restype = ctypes.c_void_p
    capsule = field.__arrow_c_schema__()
    kwargs = pickle.dumps(Options.check(250, columns=None).kwargs())
    answer = (ctypes.c_void_p * MEMBERS)()

    resolve(
        ctypes.c_void_p(pointer(ctypes.py_object(capsule), b"arrow_schema")),
        ctypes.c_size_t(1),
        answer,
        kwargs,
        ctypes.c_size_t(len(kwargs)),
    )

    return answer[RELEASE] is not None, last_error().decode()


def test_a_panic_is_an_error_with_its_message(capfd: pytest.CaptureFixture[str]) -> None:
    # Polars reads the metadata of its own categories without a check.
    damaged = pa.field(
        "trades", pa.dictionary(pa.uint32(), pa.string()), metadata={"_PL_CATEGORICAL2": "damaged"}
    )

    answered, text = resolved(damaged)

    assert not answered
    assert text == (
        "rangebar-polars panicked: called `Option::unwrap()` on a `None` value (report it with the "
        "schema of the trades)"
    )
    assert "panicked at" in capfd.readouterr().err


def test_a_field_that_is_no_struct_is_an_error() -> None:
    answered, text = resolved(pa.field("trades", pa.int64()))

    assert not answered
    assert re.fullmatch(r"expected one struct of trades, got \[.*\]", text)


def test_arguments_of_another_version_are_an_error() -> None:
    old = register_plugin_function(
        plugin_path=_internal.__file__,
        function_name="bars",
        args=[pl.struct("price")],
        kwargs={"threshold": 250},
    )

    with pytest.raises(pl.exceptions.ComputeError) as raised:
        WALK.select(old)

    assert str(raised.value) == (
        "the plugin failed with message: the arguments of the expression cannot be read: "
        "decoding error: missing field `rules` (make the expression with the version of "
        "rangebar-polars that runs it)"
    )


@pytest.mark.skipif(not hasattr(pl, "BaseExtension"), reason="this Polars has no extension types")
def test_an_extension_type_of_polars_is_no_price_of_an_expression() -> None:
    class Price(pl.BaseExtension):
        def __init__(self) -> None:
            super().__init__("rangebar_polars.price", pl.Float64())

    frame = WALK.select("timestamp", pl.col("price").ext.to(Price()), "quantity")

    with pytest.raises(pl.exceptions.ComputeError) as raised:
        frame.select(rb.bars_expr(50))

    assert str(raised.value) == (
        'the plugin failed with message: column "price" is ext[rangebar_polars.price]: expected a '
        "number among the trades [timestamp: datetime[ms], price: ext[rangebar_polars.price], "
        'quantity: f64] (name another column: columns=TradeColumns(price="..."))'
    )


@pytest.mark.skipif(not hasattr(pl, "BaseExtension"), reason="this Polars has no extension types")
def test_an_expression_ignores_an_extension_type_of_polars_that_it_does_not_read() -> None:
    class Side(pl.BaseExtension):
        def __init__(self) -> None:
            super().__init__("rangebar_polars.side", pl.Boolean())

    frame = WALK.with_columns(pl.col("is_buyer_maker").ext.to(Side()))

    assert frame.select(rb.bars_expr(50)).equals(WALK.select(rb.bars_expr(50)))
