//! The statistics of a run of trades, such as those of one bar: pure functions of its sums and of
//! the state of its run.
//!
//! In the formulas a run has `n` trades at times `t`, prices `P` and quantities `Q`; `x` are the
//! changes of the price and `d` the times from one trade to the next, so the first trade has
//! neither. All sums are exact integers, the float is formed at the end, and each side of a ratio
//! is rounded to f64 once. An undefined value is `None`, never 0, 1 or NaN.

use crate::bar::{Bar, BySide, Prices};
use crate::features::{price_change, ratio};
use crate::fixed::{to_f64, to_fixed};
use crate::run::Run;
use crate::wide::Wide;
use std::f64::consts::LN_2;

/// The state of the family that a statistic needs.
fn family<T>(bar: &Bar, family: impl Fn(&Run) -> Option<&T>) -> Option<&T> {
    bar.run.as_deref().and_then(family)
}

/// The time from the first trade to the last, in the unit of the times.
fn elapsed(bar: &Bar) -> u64 {
    bar.time.close.wrapping_sub(bar.time.open).cast_unsigned()
}

/// `n / (duration_us / 1e6)`: trades a second.
///
/// `None` if the duration is 0.
#[allow(clippy::cast_precision_loss)]
pub fn intensity(bar: &Bar) -> Option<f64> {
    let micros = bar.time.micros().filter(|micros| *micros != 0)?;
    Some(bar.rows as f64 / (micros as f64 / 1e6))
}

/// `(bought - sold) / (bought + sold)` of the numbers of trades, each of which is a record (Chordia,
/// Roll and Subrahmanyam 2002). The trades have no trade ids.
///
/// `None` if that sum is 0 or the trades have no side.
pub fn count_imbalance(bar: &Bar) -> Option<f64> {
    let BySide { buy, sell } = bar.sides?;
    let [bought, sold] = [buy.trades, sell.trades].map(i128::from);
    ratio(bought - sold, bought + sold)
}

/// `(high - low) / P_1`.
pub fn price_range(bar: &Bar) -> Option<f64> {
    let [high, low, open] = [bar.price.high, bar.price.low, bar.price.open].map(to_fixed);
    ratio(i128::from(high) - i128::from(low), open.into())
}

/// `(P_n - P_1) / P_1`.
pub fn simple_return(bar: &Bar) -> Option<f64> {
    ratio(price_change(bar), to_fixed(bar.price.open).into())
}

/// `(vwap - low) / (high - low)`: where the average price lies between low and high, in 0 to 1.
///
/// `None` if high and low are equal or the volume is 0.
pub fn vwap_position(bar: &Bar) -> Option<f64> {
    let [high, low] = [bar.price.high, bar.price.low].map(|price| Wide::from(to_fixed(price)));
    let volume = Wide::from(bar.volume);
    let below = (high - low) * volume;
    let above = Wide::from(bar.turnover) - low * volume;
    (!below.is_zero()).then(|| above.nearest() / below.nearest())
}

/// The root of the sum of squared simple returns from trade to trade, each rounded to a multiple of
/// 2^-52; not annualised (Andersen, Bollerslev, Diebold and Labys 2003).
///
/// `None` for one trade.
pub fn realized_volatility(bar: &Bar) -> Option<f64> {
    let returns = family(bar, |run| run.returns.as_ref())?;
    (bar.rows >= 2).then(|| returns.volatility())
}

/// `sqrt(ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2)` (Garman and Klass 1980).
pub fn garman_klass_vol(bar: &Bar) -> Option<f64> {
    let Prices { open, high, low, close } = bar.price;
    let range = distance(low, high)?;
    let change = distance(open.min(close), open.max(close))?;
    Some((0.5 * (range * range) - (2.0 * LN_2 - 1.0) * (change * change)).sqrt())
}

/// The logarithm of one price over another that is not above it.
///
/// It is that of 1 and the difference, because a quotient near 1 has lost most digits of a small
/// move. So the distance of two prices is never above that of two around them.
fn distance(low: f64, high: f64) -> Option<f64> {
    let (low, high) = (i128::from(to_fixed(low)), i128::from(to_fixed(high)));
    Some(ratio(high - low, low)?.ln_1p())
}

/// `abs(P_n - P_1) / sum(abs(x))`, in 0 to 1 (Kaufman 1995).
///
/// `None` if the price never moved.
pub fn kaufman_er(bar: &Bar) -> Option<f64> {
    let distance = family(bar, |run| run.distance.as_ref())?;
    ratio(price_change(bar).abs(), distance.sum)
}

/// The greatest `(M - P) / M`, where `M` is the highest price so far.
pub fn max_drawdown(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.drawdowns.as_ref()).map(|drawdowns| drawdowns.deepest)
}

/// The greatest `(P - W) / W`, where `W` is the lowest price so far.
pub fn max_run_up(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.drawdowns.as_ref()).map(|drawdowns| drawdowns.highest)
}

/// The variance of overlapping changes over 10 trades, over 10 times that of single changes, both
/// unbiased (Lo and `MacKinlay` 1988).
///
/// `None` for fewer than 21 trades, or if all changes are equal.
pub fn variance_ratio(bar: &Bar) -> Option<f64> {
    let run = bar.run.as_deref()?;
    run.lags.as_ref()?.variance_ratio(bar.rows, &run.edge)
}

/// The entropy of the orders of three successive prices, over `ln 6` (Bandt and Pompe 2002). Of
/// equal prices the earlier ranks lower.
///
/// `None` for fewer than 60 trades.
pub fn permutation_entropy(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.orders.as_ref())?.entropy(bar.rows)
}

/// `(s - m) / (s + m)` of the mean `m` and the population deviation `s` of `d` (Goh and Barabási
/// 2008).
///
/// `None` for fewer than 3 trades, or if they have one time.
pub fn burstiness(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.intervals.as_ref())?.burstiness(bar.rows, elapsed(bar))
}

/// `max(Q) / sum(Q)`, in 0 to 1.
///
/// `None` if the volume is 0.
pub fn largest_trade_share(bar: &Bar) -> Option<f64> {
    let sizes = family(bar, |run| run.sizes.as_ref())?;
    ratio(sizes.largest.into(), bar.volume)
}

/// The population skewness of `Q`.
///
/// `None` for fewer than 3 trades, or if all quantities are equal.
pub fn volume_skew(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.sizes.as_ref())?.skew(bar.rows, bar.volume)
}

/// The population excess kurtosis of `Q`.
///
/// `None` for fewer than 4 trades, or if all quantities are equal.
pub fn volume_kurt(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.sizes.as_ref())?.kurt(bar.rows, bar.volume)
}

/// `(U - D) / (U + D)` of the volumes of trades after a rise and after a fall (the tick test of Lee
/// and Ready 1991). A trade has the direction of the last price change in the run, its own
/// included.
///
/// `None` if no such trade has a volume.
pub fn tick_rule_ofi(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.directions.as_ref())?.imbalance()
}

/// The slope of `x` on signed volume through the origin (Kyle 1985).
///
/// `None` if no trade but the first has a side and a volume.
pub fn kyle_lambda_ols(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.flows.as_ref())?.slope()
}

/// `abs(P_n - P_1) / P_1 / turnover` (Amihud 2002).
///
/// `None` if the turnover is 0.
pub fn amihud(bar: &Bar) -> Option<f64> {
    let change = ratio(price_change(bar).abs(), to_fixed(bar.price.open).into())?;
    (bar.turnover != 0).then(|| change / crate::fixed::turnover_to_f64(bar.turnover))
}

/// `2 sqrt(-c)` of the covariance `c` of successive price changes (Roll 1984).
///
/// `None` for fewer than 4 trades, or if the covariance is not below 0.
pub fn roll_spread(bar: &Bar) -> Option<f64> {
    let run = bar.run.as_deref()?;
    run.products.as_ref()?.spread(bar.rows, &run.edge)
}

/// How often the price turned, trades without a change left out.
pub fn direction_changes(bar: &Bar) -> Option<i64> {
    family(bar, |run| run.changes.as_ref()).map(|changes| changes.turns)
}

/// How many trades were above the one before.
pub fn uptick_count(bar: &Bar) -> Option<i64> {
    family(bar, |run| run.changes.as_ref()).map(|changes| changes.ups)
}

/// How many trades were below the one before.
pub fn downtick_count(bar: &Bar) -> Option<i64> {
    family(bar, |run| run.changes.as_ref()).map(|changes| changes.downs)
}

/// The share of time in which the price was above the first one; a price holds until the next
/// trade.
///
/// `None` if the trades have one time.
pub fn time_above_open(bar: &Bar) -> Option<f64> {
    family(bar, |run| run.time_above.as_ref())?.share(elapsed(bar))
}

/// The bought volume less the sold.
///
/// `None` if the trades have no column of sides.
pub fn delta(bar: &Bar) -> Option<f64> {
    let sides = bar.sides?;
    Some(to_f64(sides.buy.volume - sides.sell.volume))
}

/// The greatest running [`delta`], the 0 before the first trade included.
///
/// `None` if the trades have no column of sides.
pub fn max_delta(bar: &Bar) -> Option<f64> {
    let deltas = family(bar, |run| run.deltas.as_ref())?;
    bar.sides.map(|_| to_f64(deltas.greatest))
}

/// The least running [`delta`], the 0 before the first trade included.
///
/// `None` if the trades have no column of sides.
pub fn min_delta(bar: &Bar) -> Option<f64> {
    let deltas = family(bar, |run| run.deltas.as_ref())?;
    bar.sides.map(|_| to_f64(deltas.least))
}

#[cfg(test)]
mod golden;
