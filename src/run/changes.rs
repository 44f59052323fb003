//! How often and in which direction the price moved.

use crate::run::moves::Moves;
use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// The changes of the price from one trade to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
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
    fn add(&mut self, moves: &Moves) {
        let count = |bits: u64| i64::from(bits.count_ones());
        let directed = moves.directed(self.last);
        self.ups += count(moves.rises);
        self.downs += count(moves.falls);
        self.turns +=
            count((moves.rises & directed.was_falling) | (moves.falls & directed.was_rising));
        self.join(moves.first(), moves.last());
    }

    /// The first and the last sign, with those of what follows.
    fn join(&mut self, first: i8, last: i8) {
        self.first = if self.first == 0 { first } else { self.first };
        self.last = if last == 0 { self.last } else { last };
    }
}

impl Family for Changes {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(&rows.moves);
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(&seam.moves);
        self.ups += next.ups;
        self.downs += next.downs;
        self.turns += next.turns + i64::from(self.last * next.first < 0);
        self.join(next.first, next.last);
    }
}
