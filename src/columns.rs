//! The columns of a frame of bars: the one table that schema, frames, expressions, docs and tests
//! read.
//!
//! An output is a name, a function of a bar, and the sums that the function needs. A column or sum
//! that no output needs is neither read nor computed.
//!
//! Stores keep the cuts and the sums of bars, exactly as a bar holds them, and nothing that is
//! computed from them, so bars that were stored before a feature was added have it too.

mod table;
mod values;

pub use table::Table;
pub use values::{Nullable, Values};

use crate::bar::Bar;
use crate::features;
use crate::needs::Needs;
use crate::statistics;
use serde::{Deserialize, Serialize};

/// The group of columns that an output belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Columns of every frame of bars.
    Bar,
    /// With `include_microstructure`: sums, counts and ids.
    Sum,
    /// With `include_microstructure`: the features.
    Feature,
    /// By name alone, with `features`: the statistics of the trades of a bar.
    Intra,
    /// With `lookback`: the statistics of the trades before a bar, functions of the sums of these.
    Lookback,
    /// With `vpin`: the imbalance of buckets of volume before a bar, a function of no bar.
    Vpin,
    /// In stores alone, for what is computed from it.
    Stored,
}

/// The function of an output; its return type is the dtype of the column.
#[derive(Clone, Copy, Debug)]
pub enum Compute {
    /// A time, in the unit of the input.
    Time(fn(&Bar) -> i64),
    /// A price of a trade.
    Price(fn(&Bar) -> f64),
    /// A sum of quantities at scale 1e8, or null: a float in frames.
    Volume(fn(&Bar) -> Option<i128>),
    /// A sum of prices times quantities at scale 1e16, or null: a float in frames.
    Turnover(fn(&Bar) -> Option<i128>),
    /// A 64-bit integer or null.
    Int(fn(&Bar) -> Option<i64>),
    /// A value computed from sums: a float or null.
    Float(fn(&Bar) -> Option<f64>),
}

/// A value of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

/// One column of a frame of bars.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Its name.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// The sums that the function needs.
    pub needs: Needs,
    /// Its value.
    pub compute: Compute,
    /// The formula, in words.
    pub formula: &'static str,
    /// When it is null; empty if never.
    pub null_when: &'static str,
}

/// Reads the lines of the table: group, name, function, needs, formula, and when it is null.
macro_rules! outputs {
    ($($group:ident $name:ident $kind:ident($function:expr) [$($need:ident)*] $formula:literal
       $(null $null_when:literal)?;)*) => {
        &[$(Output {
            name: stringify!($name),
            group: Group::$group,
            needs: Needs::NOTHING$(.and(Needs::$need))*,
            compute: Compute::$kind($function),
            formula: $formula,
            null_when: concat!($($null_when)?),
        }),*]
    };
}

/// Every column, in order.
#[rustfmt::skip]
pub const OUTPUTS: &[Output] = outputs! {
    Bar open_time Time(|bar| bar.time.open) [TIME] "time of the first trade";
    Bar close_time Time(|bar| bar.time.close) [TIME] "time of the last trade";
    Bar open Price(|bar| bar.price.open) [PRICE] "first price";
    Bar high Price(|bar| bar.price.high) [PRICE] "highest price";
    Bar low Price(|bar| bar.price.low) [PRICE] "lowest price";
    Bar close Price(|bar| bar.price.close) [PRICE] "last price";
    Bar volume Volume(|bar| Some(bar.volume)) [VOLUME] "sum of the quantities";
    Sum vwap Float(features::vwap) [TURNOVER VOLUME] "turnover / volume" null "volume is 0";
    Sum turnover Turnover(|bar| Some(bar.turnover)) [TURNOVER] "sum of price times quantity";
    Sum buy_volume Volume(|bar| Some(bar.sides?.buy.volume)) [VOLUME SIDES] "volume whose aggressor bought" null "no is_buyer_maker column";
    Sum sell_volume Volume(|bar| Some(bar.sides?.sell.volume)) [VOLUME SIDES] "volume whose aggressor sold" null "no is_buyer_maker column";
    Sum buy_turnover Turnover(|bar| Some(bar.sides?.buy.turnover)) [TURNOVER SIDES SIDE_TURNOVER] "turnover whose aggressor bought" null "no is_buyer_maker column";
    Sum sell_turnover Turnover(|bar| Some(bar.sides?.sell.turnover)) [TURNOVER SIDES SIDE_TURNOVER] "turnover whose aggressor sold" null "no is_buyer_maker column";
    Sum individual_trade_count Int(|bar| Some(bar.trades)) [TRADES] "sum of last_trade_id - first_trade_id + 1, or 1 without both";
    Sum agg_record_count Int(|bar| Some(bar.rows)) [] "number of rows";
    Sum buy_trade_count Int(|bar| Some(bar.sides?.buy.trades)) [TRADES SIDES] "individual trades whose aggressor bought" null "no is_buyer_maker column";
    Sum sell_trade_count Int(|bar| Some(bar.sides?.sell.trades)) [TRADES SIDES] "individual trades whose aggressor sold" null "no is_buyer_maker column";
    Sum first_agg_trade_id Int(|bar| bar.first_agg_trade_id) [AGG_IDS] "agg_trade_id of the first row" null "that row has none";
    Sum last_agg_trade_id Int(|bar| bar.last_agg_trade_id) [AGG_IDS] "agg_trade_id of the last row" null "that row has none";
    Feature duration_us Int(features::duration_us) [TIME] "close_time - open_time in whole microseconds";
    Feature ofi Float(features::ofi) [VOLUME SIDES] "(buy_volume - sell_volume) / (buy_volume + sell_volume)" null "that sum is 0 or unknown";
    Feature vwap_close_deviation Float(features::vwap_close_deviation) [PRICE TURNOVER VOLUME] "(close - vwap) / (high - low)" null "high = low or volume is 0";
    Feature price_impact Float(features::price_impact) [PRICE VOLUME] "abs(close - open) / volume" null "volume is 0";
    Feature kyle_lambda_proxy Float(features::kyle_lambda_proxy) [PRICE VOLUME SIDES] "((close - open) / open) / ofi" null "ofi is 0 or null";
    Feature trade_intensity Float(features::trade_intensity) [TIME TRADES] "individual_trade_count / (duration_us / 1e6)" null "duration_us is 0";
    Feature volume_per_trade Float(features::volume_per_trade) [VOLUME TRADES] "volume / individual_trade_count";
    Feature aggression_ratio Float(features::aggression_ratio) [TRADES SIDES] "min(buy_trade_count / sell_trade_count, 100)" null "both counts are 0, or unknown";
    Feature aggregation_density Float(features::aggregation_density) [TRADES] "individual_trade_count / agg_record_count" null "no row has both trade ids";
    Feature turnover_imbalance Float(features::turnover_imbalance) [TURNOVER SIDES SIDE_TURNOVER] "(buy_turnover - sell_turnover) / (buy_turnover + sell_turnover)" null "that sum is 0 or unknown";
    Intra intra_vwap_position Float(statistics::vwap_position) [PRICE TURNOVER VOLUME] "(vwap - low) / (high - low)" null "high = low or volume is 0";
    Intra intra_realized_volatility Float(statistics::realized_volatility) [RETURNS] "root of the sum of squared simple returns from trade to trade, in units of 2^-52" null "1 trade";
    Intra intra_garman_klass_vol Float(statistics::garman_klass_vol) [PRICE] "sqrt(ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2)";
    Intra intra_kaufman_er Float(statistics::kaufman_er) [PRICE DISTANCE] "abs(close - open) / sum of the absolute price changes" null "the price never moved";
    Intra intra_max_drawdown Float(statistics::max_drawdown) [DRAWDOWNS] "greatest fall from the highest price so far, by that price";
    Intra intra_max_run_up Float(statistics::max_run_up) [DRAWDOWNS] "greatest rise from the lowest price so far, by that price";
    Intra intra_variance_ratio Float(statistics::variance_ratio) [LAGS] "unbiased variance of overlapping price changes over 10 trades / (10 * that of single changes)" null "fewer than 21 trades, or all changes are equal";
    Intra intra_permutation_entropy Float(statistics::permutation_entropy) [ORDERS] "entropy of the orders of 3 successive prices / ln 6" null "fewer than 60 trades";
    Intra intra_burstiness Float(statistics::burstiness) [TIME INTERVALS] "(deviation - mean) / (deviation + mean) of the times between trades" null "fewer than 3 trades, or all have one time";
    Intra intra_largest_trade_share Float(statistics::largest_trade_share) [VOLUME SIZES] "largest quantity / volume" null "volume is 0";
    Intra intra_volume_skew Float(statistics::volume_skew) [VOLUME SIZES] "population skewness of the quantities" null "fewer than 3 trades, or all quantities are equal";
    Intra intra_volume_kurt Float(statistics::volume_kurt) [VOLUME SIZES] "population excess kurtosis of the quantities" null "fewer than 4 trades, or all quantities are equal";
    Intra intra_tick_rule_ofi Float(statistics::tick_rule_ofi) [DIRECTIONS] "(up - down) / (up + down) of the volumes after a rise and after a fall of the price" null "that sum is 0";
    Intra intra_kyle_lambda_ols Float(statistics::kyle_lambda_ols) [SIDES FLOWS] "slope of the price changes on signed volume, through the origin" null "no trade but the first has a side and a volume";
    Intra intra_amihud Float(statistics::amihud) [PRICE TURNOVER] "abs(close - open) / open / turnover" null "turnover is 0";
    Intra intra_roll_spread Float(statistics::roll_spread) [PRODUCTS] "2 * sqrt(-covariance of successive price changes)" null "fewer than 4 trades, or the covariance is 0 or more";
    Intra intra_direction_changes Int(statistics::direction_changes) [CHANGES] "how often a price change has the other sign than the one before, zeros left out";
    Intra intra_uptick_count Int(statistics::uptick_count) [CHANGES] "number of price changes above 0";
    Intra intra_downtick_count Int(statistics::downtick_count) [CHANGES] "number of price changes below 0";
    Intra intra_time_above_open Float(statistics::time_above_open) [TIME TIME_ABOVE] "share of the time in which the price was above open" null "all trades have one time";
    Intra intra_delta Float(statistics::delta) [VOLUME SIDES] "buy_volume - sell_volume" null "no is_buyer_maker column";
    Intra intra_max_delta Float(statistics::max_delta) [SIDES DELTAS] "greatest running buy_volume - sell_volume, 0 before the first trade" null "no is_buyer_maker column";
    Intra intra_min_delta Float(statistics::min_delta) [SIDES DELTAS] "least running buy_volume - sell_volume, 0 before the first trade" null "no is_buyer_maker column";
    Lookback lookback_trade_count Int(|window| Some(window.rows)) [] "number of trades" null "too few trades before";
    Lookback lookback_duration_us Int(features::duration_us) [TIME] "time from the first trade to the last in whole microseconds" null "no trade, or too few before";
    Lookback lookback_intensity Float(statistics::intensity) [TIME] "trade_count / (duration_us / 1e6)" null "duration_us is 0, or too few trades before";
    Lookback lookback_ofi Float(features::ofi) [VOLUME SIDES] "(bought - sold) / (bought + sold) of the volumes" null "that sum is 0 or unknown, or too few trades before";
    Lookback lookback_count_imbalance Float(statistics::count_imbalance) [SIDES] "(bought - sold) / (bought + sold) of the numbers of trades" null "that sum is 0 or unknown, or too few trades before";
    Lookback lookback_vwap Float(features::vwap) [TURNOVER VOLUME] "turnover / volume" null "volume is 0, or too few trades before";
    Lookback lookback_price_range Float(statistics::price_range) [PRICE] "(highest - lowest price) / first price" null "no trade, or too few before";
    Lookback lookback_return Float(statistics::simple_return) [PRICE] "(last - first price) / first price" null "no trade, or too few before";
    Lookback lookback_kyle_lambda_proxy Float(features::kyle_lambda_proxy) [PRICE VOLUME SIDES] "return / ofi" null "ofi is 0 or null, or too few trades before";
    Lookback lookback_vwap_position Float(statistics::vwap_position) [PRICE TURNOVER VOLUME] "(vwap - lowest price) / (highest - lowest price)" null "all prices are equal, or volume is 0, or too few trades before";
    Lookback lookback_realized_volatility Float(statistics::realized_volatility) [RETURNS] "root of the sum of squared simple returns from trade to trade, in units of 2^-52" null "fewer than 2 trades, or too few trades before";
    Lookback lookback_garman_klass_vol Float(statistics::garman_klass_vol) [PRICE] "sqrt(ln(highest / lowest price)^2 / 2 - (2 ln 2 - 1) ln(last / first price)^2)" null "no trade, or too few before";
    Lookback lookback_kaufman_er Float(statistics::kaufman_er) [PRICE DISTANCE] "abs(last - first price) / sum of the absolute price changes" null "the price never moved, or too few trades before";
    Lookback lookback_max_drawdown Float(statistics::max_drawdown) [DRAWDOWNS] "greatest fall from the highest price so far, by that price" null "no trade, or too few before";
    Lookback lookback_max_run_up Float(statistics::max_run_up) [DRAWDOWNS] "greatest rise from the lowest price so far, by that price" null "no trade, or too few before";
    Lookback lookback_variance_ratio Float(statistics::variance_ratio) [LAGS] "unbiased variance of overlapping price changes over 10 trades / (10 * that of single changes)" null "fewer than 21 trades, or all changes are equal, or too few trades before";
    Lookback lookback_permutation_entropy Float(statistics::permutation_entropy) [ORDERS] "entropy of the orders of 3 successive prices / ln 6" null "fewer than 60 trades, or too few trades before";
    Lookback lookback_burstiness Float(statistics::burstiness) [TIME INTERVALS] "(deviation - mean) / (deviation + mean) of the times between trades" null "fewer than 3 trades, or all have one time, or too few trades before";
    Lookback lookback_largest_trade_share Float(statistics::largest_trade_share) [VOLUME SIZES] "largest quantity / volume" null "volume is 0, or too few trades before";
    Lookback lookback_volume_skew Float(statistics::volume_skew) [VOLUME SIZES] "population skewness of the quantities" null "fewer than 3 trades, or all quantities are equal, or too few trades before";
    Lookback lookback_volume_kurt Float(statistics::volume_kurt) [VOLUME SIZES] "population excess kurtosis of the quantities" null "fewer than 4 trades, or all quantities are equal, or too few trades before";
    Lookback lookback_tick_rule_ofi Float(statistics::tick_rule_ofi) [DIRECTIONS] "(up - down) / (up + down) of the volumes after a rise and after a fall of the price" null "that sum is 0, or too few trades before";
    Lookback lookback_kyle_lambda_ols Float(statistics::kyle_lambda_ols) [SIDES FLOWS] "slope of the price changes on signed volume, through the origin" null "no trade but the first has a side and a volume, or too few trades before";
    Lookback lookback_amihud Float(statistics::amihud) [PRICE TURNOVER] "abs(last - first price) / first price / turnover" null "turnover is 0, or too few trades before";
    Lookback lookback_roll_spread Float(statistics::roll_spread) [PRODUCTS] "2 * sqrt(-covariance of successive price changes)" null "fewer than 4 trades, or the covariance is 0 or more, or too few trades before";
    Vpin lookback_vpin Float(|_| None) [VOLUME SIDES] "sum of abs(bought - sold) of the last full buckets / their volume" null "fewer are full, or no is_buyer_maker column";
    Stored record_count_with_trade_ids Int(|bar| Some(bar.rows_with_trade_ids)) [TRADES] "number of rows with first_trade_id and last_trade_id";
};

impl Output {
    /// Whether stores keep it, because it cannot be computed from others that they keep.
    pub const fn is_stored(&self) -> bool {
        match self.compute {
            Compute::Time(_) | Compute::Price(_) | Compute::Volume(_) | Compute::Turnover(_) => {
                true
            }
            Compute::Int(_) => {
                !matches!(self.group, Group::Feature | Group::Intra) && !self.looks_back()
            }
            Compute::Float(_) => false,
        }
    }

    /// Whether it needs the trades of a bar one by one, or those before it, so that stores keep it
    /// only where it was asked for.
    pub const fn needs_trades(&self) -> bool {
        self.looks_back() || !Needs::NOTHING.contains(self.needs.of_run())
    }

    /// Whether it is computed from a stored output; one that is stored, from itself alone.
    pub fn needs_stored(&self, other: &Self) -> bool {
        if self.is_stored() {
            return self.name == other.name;
        }
        other.is_stored() && !self.needs_trades() && self.needs.contains(other.needs)
    }

    /// Whether it says what came before a bar.
    pub const fn looks_back(&self) -> bool {
        matches!(self.group, Group::Lookback | Group::Vpin)
    }

    /// Its value for a bar, of an output that is no time and no sum.
    pub fn scalar(&self, bar: &Bar) -> Option<Scalar> {
        match self.compute {
            Compute::Int(value) => value(bar).map(Scalar::Int),
            Compute::Float(value) => value(bar).map(Scalar::Float),
            Compute::Time(_) | Compute::Price(_) | Compute::Volume(_) | Compute::Turnover(_) => {
                None
            }
        }
    }

    /// Its value where there is no trade: the number of trades alone is known.
    pub fn of_no_trade(&self) -> Option<Scalar> {
        (self.name == "lookback_trade_count").then_some(Scalar::Int(0))
    }
}

/// The output with this name.
pub fn output(name: &str) -> Option<&'static Output> {
    OUTPUTS.iter().find(|output| output.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (n, output) in OUTPUTS.iter().enumerate() {
            assert!(OUTPUTS[n + 1..].iter().all(|other| other.name != output.name));
            assert_eq!(self::output(output.name).map(|found| found.formula), Some(output.formula));
        }
        assert!(output("no such column").is_none());
    }

    #[test]
    fn what_is_computed_from_sums_names_the_stored_columns_it_needs() {
        let names = |name| -> Vec<_> {
            let Some(output) = output(name) else { return Vec::new() };
            let needed = OUTPUTS.iter().filter(|other| output.needs_stored(other));
            needed.map(|other| other.name).collect()
        };

        assert_eq!(names("volume"), ["volume"]);
        assert_eq!(names("duration_us"), ["open_time", "close_time", "agg_record_count"]);
        assert_eq!(
            names("kyle_lambda_proxy"),
            [
                "open",
                "high",
                "low",
                "close",
                "volume",
                "buy_volume",
                "sell_volume",
                "agg_record_count"
            ]
        );
        assert_eq!(
            names("intra_amihud"),
            ["open", "high", "low", "close", "turnover", "agg_record_count"]
        );
        assert!(names("intra_kaufman_er").is_empty());
    }
}
