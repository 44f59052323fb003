//! Squares of the times between trades.

use crate::run::{Family, Rows, Seam, wait};
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
        let (Some(first), Some(last)) = (rows.times.first(), rows.times.last()) else { return };
        // The squares of parts are together at most the square of the whole.
        let squares = if wait(*first, *last) <= u32::MAX.into() {
            // So each has 32 bits.
            #[allow(clippy::cast_possible_truncation)]
            let short = rows.waits().map(|wait| u64::from(wait as u32));
            u128::from(short.map(|wait| wait * wait).sum::<u64>())
        } else {
            rows.waits().map(square).fold(0, u128::wrapping_add)
        };
        self.squares = self.squares.wrapping_add(squares);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.squares = self.squares.wrapping_add(next.squares).wrapping_add(square(seam.wait));
    }
}
