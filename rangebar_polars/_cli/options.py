"""Options that several verbs share. A parameter is called as the argument that it becomes."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast, get_args

import click
from click.shell_completion import CompletionItem

from rangebar_polars._cli.console import Console
from rangebar_polars._cli.formats import FORMATS
from rangebar_polars._core.arguments import Reset, TimeUnit
from rangebar_polars._core.borders import NamedBorders, parse_borders
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import given_lookback
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars._core.threshold import NAMES, THRESHOLD_PRESETS, readings
from rangebar_polars._core.trading_day import TradingDay
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._ticks.day_file import COMPRESSIONS
from rangebar_polars._trade_columns import TradeColumns

Function = TypeVar("Function", bound=Callable[..., object])
Decorator = Callable[[Function], Function]
_ROLES: Final = (*TradeColumns().names(), "side", "sell", "buy", "side_of")


def _all(*decorators: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Return one decorator for several; the first option is the first in the help."""

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = cast("Function", decorator(function))
        return function

    return decorate


def _trade_columns(
    _: click.Context, __: click.Parameter, given: tuple[str, ...]
) -> TradeColumns | None:
    """Read ``price=px,quantity=size``; an empty name means that a column is not read."""
    names = dict[str, Any]()
    for pair in ",".join(given).split(",") if given else ():
        role, equals, name = pair.partition("=")
        if not equals or role not in _ROLES:
            raise click.BadParameter(
                f"{pair!r} is not ROLE=NAME with a role of {', '.join(_ROLES)}"
            )
        # Several texts of one side are given one by one.
        names[role] = (*names.get(role, ()), name) if role in {"sell", "buy"} else name or None
    try:
        return TradeColumns(**names) if names else None
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error)) from error


class _Threshold(click.types.IntParamType):
    """Decimal basis points, or a name for them."""

    name = "threshold"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click passes it
        return "INTEGER|NAME"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - text, or a default
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        number = THRESHOLD_PRESETS.get(value, value)
        try:
            return int(number)
        except ValueError:
            means = readings(value) or f"250 is 0.25 %, and {NAMES} are names of some"
            self.fail(
                f"{value!r} is not a valid integer of decimal basis points ({means})", param, ctx
            )


THRESHOLD: Final = _Threshold()
"""The type of a threshold."""


class _Rule(click.ParamType[Rule]):
    """The text of a rule."""

    name = "rule"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - text, or a rule
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Rule:
        try:
            return value if isinstance(value, Rule) else parse_rule(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


RULE: Final = _Rule()
"""The type of a rule."""


class _Reset(click.ParamType[NamedBorders]):
    """The text of borders."""

    name = "reset"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click passes it
        return f"{'|'.join(get_args(Reset))}|TIME@ZONE"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - text, or borders
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> NamedBorders:
        try:
            return value if isinstance(value, TradingDay) else parse_borders(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click passes it
        param: click.Parameter,  # noqa: ARG002 - click passes it
        incomplete: str,
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in get_args(Reset) if name.startswith(incomplete)]


def _one_or_several(_: click.Context, __: click.Parameter, given: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Return one value as itself, whose bars need no column of it, and none as None."""
    return (list(given) if len(given) > 1 else given[0]) if given else None


def _several_or_none(
    _: click.Context, __: click.Parameter, given: tuple[str, ...]
) -> list[str] | None:
    return list(given) or None


def _lookback(_: click.Context, __: click.Parameter, given: str | None) -> int | str | None:
    return None if given is None else given_lookback(given)


def _footprint(_: click.Context, __: click.Parameter, given: str | None) -> Footprint | None:
    """Read ``0.5``, ``0.5,70`` or ``0.5,70,300``: the tick, the value area, the imbalance."""
    if given is None:
        return None
    tick, *percents = given.split(",", 2)
    try:
        number, whole = float(tick), [int(percent) for percent in percents]
    except ValueError as error:
        raise click.BadParameter(
            f"{given!r} is not TICK[,VALUE_AREA[,IMBALANCE]], such as 0.5 or 0.5,70,300: the "
            "height of a level, and percents"
        ) from error
    try:
        return Footprint(number, *whole)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _vpin(_: click.Context, __: click.Parameter, given: str | None) -> Vpin | None:
    """Read ``10,50``: the volume of a bucket, and how many."""
    if given is None:
        return None
    volume, _comma, buckets = given.partition(",")
    try:
        numbers = float(volume), int(buckets)
    except ValueError as error:
        raise click.BadParameter(
            f"{given!r} is not VOLUME,BUCKETS, such as 10,50: the volume of a bucket, and how many"
        ) from error
    try:
        return Vpin(*numbers)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


threshold = click.option(
    "-t",
    "--threshold",
    "threshold_decimal_bps",
    type=THRESHOLD,
    multiple=True,
    callback=_one_or_several,
    help="Threshold in decimal basis points, by default 250, which is 0.25 %; or a name: "
    f"{', '.join(THRESHOLD_PRESETS)}. Repeatable: several thresholds in one pass.",
)
bar_rule = click.option(
    "--rule",
    "rule",
    type=RULE,
    multiple=True,
    callback=_one_or_several,
    help="When a bar ends, in place of a threshold: dollar-1000000, volume-10, tick-1000 and "
    "others (docs/rules.md). Repeatable: several rules in one pass.",
)
max_gap = click.option(
    "--max-gap",
    metavar="TIME",
    help="Cut off the open bar where no trade came for so long: 30m, 1h30m.",
)
reset = click.option(
    "--reset",
    type=_Reset(),
    help="Bars begin anew at each UTC day, week, month or year, or at a time of day in a zone: "
    "17:00@America/New_York.",
)
same_timestamp_close = click.option(
    "--same-timestamp-close",
    "prevent_same_timestamp_close",
    flag_value=False,
    # A rule has its own, so that it matters whether the option was given.
    default=None,
    help="A trade of a bar's opening time may close it.",
)
rule = _all(threshold, bar_rule, reset, max_gap, same_timestamp_close)
bar_columns = _all(
    click.option(
        "--microstructure",
        "include_microstructure",
        is_flag=True,
        help="Add sums, counts, ids and the ten features.",
    ),
    click.option(
        "--incomplete",
        "include_incomplete",
        is_flag=True,
        help="Add bars that are still open or were cut off, and the column is_complete.",
    ),
)
features = _all(
    click.option(
        "--features",
        "features",
        metavar="NAME",
        multiple=True,
        callback=_several_or_none,
        help="Add a column by its name, such as ofi or intra_kaufman_er (docs/features.md). "
        "Repeatable.",
    ),
    click.option(
        "--footprint",
        metavar="TICK[,VALUE_AREA[,IMBALANCE]]",
        callback=_footprint,
        help="Add what was traded at each price, in levels of so much, such as 0.5, or 0.5,70,300 "
        "with the percents of the value area and of an imbalance (docs/footprint.md). A CSV has "
        "the levels as JSON.",
    ),
    click.option(
        "--lookback",
        metavar="TRADES|SPAN",
        callback=_lookback,
        help="Add statistics of so many trades, such as 200, or of a span, such as 5m, before each "
        "bar (docs/lookback.md).",
    ),
    click.option(
        "--vpin",
        metavar="VOLUME,BUCKETS",
        callback=_vpin,
        help="Add the imbalance of the last full buckets of volume before each bar, such as 10,50.",
    ),
)
trade_columns = _all(
    click.option(
        "--columns",
        "columns",
        metavar="ROLE=NAME,...",
        multiple=True,
        callback=_trade_columns,
        help=f"What the columns are called: price=px,quantity=size. Roles: {', '.join(_ROLES)}. "
        "An empty name: do not read it; without quantity each record counts as 1. side is text: "
        "side=side,sell=Sell,buy=Buy, and side_of=maker for that of the resting order.",
    ),
    click.option(
        "--time-unit",
        type=click.Choice(get_args(TimeUnit)),
        help="The unit of times that are whole numbers since 1970.",
    ),
)
output = _all(
    click.option(
        "-o",
        "--output",
        "out",
        type=click.Path(),
        help="The file to write: .csv, .csv.gz, .parquet or .ipc; - is standard output.",
    ),
    click.option(
        "--format",
        "out_format",
        type=click.Choice(FORMATS),
        help="The format of the output, where no suffix says it.",
    ),
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_source = click.option(
    "--source", default="binance", show_default=True, help="Whose trades; or those you imported."
)
_market = click.option(
    "--market", default="spot", show_default=True, help="Of binance: spot, um or cm."
)
cache_dir = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False),
    help="The cache folder, or s3://bucket/prefix; by default RANGEBAR_CACHE_DIR, or the "
    "platform's.",
)
cache_compression = click.option(
    "--cache-compression",
    type=click.Choice(COMPRESSIONS),
    help="How days are written; by default RANGEBAR_CACHE_COMPRESSION, or lz4.",
)
store = click.option(
    "--store",
    help="Where bars are stored: a folder, clickhouse://... or s3://bucket/prefix; by default "
    "RANGEBAR_STORE, or beside the trades.",
)
archive = click.option(
    "--archive-url",
    "archive",
    help="A mirror of the archive; by default RANGEBAR_BINANCE_URL, or Binance's own.",
)
trades_of = _all(_source, _market, cache_dir)
fetching = _all(
    trades_of,
    cache_compression,
    archive,
    click.option(
        "--offline",
        "fetch_if_missing",
        flag_value=False,
        default=True,
        help="Use what is cached, and fetch nothing.",
    ),
)
only = _all(
    click.option("--source", help="Only what is of this source."),
    click.option("--market", help="Only what is of this market."),
    click.option(
        "-t",
        "--threshold",
        "threshold_decimal_bps",
        type=THRESHOLD,
        help="Only bars of this threshold.",
    ),
    click.option("--rule", type=RULE, help="Only bars of this rule."),
    store,
    cache_dir,
)


def _set_on_console(ctx: click.Context, param: click.Parameter, given: bool) -> None:  # noqa: FBT001
    if given:
        setattr(ctx.ensure_object(Console), str(param.name), True)


def console_options() -> list[click.Option]:
    """Return the options that every verb has."""
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set_on_console,
            help="Print no progress and no notes; warnings and errors remain.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_on_console,
            help="Print the traceback of an error.",
        ),
    ]
