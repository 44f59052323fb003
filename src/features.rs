//! The ten microstructure features: pure functions of one bar, complete or not.
//!
//! Computed from the exact sums: every difference is taken in integers, then each side of a ratio
//! is cast to f64 once. Not defined is `None`, never 0, 1 or NaN. The expressions of the Python
//! package and the columns of a bar are these very functions.

use crate::bar::Bar;
use crate::fixed::{SCALE, to_f64, to_fixed};

/// A cap for [`aggression_ratio`]: one side a hundred times the other is as one-sided as it gets.
const MOST_AGGRESSIVE: f64 = 100.0;

/// `a / b`, each cast once; `None` where `b` is 0.
#[allow(clippy::cast_precision_loss)]
fn ratio(a: i128, b: i128) -> Option<f64> {
    (b != 0).then(|| a as f64 / b as f64)
}

/// `(a - b) / (a + b)`: the imbalance of two sums that are not negative.
fn imbalance(a: i128, b: i128) -> Option<f64> {
    ratio(a - b, a + b)
}

fn price_change(bar: &Bar) -> i128 {
    i128::from(to_fixed(bar.price.close)) - i128::from(to_fixed(bar.price.open))
}

/// `turnover / volume`: the volume-weighted average price (Berkowitz, Logue and Noser 1988).
///
/// `None` where the volume is 0.
#[allow(clippy::cast_precision_loss)]
pub fn vwap(bar: &Bar) -> Option<f64> {
    (bar.volume != 0).then(|| bar.turnover as f64 / (bar.volume as f64 * SCALE))
}

/// `close_time - open_time` in whole microseconds; nanoseconds are cut off.
pub fn duration_us(bar: &Bar) -> Option<i64> {
    bar.time.micros()
}

/// Order-flow imbalance, `(buy_volume - sell_volume) / (buy_volume + sell_volume)`, in -1 to 1.
///
/// After the order imbalance of Chordia, Roll and Subrahmanyam (2002), here by volume, with the
/// exchange's own aggressor side. `None` where that sum is 0 or the trades tell no side.
pub fn ofi(bar: &Bar) -> Option<f64> {
    bar.sides.and_then(|sides| imbalance(sides.buy.volume, sides.sell.volume))
}

/// `(close - vwap) / (high - low)`: where the bar closed, seen from its average price.
///
/// Formed as `(close * V - T) / ((high - low) * V)` with the integer volume `V` and turnover `T`.
/// `None` where high and low are equal at 8 decimals or the volume is 0.
#[allow(clippy::cast_precision_loss)]
pub fn vwap_close_deviation(bar: &Bar) -> Option<f64> {
    let [high, low, close] =
        [bar.price.high, bar.price.low, bar.price.close].map(|price| i128::from(to_fixed(price)));
    let above = close.checked_mul(bar.volume).map(|product| product - bar.turnover);
    match (above, (high - low).checked_mul(bar.volume)) {
        (Some(above), Some(range)) => ratio(above, range),
        // One of the products needs more than 128 bits, some 1e22 units of turnover in one bar.
        _ => Some((close as f64 - ratio(bar.turnover, bar.volume)?) / (high - low) as f64),
    }
}

/// `abs(close - open) / volume`: how far the price moved for each unit traded.
///
/// A variant of Amihud (2002), whose measure is the absolute return over the traded value.
/// `None` where the volume is 0.
pub fn price_impact(bar: &Bar) -> Option<f64> {
    ratio(price_change(bar).abs(), bar.volume)
}

/// `((close - open) / open) / ofi`: the return for each unit of order-flow imbalance.
///
/// A proxy after Kyle (1985), not his regression. `None` where [`ofi`] is 0 or `None`.
pub fn kyle_lambda_proxy(bar: &Bar) -> Option<f64> {
    let flow = ofi(bar).filter(|flow| *flow != 0.0)?;
    ratio(price_change(bar), i128::from(to_fixed(bar.price.open))).map(|change| change / flow)
}

/// `individual_trade_count / (duration_us / 1e6)`: individual trades a second.
///
/// Cf. the trade arrivals of Engle and Russell (1998). `None` where the duration is 0.
#[allow(clippy::cast_precision_loss)]
pub fn trade_intensity(bar: &Bar) -> Option<f64> {
    let micros = duration_us(bar).filter(|micros| *micros != 0)?;
    Some(bar.trades as f64 / (micros as f64 / 1e6))
}

/// `volume / individual_trade_count`: the average size of a trade.
///
/// Cf. the trade sizes of Barclay and Warner (1993).
#[allow(clippy::cast_precision_loss)]
pub fn volume_per_trade(bar: &Bar) -> Option<f64> {
    Some(to_f64(bar.volume) / bar.trades as f64)
}

/// `min(buy_trade_count / sell_trade_count, 100)`: buyers for each seller among the aggressors.
///
/// Buys and no sells is 100. `None` where there is neither, or the trades tell no side.
/// Cf. Lee and Ready (1991), who infer the aggressor that the exchange gives here.
pub fn aggression_ratio(bar: &Bar) -> Option<f64> {
    let sides = bar.sides.filter(|sides| sides.buy.trades != 0 || sides.sell.trades != 0)?;
    let of_sells = ratio(sides.buy.trades.into(), sides.sell.trades.into());
    Some(of_sells.unwrap_or(MOST_AGGRESSIVE).min(MOST_AGGRESSIVE))
}

/// `individual_trade_count / agg_record_count`: individual trades for each record.
///
/// `None` where no record of the bar has both trade ids.
pub fn aggregation_density(bar: &Bar) -> Option<f64> {
    ratio(bar.trades.into(), bar.rows.into()).filter(|_| bar.rows_with_trade_ids > 0)
}

/// `(buy_turnover - sell_turnover) / (buy_turnover + sell_turnover)`: [`ofi`] by value.
///
/// `None` where that sum is 0 or the trades tell no side.
pub fn turnover_imbalance(bar: &Bar) -> Option<f64> {
    bar.sides.and_then(|sides| imbalance(sides.buy.turnover, sides.sell.turnover))
}
