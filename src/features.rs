//! The microstructure features: pure functions of one bar, complete or not.
//!
//! They are computed from the exact sums: differences are integers, and each side of a ratio is
//! cast to f64 once. An undefined value is `None`, never 0, 1 or NaN. Columns and expressions use
//! the same functions.

use crate::bar::Bar;
use crate::fixed::{SCALE, nearest, to_f64, to_fixed};

/// The largest value of [`aggression_ratio`], which a bar without sells has too.
const MOST_AGGRESSIVE: f64 = 100.0;

/// `a / b`, each cast once; `None` if `b` is 0.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn ratio(a: i128, b: i128) -> Option<f64> {
    (b != 0).then(|| nearest(a) / nearest(b))
}

/// `(a - b) / (a + b)`: the imbalance of two sums that are not negative.
fn imbalance(a: i128, b: i128) -> Option<f64> {
    ratio(a - b, a + b)
}

pub(crate) fn price_change(bar: &Bar) -> i128 {
    i128::from(to_fixed(bar.price.close)) - i128::from(to_fixed(bar.price.open))
}

/// `turnover / volume`: the volume-weighted average price (Berkowitz, Logue and Noser 1988).
///
/// `None` if the volume is 0.
#[allow(clippy::cast_precision_loss)]
pub fn vwap(bar: &Bar) -> Option<f64> {
    (bar.volume != 0).then(|| nearest(bar.turnover) / (nearest(bar.volume) * SCALE))
}

/// `close_time - open_time` in whole microseconds, rounded down.
pub fn duration_us(bar: &Bar) -> Option<i64> {
    bar.time.micros()
}

/// Order-flow imbalance, `(buy_volume - sell_volume) / (buy_volume + sell_volume)`, in -1 to 1.
///
/// After the order imbalance of Chordia, Roll and Subrahmanyam (2002), here by volume, with the
/// aggressor side that the exchange reports. `None` if that sum is 0 or the trades have no side.
pub fn ofi(bar: &Bar) -> Option<f64> {
    bar.sides.and_then(|sides| imbalance(sides.buy.volume, sides.sell.volume))
}

/// `(close - vwap) / (high - low)`: how far the bar closed from its average price.
///
/// Computed as `(close * V - T) / ((high - low) * V)` with the integer volume `V` and turnover `T`.
/// `None` if high and low are equal at 8 decimals or the volume is 0.
#[allow(clippy::cast_precision_loss)]
pub fn vwap_close_deviation(bar: &Bar) -> Option<f64> {
    let [high, low, close] =
        [bar.price.high, bar.price.low, bar.price.close].map(|price| i128::from(to_fixed(price)));
    let above = close.checked_mul(bar.volume).map(|product| product - bar.turnover);
    match (above, (high - low).checked_mul(bar.volume)) {
        (Some(above), Some(range)) => ratio(above, range),
        // A product does not fit 128 bits: the bar has a turnover of about 1e22 units.
        _ => Some((close as f64 - ratio(bar.turnover, bar.volume)?) / (high - low) as f64),
    }
}

/// `abs(close - open) / volume`: how far the price moved for each unit traded.
///
/// A variant of Amihud (2002), whose measure is the absolute return over the traded value.
/// `None` if the volume is 0.
pub fn price_impact(bar: &Bar) -> Option<f64> {
    ratio(price_change(bar).abs(), bar.volume)
}

/// `((close - open) / open) / ofi`: the return for each unit of order-flow imbalance.
///
/// A proxy after Kyle (1985), not his regression. `None` if [`ofi`] is 0 or `None`.
pub fn kyle_lambda_proxy(bar: &Bar) -> Option<f64> {
    let flow = ofi(bar).filter(|flow| *flow != 0.0)?;
    ratio(price_change(bar), i128::from(to_fixed(bar.price.open))).map(|change| change / flow)
}

/// `individual_trade_count / (duration_us / 1e6)`: individual trades a second.
///
/// Cf. the trade arrivals of Engle and Russell (1998). `None` if the duration is 0.
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
/// It is 100 if there are buys and no sells. `None` if there is neither, or the trades have no
/// side. Cf. Lee and Ready (1991), who infer the aggressor that the exchange reports here.
pub fn aggression_ratio(bar: &Bar) -> Option<f64> {
    let sides = bar.sides.filter(|sides| sides.buy.trades != 0 || sides.sell.trades != 0)?;
    let of_sells = ratio(sides.buy.trades.into(), sides.sell.trades.into());
    Some(of_sells.unwrap_or(MOST_AGGRESSIVE).min(MOST_AGGRESSIVE))
}

/// `individual_trade_count / agg_record_count`: individual trades for each record.
///
/// `None` if no record of the bar has both trade ids.
pub fn aggregation_density(bar: &Bar) -> Option<f64> {
    ratio(bar.trades.into(), bar.rows.into()).filter(|_| bar.rows_with_trade_ids > 0)
}

/// `(buy_turnover - sell_turnover) / (buy_turnover + sell_turnover)`: [`ofi`] by value.
///
/// `None` if that sum is 0 or the trades have no side.
pub fn turnover_imbalance(bar: &Bar) -> Option<f64> {
    bar.sides.and_then(|sides| imbalance(sides.buy.turnover, sides.sell.turnover))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::{BySide, Prices, Side, Span};
    use crate::trades::TimeUnit;

    /// 6 units from 100 to 104 in 2 s: 4 bought at 101 by 3 trades, 2 sold at 98 by 1.
    fn bar() -> Bar {
        let side = |units: i128, price: i128, trades| Side {
            volume: units * 100_000_000,
            turnover: units * price * 10_i128.pow(16),
            trades,
        };
        let sides = BySide { buy: side(4, 101, 3), sell: side(2, 98, 1) };
        Bar {
            time: Span { open: 0, close: 2_000, unit: TimeUnit::Milliseconds },
            price: Prices { open: 100.0, high: 104.0, low: 98.0, close: 104.0 },
            volume: sides.buy.volume + sides.sell.volume,
            turnover: sides.buy.turnover + sides.sell.turnover,
            sides: Some(sides),
            rows: 2,
            trades: 4,
            rows_with_trade_ids: 2,
            first_agg_trade_id: None,
            last_agg_trade_id: None,
            run: None,
            levels: None,
        }
    }

    #[test]
    fn every_feature_is_its_formula() {
        let bar = bar();

        assert_eq!(vwap(&bar), Some(100.0));
        assert_eq!(duration_us(&bar), Some(2_000_000));
        assert_eq!(ofi(&bar), Some(2.0 / 6.0));
        assert_eq!(vwap_close_deviation(&bar), Some(4.0 / 6.0));
        assert_eq!(price_impact(&bar), Some(4.0 / 6.0));
        assert_eq!(kyle_lambda_proxy(&bar), Some(0.04 / (2.0 / 6.0)));
        assert_eq!(trade_intensity(&bar), Some(2.0));
        assert_eq!(volume_per_trade(&bar), Some(1.5));
        assert_eq!(aggression_ratio(&bar), Some(3.0));
        assert_eq!(aggregation_density(&bar), Some(2.0));
        assert_eq!(turnover_imbalance(&bar), Some(208.0 / 600.0));
    }

    #[test]
    fn an_undefined_feature_is_none() {
        let mut bar = Bar { volume: 0, turnover: 0, rows_with_trade_ids: 0, ..bar() };
        bar.time.close = bar.time.open;
        bar.sides = Some(BySide::default());

        for feature in [vwap, ofi, vwap_close_deviation, price_impact, kyle_lambda_proxy] {
            assert_eq!(feature(&bar), None);
        }
        for feature in [trade_intensity, aggression_ratio, aggregation_density, turnover_imbalance]
        {
            assert_eq!(feature(&bar), None);
        }
        assert_eq!(ofi(&Bar { sides: None, ..bar }), None);
    }

    #[test]
    fn the_deviation_of_a_bar_of_the_largest_turnover_is_the_same() {
        let mut bar = bar();
        // 128 bits hold the turnover, and not as much volume at the close.
        let times = 28_000_000_000_000_000_000;
        (bar.volume, bar.turnover) = (bar.volume * times, bar.turnover * times);

        assert_eq!(vwap_close_deviation(&bar), Some(4.0 / 6.0));
        bar.price.close = 98.0;
        assert_eq!(vwap_close_deviation(&bar), Some(-2.0 / 6.0));
    }

    #[test]
    fn a_bar_without_sells_has_the_largest_aggression() {
        let mut bar = bar();
        bar.sides = bar.sides.map(|sides| BySide { sell: Side::default(), ..sides });

        assert_eq!(aggression_ratio(&bar), Some(100.0));
    }
}
