//! Squares of simple returns.

use crate::run::{Family, Rows, Seam};
use crate::wide::Wide;
use serde::{Deserialize, Serialize};

/// The simple returns from one trade to the next, in units of 2^-52.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returns {
    /// The sum of their squares, each return rounded to a whole unit, half to even.
    pub squares: Wide,
}

/// 2^52: the units of 1. Neighbouring f64 from here on are 1 apart, so that adding one rounds.
const UNITS: f64 = 4_503_599_627_370_496.0;
/// 1.5 * 2^52: adding it rounds numbers of either sign.
const ROUNDS: f64 = 1.5 * UNITS;

impl Returns {
    #[allow(clippy::cast_precision_loss)]
    fn add(&mut self, pairs: impl Iterator<Item = (i64, i64)> + Clone) {
        let units = |(before, price): (i64, i64)| (price - before) as f64 / before as f64 * UNITS;
        let mut largest = 0.0_f64;
        let mut squares = 0_i128;
        for units in pairs.clone().map(units) {
            largest = largest.max(units.abs());
            let whole = (units + ROUNDS).to_bits().cast_signed() - ROUNDS.to_bits().cast_signed();
            squares += i128::from(whole) * i128::from(whole);
        }
        // A return beyond 1/2 may not be rounded so.
        if largest < UNITS / 2.0 {
            self.squares += squares.into();
            return;
        }
        for units in pairs.map(units) {
            let whole = Wide::truncated(units.round_ties_even());
            self.squares += whole * whole;
        }
    }

    /// The root of the sum of the squared returns.
    pub fn volatility(&self) -> f64 {
        self.squares.nearest().sqrt() / UNITS
    }
}

impl Family for Returns {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(rows.terms.pairs(1));
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(seam.terms.pairs(1));
        self.squares += next.squares;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_of_any_size_is_rounded_to_the_nearest_unit_half_to_even() {
        let units = |before: i64, price: i64| {
            let mut returns = Returns::default();
            returns.add([(before, price)].into_iter());
            returns.squares
        };
        let square = |whole: i128| Wide::from(whole) * Wide::from(whole);

        assert_eq!(units(1 << 53, (1 << 53) + 1), square(0));
        assert_eq!(units(1 << 53, (1 << 53) + 3), square(2));
        assert_eq!(units(4, 3), square(1 << 50));
        assert_eq!(units(4, 1), square(3 << 50));
        assert_eq!(units(2, 3), square(1 << 51));
        assert_eq!(units(1, 1 << 62), square(1 << 114));
    }
}
