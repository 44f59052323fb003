"""The microstructure features and other statistics as aggregations over any group of trades.

Each computes the column of the same name in a frame of bars, or the one with ``intra_`` before its
name, with the same compiled code, over the group in which it is used: ``group_by``,
``group_by_dynamic``, ``over``, or a whole frame. The group's first and last row are its open and
close; an empty group gives null. Only the columns that the formula needs are read, and checked as
in `rangebar_polars.bars`. A record counts ``last_trade_id - first_trade_id + 1`` individual trades,
or 1 without both ids.
"""

from rangebar_polars.features.footprint import footprint
from rangebar_polars.features.microstructure import (
    aggregation_density,
    aggression_ratio,
    duration_us,
    kyle_lambda_proxy,
    ofi,
    price_impact,
    trade_intensity,
    turnover_imbalance,
    volume_per_trade,
    vwap_close_deviation,
)
from rangebar_polars.features.order_flow import (
    amihud,
    delta,
    kyle_lambda_ols,
    max_delta,
    min_delta,
    tick_rule_ofi,
)
from rangebar_polars.features.price_moves import (
    direction_changes,
    downtick_count,
    kaufman_er,
    permutation_entropy,
    roll_spread,
    uptick_count,
)
from rangebar_polars.features.trade_sizes import (
    largest_trade_share,
    volume_kurt,
    volume_skew,
    vwap_position,
)
from rangebar_polars.features.trade_times import burstiness, time_above_open
from rangebar_polars.features.volatility import (
    garman_klass_vol,
    max_drawdown,
    max_run_up,
    realized_volatility,
    variance_ratio,
)

__all__ = [
    "aggregation_density",
    "aggression_ratio",
    "amihud",
    "burstiness",
    "delta",
    "direction_changes",
    "downtick_count",
    "duration_us",
    "footprint",
    "garman_klass_vol",
    "kaufman_er",
    "kyle_lambda_ols",
    "kyle_lambda_proxy",
    "largest_trade_share",
    "max_delta",
    "max_drawdown",
    "max_run_up",
    "min_delta",
    "ofi",
    "permutation_entropy",
    "price_impact",
    "realized_volatility",
    "roll_spread",
    "tick_rule_ofi",
    "time_above_open",
    "trade_intensity",
    "turnover_imbalance",
    "uptick_count",
    "variance_ratio",
    "volume_kurt",
    "volume_per_trade",
    "volume_skew",
    "vwap_close_deviation",
    "vwap_position",
]
