"""Record names and calls of rangebar 9.1.0; see README.md."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

if __name__ == "__main__":
    # Tests import every module.
    import rangebar

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "examples" / "btcusdt-trades.parquet"
LAZY = (
    "CacheKey",
    "ClickHouseNotConfiguredError",
    "RangeBarCache",
    "detect_clickhouse_state",
    "get_available_clickhouse_host",
    "is_exness_available",
)
CONSTANTS = ("CONTINUITY_TOLERANCE_PCT",)
SUBMODULES = ("checkpoint", "clickhouse", "exceptions", "exness", "hooks", "notify", "storage")
VALIDATIONS = ("validation", "validation.tier1", "validation.tier2")


def arguments(value: object) -> list[str]:
    """Return the names of the arguments of a function."""
    if not callable(value) or (inspect.isclass(value) and value is not rangebar.RangeBarProcessor):
        return []
    every = inspect.signature(value).parameters.values()
    return [each.name for each in every if each.kind != each.VAR_KEYWORD and each.name != "self"]


def names() -> dict[str, list[str]]:
    """Return the public names, and the arguments of functions."""
    found = {name: arguments(getattr(rangebar, name)) for name in LAZY}
    for name, value in vars(rangebar).items():
        own = getattr(value, "__module__", "").startswith("rangebar")
        if not name.startswith("_") and (own or name in {*rangebar.__all__, *CONSTANTS}):
            found[name] = arguments(value)
    processor = rangebar.RangeBarProcessor
    for name, value in [*vars(processor).items(), *vars(processor(250)).items()]:
        if not name.startswith("_"):
            found[f"RangeBarProcessor.{name}"] = arguments(inspect.unwrap(value))
    for part in (*SUBMODULES, *VALIDATIONS):
        module = import_module(f"rangebar.{part}")
        own_names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in getattr(module, "__all__", own_names):
            found[f"{part}.{name}"] = arguments(getattr(module, name))
    return dict(sorted(found.items()))


def calls() -> dict[str, Any]:
    """Return the results of calls, by the name of the function and the threshold."""

    def rows(frame: Any) -> list[list[Any]]:  # noqa: ANN401 - of pandas
        return [[time.isoformat(), *values] for time, *values in frame.itertuples()]

    def few(bars: list[dict[str, Any]]) -> list[list[Any]]:
        shown = ("open", "high", "low", "close", "volume", "agg_record_count")
        return [[bar[name] for name in shown] for bar in bars]

    trades = pl.read_parquet(SAMPLE).with_columns(pl.col("timestamp").dt.epoch("ms"))
    dicts, chunk = trades.to_dicts(), 1_000
    processor = rangebar.RangeBarProcessor
    streaming = processor(250, symbol="BTCUSDT")
    streaming.process_trades_streaming(dicts)
    frames = rangebar.process_trades_chunked(iter(dicts), 50, chunk)
    return {
        "process_trades": {str(t): processor(t).process_trades(dicts) for t in (50, 250)},
        "process_trades_streaming": {"50": few(processor(50).process_trades_streaming(dicts))},
        "process_trades_polars": {"50": rows(rangebar.process_trades_polars(trades.lazy(), 50))},
        "process_trades_chunked": {"50": [len(frame) for frame in frames]},
        "process_trades_to_dataframe": {
            "50": rows(rangebar.process_trades_to_dataframe(dicts, 50))
        },
        "get_incomplete_bar": {"250": streaming.get_incomplete_bar()},
        "has_incomplete_bar": {"250": streaming.has_incomplete_bar},
    }


def text_of(value: object, depth: int = 0) -> str:
    """Return JSON with a line for each name and each bar."""
    if isinstance(value, dict) and depth < 2:
        items = ",\n".join(f"{json.dumps(k)}: {text_of(v, depth + 1)}" for k, v in value.items())
        return f"{{\n{items}\n}}"
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"
    return json.dumps(value)


if __name__ == "__main__":
    recorded = calls() | {"THRESHOLD_PRESETS": rangebar.THRESHOLD_PRESETS, "names": names()}
    (HERE / "recorded-9.1.0.json").write_text(text_of(recorded) + "\n", encoding="utf-8")
