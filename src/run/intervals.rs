//! Squares of the times between trades.

use crate::run::{Family, Rows, Seam};
use crate::wide::Wide;
use serde::{Deserialize, Serialize};

/// The times between trades, in the unit of the times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervals {
    /// The sum of their squares. It is at most the square of their sum, which has 64 bits.
    pub squares: u128,
}

impl Intervals {
    /// The burstiness of so many trades that took so much time.
    pub fn burstiness(&self, rows: i64, time: u64) -> Option<f64> {
        let intervals = i128::from(rows) - 1;
        let scaled = Wide::from(intervals) * Wide::from(self.squares);
        let deviation = (scaled - Wide::from(square(time))).nearest().sqrt();
        let mean = crate::fixed::nearest(time.into());
        (rows >= 3 && time > 0).then(|| (deviation - mean) / (deviation + mean))
    }
}

fn square(wait: u64) -> u128 {
    u128::from(wait) * u128::from(wait)
}

impl Family for Intervals {
    fn insert(&mut self, rows: &Rows<'_>) {
        let squares = rows.waits().map(square);
        self.squares = squares.fold(self.squares, u128::wrapping_add);
        self.squares = self.squares.wrapping_add(rows.first_wait().map_or(0, square));
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.squares = self.squares.wrapping_add(next.squares).wrapping_add(square(seam.wait));
    }
}
