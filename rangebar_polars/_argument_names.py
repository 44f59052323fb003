"""Names of arguments: a call with a wrong one is answered with the right one.

Signatures stay as they are, for editors and type checkers, and arguments are not looked at before a
call has failed.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from types import FunctionType
from typing import Any, Final, ParamSpec, TypeVar, cast

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Class = TypeVar("_Class", bound=type)

_UNIT: Final = "in decimal basis points: 0.25 %, 25 basis points, is 250"
_MEANS: Final[dict[str, tuple[str, ...]]] = {
    "threshold_decimal_bps": (
        *("bps", "dbps", "percent", "pct", "range", "threshold", "thresholds"),
        *("threshold_bps", "threshold_dbps", "threshold_pct", "threshold_percent"),
    ),
    "by": ("key", "keys", "group_by", "groupby", "partition_by", "over", "symbol", "symbols"),
    "trades": ("data", "df", "frame", "lf", "records", "ticks", "trades_iterator", "batches"),
    "trades_iterator": ("data", "df", "frame", "lf", "records", "ticks", "trades", "batches"),
    "bars": ("data", "df", "frame", "lf"),
    "data": ("checkpoint", "state"),
    "state": ("checkpoint", "data"),
    "symbol": ("symbols", "ticker", "instrument", "pair"),
    "symbols": ("symbol", "tickers", "instruments", "pairs"),
    "start": ("start_date", "begin", "since", "from_date"),
    "end": ("end_date", "until", "to_date"),
    "start_date": ("start", "begin", "since", "from_date"),
    "end_date": ("end", "until", "to_date"),
    "n_bars": ("n", "count", "bars", "limit"),
    "max_lookback_days": ("lookback", "lookback_days", "days"),
    "warn_if_fewer": ("allow_fewer",),
    "include_microstructure": ("microstructure",),
    "features": ("feature", "statistics"),
    "include_incomplete": ("incomplete", "partial", "include_partial", "include_open"),
    "cache_dir": ("cache", "cache_path", "cache_folder", "root"),
    "market": ("market_type", "futures"),
    "quantity": ("volume", "size", "amount", "qty"),
    "price": ("px", "prices"),
    "timestamp": ("time", "ts", "datetime"),
    "is_buyer_maker": ("maker",),
    "side": ("sides", "direction", "aggressor"),
    "take_profit": ("tp", "upper", "upper_barrier", "profit_taking", "pt"),
    "stop_loss": ("sl", "lower", "lower_barrier", "stop"),
    "horizon": ("horizons", "vertical_barrier", "max_holding", "lookahead", "n", "window"),
    "rule": ("rules", "bar_type", "kind"),
    "max_gap": ("gap", "gap_limit", "session_gap"),
    "time_unit": ("unit",),
    "progress": ("progress_callback", "callback"),
    "tolerance_decimal_bps": ("tolerance", "tolerance_pct"),
}
"""What people write for an argument, beside names that look alike."""

_GONE: Final[dict[str, str]] = {
    "materialize": "leave it out; scan_range_bars returns a plan, whose batches are streamed",
    "batch_size": "leave it out; scan_range_bars returns a plan, whose batches are streamed",
    "validation": "leave it out; bars are always validated",
    "validate_on_return": "leave it out; bars are validated, and validate_continuity checks more",
    "validate_on_complete": "leave it out; bars are validated, and validate_continuity checks more",
    "continuity_action": "leave it out; validate_continuity(bars) reports gaps",
    "continuity_tolerance_pct": "leave it out; see tolerance_decimal_bps of validate_continuity",
    "invalidate_existing": "leave it out; cache_clear removes stored bars",
    "chunk_size": "leave it out; memory is bounded without it",
    "checkpoint_dir": "leave it out; every day is stored, and another call continues after it",
    "notify": "leave it out; give progress a function",
}
"""Arguments of rangebar-py that have no like, and what to do."""


def named(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function that names the right argument if it is called with a wrong one."""
    explained = _explain

    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            trace = error.__traceback__
            # Only an error of the call itself has no frame of the function.
            if trace is not None and trace.tb_next is None:
                explained(function, args, kwargs, error)
            raise

    # With the globals of its module, where doctest looks for functions of the module.
    of_module = cast("FunctionType", inspect.unwrap(function)).__globals__
    code, closure = call.__code__, call.__closure__
    made = FunctionType(code, of_module, call.__name__, None, closure)
    return cast("Callable[_P, _R]", wraps(function)(made))


def named_methods(*but: str) -> Callable[[_Class], _Class]:
    """Return a decorator of classes, whose constructor and public methods are then `named`.

    Parameters
    ----------
    but
        Methods that are called so often that another call around each would cost too much.
    """

    def decorate(of: _Class) -> _Class:
        for name, value in [*vars(of).items()]:
            if name in but or (name.startswith("_") and name != "__init__"):
                continue
            if isinstance(value, FunctionType):
                setattr(of, name, named(value))
            elif isinstance(value, classmethod):
                setattr(of, name, classmethod(named(value.__func__)))
        return of

    return decorate


def _explain(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], error: TypeError
) -> None:
    """Raise an error that says how arguments are given, if they were given in a wrong way."""
    parameters = inspect.signature(function).parameters
    called = function.__qualname__.removesuffix(".__init__")
    wrong = next((name for name in kwargs if name not in parameters), None)
    if wrong is not None:
        free = [name for name in [*parameters][len(args) :] if name not in kwargs]
        remedy = _remedy(wrong, free, [*parameters])
        raise TypeError(f"{called}() has no argument {wrong!r} ({remedy})") from error
    by_name = [each.name for each in parameters.values() if each.kind is each.KEYWORD_ONLY]
    by_position = len(parameters) - len(by_name)
    if by_name and len(args) > by_position:
        itself = next(iter(parameters)) in {"self", "cls"}
        raise TypeError(
            f"{called}() was given {len(args) - itself} arguments by position: expected at most "
            f"{by_position - itself} (give the others by name: {', '.join(by_name)})"
        ) from error


def _remedy(wrong: str, free: Iterable[str], every: Iterable[str]) -> str:
    """Return what to write instead of a wrong name."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong call needs it

    free = [*free]
    same = [right for right in free if right.lower() == wrong.lower()]
    means = same or [right for right in free if wrong.lower() in _MEANS.get(right, ())]
    if not means and wrong in _GONE:
        return _GONE[wrong]
    right = next(iter(means or get_close_matches(wrong.lower(), free, n=1)), None)
    if right is None:
        return f"it has {', '.join(name for name in every if name not in {'self', 'cls'})}"
    return f"write {right}" + (f", {_UNIT}" if right == "threshold_decimal_bps" else "")
