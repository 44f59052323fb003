//! Squares of simple returns.

use crate::group::ROWS;
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
/// 2^51: the units of 1/2.
const HALF: i64 = 1 << 51;

/// A number below 2^52 as f64.
fn exact(number: i64) -> f64 {
    f64::from_bits(number.cast_unsigned() + UNITS.to_bits()) - UNITS
}

impl Returns {
    /// Add the returns between up to 65 prices.
    fn add(&mut self, prices: &[i64], are_exact: bool) {
        let later = prices.get(1..).unwrap_or_default();
        let mut units = [0; ROWS];
        // A return beyond 1/2 may not be rounded so.
        let mut outside = !are_exact;
        if are_exact {
            let mut bits = 0;
            for ((units, before), price) in units.iter_mut().zip(prices).zip(later) {
                let (before, price) = (exact(*before), exact(*price));
                let rounded = (price - before) / before * UNITS + ROUNDS;
                *units = rounded.to_bits().wrapping_sub(ROUNDS.to_bits()).cast_signed();
                bits |= units.wrapping_add(HALF).cast_unsigned();
            }
            outside = bits >= 2 * HALF.cast_unsigned();
        }
        if outside {
            prices.iter().zip(later).for_each(|(before, price)| self.add_one(*before, *price));
            return;
        }
        let squares =
            units[..later.len()].iter().map(|units| i128::from(*units) * i128::from(*units));
        self.squares += squares.sum::<i128>().into();
    }

    #[allow(clippy::cast_precision_loss)]
    fn add_one(&mut self, before: i64, price: i64) {
        let units = (price - before) as f64 / before as f64 * UNITS;
        let whole = Wide::truncated(units.round_ties_even());
        self.squares += whole * whole;
    }

    /// The root of the sum of the squared returns.
    pub fn volatility(&self) -> f64 {
        self.squares.nearest().sqrt() / UNITS
    }
}

impl Family for Returns {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(rows.terms.reaching(1), rows.terms.are_exact());
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(seam.terms.reaching(1), seam.terms.are_exact());
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
            returns.add(&[before, price], before.max(price) < 1 << 52);
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
