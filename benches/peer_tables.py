"""The tables of `RESULTS.md` that compare with other packages, made from seconds that were kept.

    python benches/peer_tables.py

`peer_times.py --save` keeps them.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

SAVED: Final = Path(__file__).with_name("peers.json")
OURS: Final = "rangebar-polars"
RANGE: Final = "range-250"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The seconds of a call, one of each round.

    Attributes
    ----------
    name
        The distribution and its version, or what the limit is.
    rule
        The text of the rule of ours that is nearest.
    note
        What differs from our bars.
    seconds
        Of each round; the rounds of all calls ran in turn.

    """

    name: str
    rule: str
    note: str = ""
    seconds: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> str:
        """The median, in three digits."""
        return _digits(median(self.seconds) * 1e3)

    def ratios(self, ours: "Call") -> list[float]:
        """Return the ratio of each round to ours."""
        return [one / other for one, other in zip(self.seconds, ours.seconds, strict=True)]


def saved() -> list[Call]:
    """Return the calls that were kept."""
    return [Call(**each) for each in json.loads(SAVED.read_text())["calls"]]


def tables(calls: list[Call]) -> str:
    """Return a table of range bars, and one of all other rules, in Markdown."""
    ours = {call.rule: call for call in calls if call.name == OURS}
    of_range = [call for call in calls if call.rule == RANGE]
    rest = [call for call in calls if call.rule != RANGE]
    parts = [_of_range(of_range, ours[RANGE])] if of_range else []
    parts += [_of_rules(rest, ours)] if rest else []
    return "\n\n".join(parts)


def _of_range(calls: list[Call], ours: Call) -> str:
    lines = ["| bars of 0.25 % | time | ratio |", "|---|---|---|"]
    for call in calls:
        note = f", {call.note}" if call.note else ""
        ratio = "1" if call is ours else _spread(call.ratios(ours))
        lines.append(f"| {call.name}{note} | {call.milliseconds} ms | {ratio} |")
    return "\n".join(lines)


def _of_rules(calls: list[Call], ours: dict[str, Call]) -> str:
    names = list(dict.fromkeys(call.name for call in calls if call.name != OURS))
    cells = {(call.rule, call.name): call for call in calls}
    lines = [f"| rule | ours | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for rule in dict.fromkeys(call.rule for call in calls):
        row = [f"`{rule}`", f"{ours[rule].milliseconds} ms"]
        for name in names:
            call = cells.get((rule, name))
            note = f", {call.note}" if call and call.note else ""
            ratio = f"{_digits(median(call.ratios(ours[rule])))}{note}" if call else ""
            row.append(ratio)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _spread(ratios: list[float]) -> str:
    least, most = _digits(min(ratios)), _digits(max(ratios))
    return f"{_digits(median(ratios))} ({least} to {most})"


def _digits(figure: float) -> str:
    """Return three digits of it."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:#.3g}"  # noqa: PLR2004 - three digits


if __name__ == "__main__":
    print(tables(saved()))
