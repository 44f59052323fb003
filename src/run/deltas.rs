//! The running difference of bought and sold volume.

use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};
use std::ops::Add;

/// The difference of bought and sold volume after each trade, at scale 1e8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deltas {
    /// After the last trade.
    pub last: i128,
    /// The greatest, the 0 before the first trade included.
    pub greatest: i128,
    /// The least, the 0 before the first trade included.
    pub least: i128,
}

impl Deltas {
    fn new([sum, most, least]: [i128; 3]) -> Self {
        Self { last: sum, greatest: most, least }
    }

    fn add(&mut self, next: &Self) {
        self.greatest = self.greatest.max(self.last + next.greatest);
        self.least = self.least.min(self.last + next.least);
        self.last += next.last;
    }
}

/// The last, the greatest and the least of the running sums, the 0 before the first included.
fn running<S: Copy + Default + Ord + Add<Output = S>>(values: impl Iterator<Item = S>) -> [S; 3] {
    values.fold([S::default(); 3], |[sum, most, least], value| {
        let sum = sum + value;
        [sum, most.max(sum), least.min(sum)]
    })
}

impl Family for Deltas {
    fn insert(&mut self, rows: &Rows<'_>) {
        let of_rows = if rows.has_small_quantities {
            Self::new(running(rows.signed.iter().copied()).map(i128::from))
        } else {
            Self::new(running(rows.signed.iter().copied().map(i128::from)))
        };
        self.add(&of_rows);
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.add(next);
    }
}
