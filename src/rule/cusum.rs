//! A bar ends where the price has moved by a fixed fraction since the last such move.
//!
//! It is the symmetric CUSUM filter of log returns (López de Prado, Advances in Financial Machine
//! Learning, 2.5.2.1) with the threshold ln(1 + h / 100000), in integers: its upward sum is the log
//! of the price over the lowest price since the last event, its downward sum that over the highest.

use crate::bar::{Bar, Prices};
use crate::fixed::to_fixed;
use crate::rule::guard::Guard;
use crate::rule::{Memory, Rule, Threshold};
use crate::trades::Trades;

/// How many prices are looked at together.
const BLOCK: usize = 32;

/// The rule of cumulative moves: a bar closes at the first trade whose price has risen by the
/// threshold from the lowest price since the last event, or fallen as far from the highest.
///
/// Both prices become that of the closing trade and outlive the bar, so the step to the next trade
/// counts, and a trade may close the bar that it opens. A cut-off forgets them: a jump over closed
/// hours is no event.
#[derive(Clone, Debug, PartialEq)]
pub struct CusumRule {
    threshold: Threshold,
    guard: Guard,
    /// The lowest and the highest price since the last event.
    since: Option<(f64, f64)>,
}

impl CusumRule {
    /// The rule for one threshold.
    pub const fn new(threshold: Threshold, prevent_same_timestamp_close: bool) -> Self {
        Self { threshold, guard: Guard::new(prevent_same_timestamp_close), since: None }
    }

    /// Its threshold.
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }

    /// Whether the upper price is the threshold or more above the lower.
    fn is_reached(&self, lower: f64, upper: f64) -> bool {
        let whole = i128::from(Threshold::WHOLE);
        let risen = whole + i128::from(self.threshold.decimal_bps());
        i128::from(to_fixed(upper)) * whole >= i128::from(to_fixed(lower)) * risen
    }

    fn is_event(&self, low: f64, high: f64, price: f64) -> bool {
        self.is_reached(low, price) || self.is_reached(price, high)
    }
}

impl Rule for CusumRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let (prices, times) = (trades.prices(), trades.times());
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let (mut low, mut high) = self.since.unwrap_or((prices[from], prices[from]));
        for start in (from..trades.len).step_by(BLOCK) {
            let rows = start..trades.len.min(start + BLOCK);
            let block = Prices::of(&prices[rows.clone()]);
            // No price is farther from another than the highest from the lowest.
            if !self.is_reached(low.min(block.low), high.max(block.high)) {
                (low, high) = (low.min(block.low), high.max(block.high));
                continue;
            }
            for row in rows {
                let price = prices[row];
                (low, high) = (low.min(price), high.max(price));
                if self.is_event(low, high, price) && self.guard.lets(times[row]) {
                    self.guard.close();
                    self.since = Some((price, price));
                    return Some(row);
                }
            }
        }
        self.since = Some((low, high));
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.since = None;
    }

    fn memory(&self) -> Memory {
        match self.since {
            Some((low, high)) => Memory::Prices { low, high },
            None => Memory::Nothing,
        }
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
        self.cut_off();
        let (low, high) = match (memory, open) {
            (Memory::Nothing, None) => return rows == 0,
            (Memory::Prices { low, high }, _) if 0.0 < *low && low <= high => (*low, *high),
            _ => return false,
        };
        self.since = Some((low, high));
        let Some(Bar { price, time, .. }) = open else { return low >= high };
        self.guard.open(time.open);
        // The prices since the last event are those of the bar and that of the event.
        let is_of_bar = low <= price.low && price.high <= high;
        let before = u8::from(low < price.low) + u8::from(price.high < high);
        let is_open = !self.is_event(low, high, price.close) || !self.guard.lets(time.close);
        is_of_bar && before <= 1 && is_open
    }
}
