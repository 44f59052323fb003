//! The time above the first price.

use crate::fixed::{lowest_reaching, to_fixed};
use serde::{Deserialize, Serialize};

/// The time above the first price; a price holds until the next trade. It depends on the first
/// price of the whole run, so the state of a run cannot be made from those of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeAbove {
    /// The time, in the unit of the times.
    pub above: u64,
    /// The first price, at scale 1e8; 0 before it.
    pub first: i64,
    /// Whether the last price is above the first.
    pub is_above: bool,
    /// The time of the last trade.
    pub last: i64,
}

impl TimeAbove {
    /// Add trades at these prices and times.
    pub(super) fn insert(&mut self, prices: &[f64], times: &[i64]) {
        let (Some(price), Some(time)) = (prices.first(), times.first()) else { return };
        if self.first == 0 {
            (self.first, self.last) = (to_fixed(*price), *time);
        }
        let border = lowest_reaching(self.first.saturating_add(1));
        // Times do not go back, so their difference is right modulo 2^64.
        let wait = |from: i64, to: i64| to.wrapping_sub(from).cast_unsigned();
        let before = if self.is_above { wait(self.last, *time) } else { 0 };
        let steps = prices.iter().zip(times).zip(&times[1..]);
        self.above = steps.fold(self.above.wrapping_add(before), |above, ((price, from), to)| {
            above.wrapping_add(if *price >= border { wait(*from, *to) } else { 0 })
        });
        if let (Some(price), Some(time)) = (prices.last(), times.last()) {
            (self.is_above, self.last) = (*price >= border, *time);
        }
    }

    /// The share of all the time.
    pub fn share(&self, time: u64) -> Option<f64> {
        let nearest = |time: u64| crate::fixed::nearest(time.into());
        (time > 0).then(|| nearest(self.above) / nearest(time))
    }
}
