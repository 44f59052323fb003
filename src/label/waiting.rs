//! The events whose barriers were not touched yet.

use crate::label::{Barriers, Touch};
use crate::rule::range::{first_outside, lower_limit, upper_limit};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Fewer numbers of ended events than these are not worth a walk through the heaps.
const FEW: usize = 64;

/// A barrier, and the number of its event. Limits are above 0, so that their bits have their order.
type Barrier = (u64, u64);

/// Events by the price that touches their barriers: one heap with the lowest upper barrier first,
/// and one with the highest lower barrier first.
///
/// A trade is compared with the first of each alone. An event that has ended otherwise stays in the
/// heaps until it is the first, or until there are more such events than others.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    upper: BinaryHeap<Reverse<Barrier>>,
    lower: BinaryHeap<Barrier>,
}

impl Waiting {
    /// Add an event with this price at scale 1e8. A barrier that no price reaches is left out.
    pub fn add(&mut self, number: u64, price: i64, barriers: Barriers) {
        if let Some(fraction) = barriers.take_profit {
            let limit = upper_limit(price, fraction.delta(price));
            if limit.is_finite() {
                self.upper.push(Reverse((limit.to_bits(), number)));
            }
        }
        if let Some(fraction) = barriers.stop_loss {
            let limit = lower_limit(price, fraction.delta(price));
            self.lower.push((limit.to_bits(), number));
        }
    }

    /// The first price that touches a barrier.
    pub fn first_touch(&self, prices: &[f64]) -> Option<usize> {
        let (lower, upper) = (self.lower.peek(), self.upper.peek());
        if lower.is_none() && upper.is_none() {
            return None;
        }
        let upper = upper.map_or(f64::INFINITY, |Reverse((limit, _))| f64::from_bits(*limit));
        // No price is below 0.
        let lower = lower.map_or(-1.0, |(limit, _)| f64::from_bits(*limit));
        first_outside(prices, lower, upper)
    }

    /// Remove an event that a price touches.
    pub fn pop(&mut self, price: f64) -> Option<(u64, Touch)> {
        if let Some(Reverse((limit, number))) = self.upper.peek().copied()
            && price >= f64::from_bits(limit)
        {
            self.upper.pop();
            return Some((number, Touch::TakeProfit));
        }
        if let Some((limit, number)) = self.lower.peek().copied()
            && price <= f64::from_bits(limit)
        {
            self.lower.pop();
            return Some((number, Touch::StopLoss));
        }
        None
    }

    /// Remove the events that have ended, if there are more of them than of the `open` ones.
    pub fn forget_ended(&mut self, open: usize, is_open: impl Fn(u64) -> bool) {
        if self.upper.len() > 2 * open + FEW {
            self.upper.retain(|Reverse((_, number))| is_open(*number));
        }
        if self.lower.len() > 2 * open + FEW {
            self.lower.retain(|(_, number)| is_open(*number));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.upper.len() + self.lower.len()
    }
}
