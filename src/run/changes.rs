//! How far, how often and in which direction the price moved.

use crate::run::{Family, Rows, Seam, Terms};
use serde::{Deserialize, Serialize};

/// The changes of the price from one trade to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The sum of their absolute values, at scale 1e8.
    pub distance: i128,
    /// How many are above 0.
    pub ups: i64,
    /// How many are below 0.
    pub downs: i64,
    /// How many have the other sign than the one before, zeros left out.
    pub turns: i64,
    /// The sign of the first that is not 0.
    pub first: i8,
    /// The sign of the last that is not 0.
    pub last: i8,
}

impl Changes {
    fn add(&mut self, terms: &Terms<'_>) {
        let changes = terms.changes(1);
        if self.first == 0 {
            self.first = sign(changes.clone().find(|change| *change != 0).unwrap_or(0));
        }
        self.distance += if terms.are_small {
            i128::from(changes.clone().map(i64::abs).sum::<i64>())
        } else {
            changes.clone().map(|change| i128::from(change.unsigned_abs())).sum()
        };
        self.ups += changes.clone().map(|change| i64::from(change > 0)).sum::<i64>();
        self.downs += changes.clone().map(|change| i64::from(change < 0)).sum::<i64>();
        // A change of 0 has the sign of the one before, so that only turns differ from it.
        let (mut turns, mut last) = (0, i64::from(self.last));
        for change in changes {
            let next = if change == 0 { last } else { change };
            turns += i64::from(next ^ last < 0) & i64::from(last != 0);
            last = next;
        }
        self.turns += turns;
        self.last = sign(last);
    }
}

/// -1, 0 or 1.
pub(super) fn sign(change: i64) -> i8 {
    i8::from(change > 0) - i8::from(change < 0)
}

impl Family for Changes {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(&rows.terms);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.terms);
        self.distance += next.distance;
        self.ups += next.ups;
        self.downs += next.downs;
        self.turns += next.turns + i64::from(self.last * next.first < 0);
        self.first = if self.first == 0 { next.first } else { self.first };
        self.last = if next.last == 0 { self.last } else { next.last };
    }
}
