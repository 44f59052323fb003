"""What a file may state about itself instead of what it should: seeded, so that it comes again."""

import copy
import json
import random
from typing import Any

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**40, 2**40 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1,
    2**64, 10**400, 0.0, -0.5, 1e308, float("nan"), float("inf"), "", "0", "NaN", "2024-01-26",
    "0001-01-01", "9999-12-31", "10000-01-01", "2024-W04-5", "20240126", "\ud800", "a\0b",
    "\U0001f642", "x" * 100_000, [], {}, [[]], [{}], {"": None}, {"\udfff": 1}, [None] * 1000,
]  # fmt: skip
"""Values where others should be."""


def nested(chance: random.Random) -> str:
    """Return JSON that nests deep, at times deeper than Python follows."""
    depth = chance.choice([10, 500, 2_000, 100_000])
    opened, closed = chance.choice([("[", "]"), ('{"a":', "}")])
    return opened * depth + "1" + closed * chance.choice([depth, depth - 1])


def changed(chance: random.Random, value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Return a value of JSON of which one part, somewhere inside, is another."""
    if (depth > 0 and chance.random() < 0.5) or not isinstance(value, dict | list) or not value:
        return chance.choice(STRANGE)
    value = copy.copy(value)
    at = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    match chance.randrange(6):
        case 0:
            del value[at]
        case 1 if isinstance(value, dict):
            value[chance.choice(["", "day", "more", "\ud800"])] = chance.choice(STRANGE)
        case 1:
            value.insert(at, chance.choice(STRANGE))
        case _:
            value[at] = changed(chance, value[at], depth + 1)
    return value


def mutated(chance: random.Random, text: str) -> str:
    """Return what a file may state instead of its report."""
    match chance.randrange(8):
        case 0:
            return nested(chance)
        case 1:
            return text.replace(":0", f":{nested(chance)}", 1)
        case 2:
            at = chance.randrange(len(text))
            return (
                text[:at]
                + chance.choice(["", "\0", "\ufffd", '"', "{", "9" * 5_000])
                + text[at + 1 :]
            )
        case 3:
            return json.dumps(chance.choice(STRANGE))
    value = json.loads(text)
    for _ in range(chance.choice([1, 1, 2, 3])):
        if isinstance(value, dict | list):
            value = changed(chance, value)
    return json.dumps(value)
