//! How far the price moved in all.

use crate::run::{Family, Rows, Seam, Terms};
use serde::{Deserialize, Serialize};

/// The way of the price from one trade to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distance {
    /// The sum of the absolute changes, at scale 1e8.
    pub sum: i128,
}

impl Distance {
    fn add(&mut self, terms: &Terms<'_>) {
        let changes = terms.steps(1).iter();
        self.sum += if terms.are_small {
            i128::from(changes.map(|change| change.abs()).sum::<i64>())
        } else {
            changes.map(|change| i128::from(change.unsigned_abs())).sum()
        };
    }
}

impl Family for Distance {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(&rows.terms);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.terms);
        self.sum += next.sum;
    }
}
