"""Messages of the package in the words of the command line.

The package says what to do in Python; a user of a command gives an option instead.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import click
import polars as pl

_PREFIX: Final = re.compile(
    r"^(schema callable failed: |caught exception during execution of a Python source, exception: |"
    r"\w+(Error|Exception): )+"
)
"""What Polars puts before the message of an error that arises in a plan."""
_OF_ONE_RULE: Final = re.compile(r'bars\.filter\(pl\.col\("rule"\) == "([^"]+)"\)')
_CALLS: Final = {
    "call scan_ticks with refresh=True": "run rangebar-polars fetch with --refresh",
    "see archive_quality": "see rangebar-polars quality",
    "archive_quality shows them": "rangebar-polars quality shows them",
    "strictness='report' accepts them": "without --strict they are accepted",
    "fetch_if_missing=True fetches them": "without --offline they are fetched",
    "RangeRule(250) is the rule of a threshold": "--rule range-250 is that of a threshold",
    "RangeRule(250, prevent_same_timestamp_close=False)": "--rule range-250-nogate",
    "or count records: TickRule(n)": "or count records: --rule tick-N",
    'or give the rule side="tick_rule"': "or write tickrule in place of maker in --rule",
    ' (expressions can have names: WhenRule(expr, "spread"))': "",
    "such as '30m', '1h30m' or timedelta(minutes=30)": "such as 30m or 1h30m",
    "import_trades puts them there": "rangebar-polars import puts them there",
    "import_trades with replace=True replaces days": "rangebar-polars import --replace does it",
}


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line.

    Examples
    --------
    >>> one_line(pl.exceptions.ComputeError("schema callable failed: ComputeError: no price"))
    'no price'
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    if isinstance(error, pl.exceptions.PolarsError):
        text = _PREFIX.sub("", text.partition("\n\n")[0])
    return " ".join(text.split()) or type(error).__name__


def in_options(text: str, parameters: Iterable[click.Parameter]) -> str:
    """Return a message that names options where it named arguments.

    Parameters
    ----------
    text
        The message.
    parameters
        Those of the command. They are called as the arguments of the functions of the package.

    Examples
    --------
    >>> unit = click.Option(["--time-unit", "time_unit"])
    >>> in_options("give time_unit='ms', in which 1 lies between 1990 and 2100", [unit])
    'give --time-unit ms, in which 1 lies between 1990 and 2100'
    >>> columns = click.Option(["--columns", "columns"])
    >>> in_options("say which it is: columns=TradeColumns(price='...')", [columns])
    'say which it is: --columns price=...'
    """
    flags = {
        each.name: max(each.opts, key=len)
        for each in parameters
        if isinstance(each, click.Option) and each.name
    }
    for python, spoken in _CALLS.items():
        text = text.replace(python, spoken)
    text = _OF_ONE_RULE.sub(r"make those of one: --rule \1", text)
    return _with_flags(text, flags)


def _pairs(arguments: str) -> str:
    """Return ``price="px", agg_trade_id=None`` as ``price=px,agg_trade_id=``."""
    pairs = re.findall(r"(\w+)=[\"']?([^\"',]*)[\"']?", arguments)
    return ",".join(f"{role}={'' if name == 'None' else name}" for role, name in pairs)


def _with_flags(text: str, flags: Mapping[str, str]) -> str:
    for name, flag in flags.items():
        text = re.sub(
            rf"\b{name}=TradeColumns\(([^()]*)\)",
            lambda call, flag=flag: f"{flag} {_pairs(call[1])}",  # type: ignore[misc]  # the default hides its type
            text,
        )
        text = re.sub(rf"\b{name}=True\b", flag, text)
        text = re.sub(rf"\b{name}='([^']*)'", rf"{flag} \1", text)
        text = re.sub(rf"\b{name}: (?=')", rf"{flag} ", text)
        if "_" in name:
            text = re.sub(rf"(?<![\w'\"]){name}(?![\w'\"=(])", flag, text)
    return text
