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
    fn add(&mut self, next: &Self) {
        self.greatest = self.greatest.max(self.last + next.greatest);
        self.least = self.least.min(self.last + next.least);
        self.last += next.last;
    }
}

/// The last, the greatest and the least of the running sums, the 0 before the first included.
fn running<S: Copy + Default + Ord + Add<Output = S>>(values: impl Iterator<Item = S>) -> [S; 3] {
    let zero = S::default();
    values.fold([zero; 3], |[last, greatest, least], value| {
        let last = last + value;
        [last, greatest.max(last), least.min(last)]
    })
}

impl Family for Deltas {
    fn insert(&mut self, rows: &Rows<'_>) {
        let of_rows = if rows.has_small_quantities {
            let [last, greatest, least] = running(rows.signed.iter().copied());
            Self { last: last.into(), greatest: greatest.into(), least: least.into() }
        } else {
            let [last, greatest, least] = running(rows.signed.iter().copied().map(i128::from));
            Self { last, greatest, least }
        };
        self.add(&of_rows);
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.add(next);
    }
}
