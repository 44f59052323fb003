"""The checkpoint of a processor as text: its settings in JSON, and its bytes in base64."""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from rangebar_polars._core.arguments import TimeUnit, check_time_unit
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars.errors import CheckpointError

_FORMAT: Final = "rangebar-polars checkpoint"


class Stated(NamedTuple):
    """The settings that the text has beside the bytes, as JSON has them."""

    symbol: str | None
    rules: list[str]
    by: list[str]


def stated(symbol: str | None, rule: Rule | Sequence[Rule], by: Sequence[str]) -> Stated:
    """Return settings as they are written."""
    rules = [rule] if isinstance(rule, Rule) else rule
    return Stated(symbol, [str(each) for each in rules], [*by])


def write(settings: Stated, time_unit: TimeUnit, data: bytes) -> str:
    """Return the text of a checkpoint."""
    fields: dict[str, Any] = {"format": _FORMAT, **settings._asdict()}
    fields |= {"time_unit": time_unit, "checkpoint": base64.b64encode(data).decode()}
    return json.dumps(fields)


def read(text: str) -> tuple[Stated, TimeUnit, bytes]:
    """Return the settings, the unit of whole numbers and the bytes of a checkpoint.

    Raises
    ------
    CheckpointError
        The text is not one that `write` returns.
    """
    try:
        fields = json.loads(text)
        data = base64.b64decode(fields["checkpoint"], validate=True)
        settings = Stated(*(fields[name] for name in Stated._fields))
        unit = check_time_unit(fields["time_unit"])
        known = fields["format"] == _FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "the checkpoint is damaged: its text is not what to_json wrote "
            "(go back to an older one, or read the trades again)"
        ) from error
    if not known:
        raise contradiction()
    return settings, unit, data


def contradiction() -> CheckpointError:
    """Return the error about settings that are not those in the bytes."""
    return CheckpointError(
        "the checkpoint is damaged: its text contradicts its bytes "
        "(go back to an older one, or read the trades again)"
    )
