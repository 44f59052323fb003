//! A bar ends where the price is a fixed fraction, or a fixed amount, away from its open.

use crate::bar::Bar;
use crate::error::Error;
use crate::fixed::{highest_within, lowest_reaching, to_fixed};
use crate::rule::limit::Limit;
use crate::rule::{Memory, Rule};
use crate::trades::Trades;

/// A threshold in decimal basis points: 1 is 0.001 %, 250 is 0.25 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(i64);

impl Threshold {
    /// Decimal basis points in the whole: a threshold of this many is 100 %.
    pub const WHOLE: i64 = 100_000;

    /// A threshold of 1 to 100,000 decimal basis points.
    ///
    /// # Errors
    /// [`Error::Threshold`] outside.
    ///
    /// ```
    /// use rangebar_polars::rule::Threshold;
    ///
    /// assert_eq!(Threshold::new(250).unwrap().decimal_bps(), 250);
    /// assert_eq!(
    ///     Threshold::new(0).unwrap_err().to_string(),
    ///     "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    /// );
    /// ```
    pub const fn new(decimal_bps: i64) -> Result<Self, Error> {
        if 1 <= decimal_bps && decimal_bps <= Self::WHOLE {
            Ok(Self(decimal_bps))
        } else {
            Err(Error::Threshold { got: decimal_bps })
        }
    }

    /// The threshold in decimal basis points.
    pub const fn decimal_bps(self) -> i64 {
        self.0
    }

    /// How far the price must move from `open`, at scale 1e8. It is rounded up, so that a move is
    /// never smaller than the threshold.
    pub(crate) fn delta(self, open: i64) -> i64 {
        // Most products fit 64 bits, whose division by a constant is a multiplication.
        let scaled =
            open.checked_mul(self.0).and_then(|scaled| scaled.checked_add(Self::WHOLE - 1));
        let delta = scaled.map_or_else(
            || {
                let whole = i128::from(Self::WHOLE);
                let delta = (i128::from(open) * i128::from(self.0) + whole - 1) / whole;
                // Not above `open`, since a threshold is at most the whole.
                i64::try_from(delta).unwrap_or(i64::MAX)
            },
            |scaled| scaled / Self::WHOLE,
        );
        delta.max(1)
    }
}

/// How far the price must move from the open of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// By a fraction of the open.
    Fraction(Threshold),
    /// By an amount of price. The lower limit may be 0 or less, and is then never reached.
    Amount(Limit),
}

impl Move {
    /// The move from this open, at scale 1e8.
    fn delta(self, open: i64) -> i64 {
        match self {
            Self::Fraction(threshold) => threshold.delta(open),
            // No price is farther from another than 64 bits hold.
            Self::Amount(limit) => i64::try_from(limit.units()).unwrap_or(i64::MAX),
        }
    }
}

/// The range rule: a bar closes at the first trade at least one threshold, or one amount, away from
/// its open.
///
/// With `prevent_same_timestamp_close`, a trade at the opening time of the bar never closes it.
/// Such a trade beyond a limit has no effect later: the bar closes at the first trade of a later
/// time that is itself at or beyond a limit.
///
/// The first bar opens at 100; a threshold of 1 % puts its limits at 99 and 101:
///
/// | trade | time | price | closes the bar | with `prevent_same_timestamp_close` |
/// |---|---|---|---|---|
/// | 0 | 0 | 100 | no, it opens it | no, it opens it |
/// | 1 | 0 | 102 | yes | no, it has the opening time |
/// | 2 | 1 | 100.99 | (opens the next bar) | no, it is between the limits |
/// | 3 | 2 | 101 | | yes |
#[derive(Clone, Debug, PartialEq)]
pub struct RangeRule {
    pub(super) by: Move,
    prevent_same_timestamp_close: bool,
    open: Option<Limits>,
}

/// The opening time of the open bar and its two limits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limits {
    open_time: i64,
    upper: f64,
    lower: f64,
}

impl Limits {
    /// A comparison of f64 with these limits gives the same result as one of integers at scale 1e8,
    /// because rounding is monotone. A limit beyond i64 is never reached: every admitted price is
    /// below.
    fn new(by: Move, open: f64, open_time: i64) -> Self {
        let open = to_fixed(open);
        let delta = by.delta(open);
        Self { open_time, upper: upper_limit(open, delta), lower: lower_limit(open, delta) }
    }

    /// Whether a price is at or beyond a limit.
    fn are_reached(&self, price: f64) -> bool {
        is_outside(price, self.lower, self.upper)
    }
}

/// The lowest price that is `delta` above `open`, both at scale 1e8; infinite if no price is.
#[inline]
pub(crate) fn upper_limit(open: i64, delta: i64) -> f64 {
    open.checked_add(delta).map_or(f64::INFINITY, lowest_reaching)
}

/// The highest price that is `delta` below `open`, both at scale 1e8; below 0 if no price is.
#[inline]
pub(crate) fn lower_limit(open: i64, delta: i64) -> f64 {
    highest_within(open.saturating_sub(delta))
}

/// Whether a price is at or beyond a limit.
#[inline]
#[allow(clippy::needless_bitwise_bool)] // no branch, so that a loop can be vectorised
fn is_outside(price: f64, lower: f64, upper: f64) -> bool {
    (price >= upper) | (price <= lower)
}

/// The first price at or beyond a limit. A short bar ends among the first few, which are looked at
/// one by one; the others are searched in blocks that a compiler can vectorise.
#[inline]
pub(crate) fn first_outside(prices: &[f64], lower: f64, upper: f64) -> Option<usize> {
    const FEW: usize = 8;
    const BLOCK: usize = 32;
    let outside = |price: &f64| is_outside(*price, lower, upper);
    let (few, rest) = prices.split_at(prices.len().min(FEW));
    few.iter().position(outside).or_else(|| {
        rest.chunks(BLOCK).enumerate().find_map(|(block, prices)| {
            let any = prices.iter().fold(false, |any, price| any | outside(price));
            let row = if any { prices.iter().position(outside) } else { None };
            row.map(|row| FEW + block * BLOCK + row)
        })
    })
}

impl RangeRule {
    /// The rule for one threshold.
    pub const fn new(threshold: Threshold, prevent_same_timestamp_close: bool) -> Self {
        Self { by: Move::Fraction(threshold), prevent_same_timestamp_close, open: None }
    }

    /// The rule for one amount of price.
    pub const fn of_amount(limit: Limit, prevent_same_timestamp_close: bool) -> Self {
        Self { by: Move::Amount(limit), prevent_same_timestamp_close, open: None }
    }

    /// The lowest price that closes the open bar from above, and the highest that closes it from
    /// below; `None` if no bar is open. A price that no trade can have is infinite, or below 0.
    pub fn limits(&self) -> Option<(f64, f64)> {
        self.open.map(|limits| (limits.lower, limits.upper))
    }

    fn would_close(&self, price: f64, time: i64) -> bool {
        self.open.as_ref().is_some_and(|limits| {
            limits.are_reached(price)
                && !(self.prevent_same_timestamp_close && time == limits.open_time)
        })
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.prevent_same_timestamp_close
    }

    /// How far the price must move.
    pub const fn by(&self) -> Move {
        self.by
    }
}

impl Rule for RangeRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let (prices, times) = (trades.prices(), trades.times());
        let (limits, mut row) = match self.open.take() {
            Some(limits) => (limits, from),
            None if from == trades.len => return None,
            None => (Limits::new(self.by, prices[from], times[from]), from + 1),
        };
        while let Some(breach) = first_outside(&prices[row..], limits.lower, limits.upper) {
            row += breach;
            if !self.prevent_same_timestamp_close || times[row] != limits.open_time {
                return Some(row);
            }
            // No trade of the opening time can close the bar: continue after the last of them.
            row += times[row..].iter().take_while(|time| **time == limits.open_time).count();
        }
        self.open = Some(limits);
        None
    }

    fn cut_off(&mut self) {
        self.open = None;
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        let limits = |bar: &Bar| Limits::new(self.by, bar.price.open, bar.time.open);
        self.open = open.map(limits);
        // With the guard of the opening time, a trade of that time may lie beyond a limit, so that
        // only the last price is known to be within.
        let has_ended = open.is_some_and(|Bar { price, time, .. }| {
            [(price.close, time.close), (price.high, time.open), (price.low, time.open)]
                .into_iter()
                .any(|(price, time)| self.would_close(price, time))
        });
        *memory == Memory::Nothing && !has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::{Column, TimeUnit};

    /// The rows of these trades, of time and price, that close a bar of 1 %.
    fn closes(prevent_same_timestamp_close: bool, trades: &[(i64, f64)]) -> Vec<usize> {
        let (times, prices): (Vec<_>, Vec<_>) = trades.iter().copied().unzip();
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &times)),
            price: Some(Column::new("price", &prices)),
            ..Trades::new(trades.len(), TimeUnit::Milliseconds)
        };
        let threshold = Threshold::new(1_000).unwrap();
        let mut rule = RangeRule::new(threshold, prevent_same_timestamp_close);
        let mut from = 0;
        std::iter::from_fn(|| {
            let close = rule.next_close(&trades, from)?;
            from = close + 1;
            Some(close)
        })
        .collect()
    }

    #[test]
    fn the_table_of_four_trades_holds() {
        let table = [(0, 100.0), (0, 102.0), (1, 100.99), (2, 101.0)];

        assert_eq!(closes(false, &table), [1]);
        assert_eq!(closes(true, &table), [3]);
    }

    #[test]
    fn a_bar_closes_at_its_limits_and_not_one_unit_before() {
        for limit in [99.0, 101.0] {
            assert_eq!(closes(true, &[(0, 100.0), (1, limit)]), [1]);
        }
        for inside in [99.000_000_01, 100.999_999_99] {
            assert!(closes(true, &[(0, 100.0), (1, inside)]).is_empty());
        }
    }

    #[test]
    fn a_threshold_below_one_unit_counts_as_one_unit() {
        assert_eq!(closes(true, &[(0, 1e-8), (1, 1e-8), (2, 2e-8)]), [2]);
    }

    #[test]
    fn the_move_is_rounded_up_at_any_price() {
        for (open, threshold, delta) in [
            (5, 1, 1),
            (100_000, 250, 250),
            (100_001, 250, 251),
            // Beyond 64 bits.
            (9_000_000_000_000_000_001, 33_333, 2_999_970_000_000_000_001),
            (9_000_000_000_000_000_000, 33_333, 2_999_970_000_000_000_000),
            (i64::MAX, 100_000, i64::MAX),
        ] {
            assert_eq!(Threshold::new(threshold).unwrap().delta(open), delta, "{open}");
        }
    }

    #[test]
    fn an_amount_moves_the_limits_by_as_much() {
        let mut rule = RangeRule::of_amount("5".parse().unwrap(), true);
        let prices = [3.0, 1.0, 8.0];
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &[0, 1, 2])),
            price: Some(Column::new("price", &prices)),
            ..Trades::new(3, TimeUnit::Milliseconds)
        };

        assert_eq!(rule.next_close(&trades.slice(0..2), 0), None);
        let (lower, upper) = rule.limits().unwrap();
        assert!(lower < 0.0, "{lower}");
        assert_eq!(to_fixed(upper), to_fixed(8.0));
        assert_eq!(rule.next_close(&trades.slice(2..3), 0), Some(0));
    }

    #[test]
    fn a_rule_that_was_cut_off_opens_with_the_next_trade() {
        let times = [0, 1];
        let prices = [100.0, 102.0];
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &times)),
            price: Some(Column::new("price", &prices)),
            ..Trades::new(2, TimeUnit::Milliseconds)
        };
        let mut rule = RangeRule::new(Threshold::new(1_000).unwrap(), true);

        assert_eq!(rule.next_close(&trades.slice(0..1), 0), None);
        rule.cut_off();
        assert_eq!(rule.next_close(&trades.slice(1..2), 0), None);
    }
}
