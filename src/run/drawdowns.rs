//! The deepest fall and the highest rise.

use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// How far the price fell from its highest so far, and rose from its lowest so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drawdowns {
    /// The highest price, at scale 1e8; 0 before the first.
    pub high: i64,
    /// The lowest price; 0 before the first.
    pub low: i64,
    /// The greatest fall, by the highest price before it.
    pub deepest: f64,
    /// The greatest rise, by the lowest price before it.
    pub highest: f64,
}

/// A difference of prices by one of them.
#[allow(clippy::cast_precision_loss)]
fn ratio(difference: i64, price: i64) -> f64 {
    difference as f64 / price as f64
}

impl Drawdowns {
    /// Fall from the highest price so far to this one.
    fn fall_to(&mut self, price: i64) {
        if price < self.high {
            self.deepest = self.deepest.max(ratio(self.high - price, self.high));
        }
    }

    /// Rise from the lowest price so far to this one.
    fn rise_to(&mut self, price: i64) {
        if price > self.low {
            self.highest = self.highest.max(ratio(price - self.low, self.low));
        }
    }
}

impl Family for Drawdowns {
    fn insert(&mut self, rows: &Rows<'_>) {
        let prices = rows.prices();
        let Some(first) = prices.first() else { return };
        if self.low == 0 {
            (self.high, self.low) = (*first, *first);
        }
        // Between two new highest prices the fall to the lowest is the deepest, so that one
        // division for each of them is enough.
        let (mut trough, mut peak) = (i64::MAX, 0);
        for price in prices {
            if *price > self.high {
                self.fall_to(trough);
                (self.high, trough) = (*price, *price);
            }
            if *price < self.low {
                self.rise_to(peak);
                (self.low, peak) = (*price, *price);
            }
            trough = trough.min(*price);
            peak = peak.max(*price);
        }
        self.fall_to(trough);
        self.rise_to(peak);
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.fall_to(next.low);
        self.rise_to(next.high);
        self.deepest = self.deepest.max(next.deepest);
        self.highest = self.highest.max(next.highest);
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
    }
}
