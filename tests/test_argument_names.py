"""A call with a wrong name of an argument names the right one, whatever is called."""

import inspect
import pickle
from collections.abc import Callable, Iterator

import polars as pl
import pytest
from support.assertions import says
from support.trades import trades

import rangebar_polars as rb
from rangebar_polars._argument_names import _GONE, named, named_methods

UNIT = "write threshold_decimal_bps, in decimal basis points: 0.25 %, 25 basis points, is 250"
CLASSES = (
    rb.BarRecorder,
    rb.BarStore,
    rb.BinanceArchive,
    rb.Catalog,
    rb.ExprNamespace,
    rb.FrameNamespace,
    rb.LazyFrameNamespace,
    rb.RangeBarProcessor,
    rb.Report,
    rb.TradeColumns,
)
OFTEN = {"BarRecorder.process_trades", "RangeBarProcessor.process_trades"}
"""Calls that are made for every trade, and have one argument."""


def functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every public function and method."""
    for name in rb.__all__:
        if inspect.isfunction(value := getattr(rb, name)):
            yield name, value
    for name in rb.features.__all__:
        yield f"features.{name}", getattr(rb.features, name)
    yield "duckdb.connect", rb.duckdb.connect
    for each in CLASSES:
        for name, value in vars(each).items():
            if name == "__init__" or not name.startswith("_"):
                function = value.__func__ if isinstance(value, classmethod) else value
                if inspect.isfunction(function):
                    yield f"{each.__name__}.{name}", function


FUNCTIONS = dict(functions())


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - OFTEN))
def test_every_public_function_names_the_right_argument(name: str) -> None:
    function = FUNCTIONS[name]
    given = [*inspect.signature(function).parameters]
    called = function.__qualname__.removesuffix(".__init__")

    with pytest.raises(TypeError) as raised:
        function(nosuchargument=1)

    assert str(raised.value).startswith(f"{called}() has no argument 'nosuchargument' (")
    for parameter in {*given} - {"self", "cls"}:
        with pytest.raises(TypeError) as raised:
            function(**{parameter.upper(): 1})
        assert str(raised.value).startswith(
            f"{called}() has no argument {parameter.upper()!r} (write {parameter}"
        )


FRAME = trades([100, 101])


@pytest.mark.parametrize(
    ("call", "given", "called", "remedy"),
    [
        (rb.bars, "threshold_bps", "bars", UNIT),
        (rb.bars, "threshold", "bars", UNIT),
        (rb.bars, "bps", "bars", UNIT),
        (rb.bars, "treshold_decimal_bps", "bars", UNIT),
        (rb.bars, "group_by", "bars", "write by"),
        (rb.bars, "symbol", "bars", "write by"),
        (rb.bars_with_state, "checkpoint", "bars_with_state", "write state"),
        (rb.RangeBarProcessor, "threshold", "RangeBarProcessor", UNIT),
        (
            rb.RangeBarProcessor.from_checkpoint,
            "checkpoint",
            "RangeBarProcessor.from_checkpoint",
            "write data",
        ),
        (rb.get_range_bars, "start", "get_range_bars", "write start_date"),
        (rb.scan_ticks, "start_date", "scan_ticks", "write start"),
        (rb.get_range_bars, "ticker", "get_range_bars", "write symbol"),
        (rb.get_range_bars, "statistics", "get_range_bars", "write features"),
        (rb.TradeColumns, "volume", "TradeColumns", "write quantity"),
        (rb.TradeColumns, "px", "TradeColumns", "write price"),
        (FRAME.rangebar.bars, "bps", "FrameNamespace.bars", UNIT),  # type: ignore[attr-defined]
        (
            rb.validate_continuity,
            "tolerance_pct",
            "validate_continuity",
            "write tolerance_decimal_bps",
        ),
        (rb.cache_clear, "nothing_like_it", "cache_clear", None),
    ],
)
def test_a_near_name_is_answered_with_the_right_one(
    call: Callable[..., object], given: str, called: str, remedy: str | None
) -> None:
    if remedy is None:
        remedy = f"it has {', '.join(inspect.signature(call).parameters)}"

    with says(TypeError, f"{called}() has no argument {given!r} ({remedy})"):
        call(**{given: 1})


def test_an_argument_that_was_given_already_is_not_proposed() -> None:
    with pytest.raises(TypeError, match=r"^bars\(\) has no argument 'bps' \(it has trades, "):
        rb.bars(FRAME, 250, bps=25)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", _GONE)
def test_an_argument_of_rangebar_py_that_is_gone_says_what_to_do(name: str) -> None:
    with says(TypeError, f"get_range_bars() has no argument {name!r} ({_GONE[name]})"):
        rb.get_range_bars("BTCUSDT", "2024-01-01", "2024-01-01", **{name: 1})  # type: ignore[arg-type]


def test_too_many_arguments_by_position_are_answered_with_their_names() -> None:
    names = (
        "rule, by, prevent_same_timestamp_close, reset, max_gap, include_microstructure, "
        "features, footprint, lookback, vpin, include_incomplete"
    )

    with says(
        TypeError,
        "RangeBarProcessor() was given 3 arguments by position: expected at most 2 (give the "
        f"others by name: {names}, columns, time_unit)",
    ):
        rb.RangeBarProcessor(250, "BTCUSDT", True)  # type: ignore[arg-type, call-arg]  # noqa: FBT003


def test_a_missing_argument_is_the_error_of_python() -> None:
    with says(TypeError, "bars() missing 1 required positional argument: 'trades'"):
        rb.bars()  # type: ignore[call-overload]


def test_a_type_error_inside_of_a_function_is_left_alone() -> None:
    @named
    def outer(value: int) -> int:
        return inner(wrong=value)  # type: ignore[call-arg]

    def inner(right: int) -> int:
        return right

    with pytest.raises(TypeError, match=r"inner\(\) got an unexpected keyword argument 'wrong'"):
        outer(3)


def test_signature_docstring_and_place_are_those_of_the_function() -> None:
    def plain(first: int, *, second: str = "x") -> str:
        """Return it."""
        return second * first

    wrapped = named(plain)

    assert inspect.signature(wrapped) == inspect.signature(plain)
    assert (wrapped.__doc__, wrapped.__qualname__) == (plain.__doc__, plain.__qualname__)
    assert wrapped.__globals__ is plain.__globals__
    assert wrapped(2, second="y") == "yy"


def test_a_function_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(rb.bars)) is rb.bars  # noqa: S301 - its own


def test_a_subclass_keeps_its_own_constructor() -> None:
    @named_methods()
    class Base:
        def __init__(self, price: int) -> None:
            self.price = price

        @classmethod
        def made(cls, price: int) -> "Base":
            return cls(price)

    class Derived(Base):
        def __init__(self, price: int, other: int = 1) -> None:
            super().__init__(price)
            self.other = other

    assert (Derived(2, other=3).price, Derived.made(5).price) == (2, 5)
    with pytest.raises(TypeError, match=r"made\(\) has no argument 'px' \(write price\)"):
        Base.made(px=3)  # type: ignore[call-arg]


def test_a_warning_names_the_line_of_the_caller() -> None:
    frame = FRAME.with_columns(pl.lit(None, pl.Boolean).alias("is_buyer_maker"))

    with pytest.warns(rb.RangeBarWarning) as warned:
        rb.bars(frame, 20, include_microstructure=True)

    assert warned[0].filename == __file__
