"""The oracle of footprints: levels as dicts of plain integers, and the rules read word by word."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

import rangebar_polars as rb
from support.reference import Trade, fx, sums

LEVEL = pl.Struct(
    {
        "price": pl.Float64(),
        "volume": pl.Float64(),
        "buy_volume": pl.Float64(),
        "sell_volume": pl.Float64(),
        "individual_trade_count": pl.Int64(),
        "buy_imbalance": pl.Boolean(),
        "sell_imbalance": pl.Boolean(),
    }
)
SCHEMA = {
    "footprint": pl.List(LEVEL),
    "poc": pl.Float64(),
    "value_area_low": pl.Float64(),
    "value_area_high": pl.Float64(),
    "buy_imbalance_count": pl.Int64(),
    "sell_imbalance_count": pl.Int64(),
}


@dataclass
class Profile:
    """The levels of some trades."""

    trades: Sequence[Trade]
    asked: rb.Footprint
    levels: dict[int, list[Trade]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for trade in sorted(self.trades, key=lambda trade: fx(trade.price)):
            self.levels.setdefault(fx(trade.price) // fx(self.asked.tick), []).append(trade)

    def volume(self, level: int, sold: object = "any") -> int:
        """Return the volume at a level, of one side or of all."""
        of = [t for t in self.levels.get(level, []) if sold in ("any", t.is_buyer_maker)]
        return sums(of)[0]

    def price(self, level: int) -> float:
        """Return the lower edge of a level."""
        return float(level * fx(self.asked.tick)) / 1e8

    def buys(self, level: int) -> bool:
        """Return whether buyers are in imbalance with the sellers one level below."""
        bought = self.volume(level, sold=False)
        needed = Fraction(self.asked.imbalance, 100) * self.volume(level - 1, sold=True)
        return level != min(self.levels) and 0 < bought >= needed

    def sells(self, level: int) -> bool:
        """Return whether sellers are in imbalance with the buyers one level above."""
        sold = self.volume(level, sold=True)
        needed = Fraction(self.asked.imbalance, 100) * self.volume(level + 1, sold=False)
        return level != max(self.levels) and 0 < sold >= needed

    def poc(self) -> int | None:
        """Return the level of the greatest volume."""
        most = max(map(self.volume, self.levels))
        middle = Fraction(min(self.levels) + max(self.levels), 2)
        equal = [level for level in self.levels if self.volume(level) == most]
        return min(equal, key=lambda level: (abs(level - middle), level)) if most else None

    def value_area(self) -> list[int]:
        """Return the levels of the value area, ascending; none without volume."""
        poc, all_of_them = self.poc(), list(self.levels)
        if poc is None:
            return []
        wanted = Fraction(self.asked.value_area, 100) * sums(self.trades)[0]
        taken = [poc]
        while sum(map(self.volume, taken)) < wanted:
            below = [level for level in all_of_them if level < taken[0]][-2:]
            above = [level for level in all_of_them if level > taken[-1]][:2]
            takes_above = sum(map(self.volume, above)) >= sum(map(self.volume, below))
            taken = taken + above if above and (takes_above or not below) else below + taken
        return taken


def footprint(trades: Sequence[Trade], asked: rb.Footprint, *, has_sides: bool) -> dict[str, Any]:
    """Return the columns of the footprint of trades, of which there is at least one."""
    profile = Profile(trades, asked)

    def known(value: Any) -> Any:  # noqa: ANN401 - a float, an int or a bool
        return value if has_sides else None

    levels = [
        {
            "price": profile.price(level),
            "volume": profile.volume(level) / 1e8,
            "buy_volume": known(profile.volume(level, sold=False) / 1e8),
            "sell_volume": known(profile.volume(level, sold=True) / 1e8),
            "individual_trade_count": sums(of)[2],
            "buy_imbalance": known(profile.buys(level)),
            "sell_imbalance": known(profile.sells(level)),
        }
        for level, of in profile.levels.items()
    ]
    poc, area = profile.poc(), profile.value_area()
    return {
        "footprint": levels,
        "poc": None if poc is None else profile.price(poc),
        "value_area_low": profile.price(area[0]) if area else None,
        "value_area_high": profile.price(area[-1]) if area else None,
        "buy_imbalance_count": known(sum(map(profile.buys, profile.levels))),
        "sell_imbalance_count": known(sum(map(profile.sells, profile.levels))),
    }
