//! A bar ends where its highest and lowest price are a fixed amount apart.

use crate::bar::{Bar, Prices};
use crate::fixed::to_fixed;
use crate::rule::guard::Guard;
use crate::rule::limit::Limit;
use crate::rule::{Memory, Rule};
use crate::trades::Trades;

/// How many prices are looked at together.
const BLOCK: usize = 32;

/// The rule of high less low: a bar closes at the first trade with which its range is the limit or
/// more.
///
/// A jump over several limits is one bar. With the guard of the opening time, the range stays where
/// it is after a trade that could not close the bar, so the first trade of a later time closes it.
#[derive(Clone, Debug, PartialEq)]
pub struct HighLowRule {
    limit: Limit,
    guard: Guard,
    /// The lowest and the highest price of the open bar.
    open: Option<(f64, f64)>,
}

impl HighLowRule {
    /// The rule for one limit.
    pub const fn new(limit: Limit, prevent_same_timestamp_close: bool) -> Self {
        Self { limit, guard: Guard::new(prevent_same_timestamp_close), open: None }
    }

    /// Its limit.
    pub const fn limit(&self) -> Limit {
        self.limit
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }

    fn is_reached(&self, low: f64, high: f64) -> bool {
        i128::from(to_fixed(high)) - i128::from(to_fixed(low)) >= self.limit.units()
    }
}

impl Rule for HighLowRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let (prices, times) = (trades.prices(), trades.times());
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let (mut low, mut high) = self.open.take().unwrap_or((prices[from], prices[from]));
        for start in (from..trades.len).step_by(BLOCK) {
            let rows = start..trades.len.min(start + BLOCK);
            // The range only grows, so a block that does not reach the limit has no such row.
            let block = Prices::of(&prices[rows.clone()]);
            if !self.is_reached(low.min(block.low), high.max(block.high)) {
                (low, high) = (low.min(block.low), high.max(block.high));
                continue;
            }
            for row in rows {
                (low, high) = (low.min(prices[row]), high.max(prices[row]));
                if self.is_reached(low, high) && self.guard.lets(times[row]) {
                    self.guard.close();
                    return Some(row);
                }
            }
        }
        self.open = Some((low, high));
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.open = None;
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        let Some(Bar { price, time, .. }) = open else { return *memory == Memory::Nothing };
        self.guard.open(time.open);
        self.open = Some((price.low, price.high));
        let is_open = !self.is_reached(price.low, price.high) || !self.guard.lets(time.close);
        *memory == Memory::Nothing && is_open
    }
}
