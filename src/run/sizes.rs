//! Powers of the quantities, and the largest.

use crate::run::{Family, Rows, Seam};
use crate::wide::Wide;
use serde::{Deserialize, Serialize};

/// The sums of the powers of the quantities, at scale 1e8 to that power, and the largest quantity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The largest quantity.
    pub largest: i64,
    /// The sum of the squares.
    pub squares: Wide,
    /// The sum of the third powers.
    pub cubes: Wide,
    /// The sum of the fourth powers.
    pub fourths: Wide,
}

/// The bits of a half of a square; 64 products of two such halves fit 127 bits.
const HALF: u32 = 60;

impl Sizes {
    /// Add up to 64 quantities below 2^30, whose fourth powers have sums of 126 bits.
    fn insert_tiny(&mut self, quantities: &[i64]) {
        let (mut squares, mut cubes, mut fourths, mut largest) = (0, 0, 0, self.largest);
        for quantity in quantities {
            // Beside the products it costs less than in a loop of its own.
            largest = largest.max(*quantity);
            let quantity = quantity.cast_unsigned();
            let square = quantity * quantity;
            squares += u128::from(square);
            cubes += product(square, quantity);
            fourths += product(square, square);
        }
        self.largest = largest;
        self.squares += squares.into();
        self.cubes += cubes.into();
        self.fourths += fourths.into();
    }

    /// Add up to 64 quantities below 2^60: their squares are taken as two halves of 60 bits, whose
    /// products have sums of 126 bits.
    fn insert_small(&mut self, quantities: &[i64]) {
        let halves = |quantity: u64| {
            let square = product(quantity, quantity);
            // At most 60 bits each.
            #[allow(clippy::cast_possible_truncation)]
            ((square as u64) & ((1 << HALF) - 1), (square >> HALF) as u64)
        };
        // Two loops, because six sums do not fit the registers.
        let (mut squares, mut low_cubes, mut high_cubes, mut largest) = (0, 0, 0, self.largest);
        for quantity in quantities {
            largest = largest.max(*quantity);
            let quantity = quantity.cast_unsigned();
            let (lower, upper) = halves(quantity);
            squares += product(quantity, quantity);
            low_cubes += product(quantity, lower);
            high_cubes += product(quantity, upper);
        }
        let (mut low, mut cross, mut high) = (0, 0, 0);
        for quantity in quantities {
            let (lower, upper) = halves(quantity.cast_unsigned());
            low += product(lower, lower);
            cross += product(lower, upper);
            high += product(upper, upper);
        }
        self.largest = largest;
        self.squares += squares.into();
        self.cubes += Wide::from(low_cubes) + (Wide::from(high_cubes) << HALF);
        self.fourths +=
            Wide::from(low) + (Wide::from(cross) << (HALF + 1)) + (Wide::from(high) << (2 * HALF));
    }

    fn insert_large(&mut self, quantities: &[i64]) {
        for quantity in quantities {
            self.largest = self.largest.max(*quantity);
            let one = Wide::from(*quantity);
            let square = one * one;
            self.squares += square;
            self.cubes += square * one;
            self.fourths += square * square;
        }
    }

    /// `n^2` times the second central moment of the quantities of `n` rows with this sum.
    fn second(&self, rows: i64, volume: i128) -> Wide {
        let (n, first) = (Wide::from(rows), Wide::from(volume));
        n * self.squares - first * first
    }

    /// `n^3` times the third. Factors are taken out, so that few products need more than 128 bits.
    fn third(&self, rows: i64, volume: i128) -> Wide {
        let (n, first) = (Wide::from(rows), Wide::from(volume));
        n * (n * self.cubes - Wide::from(3_i64) * first * self.squares)
            + Wide::from(2_i64) * (first * first) * first
    }

    /// `n^4` times the fourth.
    fn fourth(&self, rows: i64, volume: i128) -> Wide {
        let (n, first) = (Wide::from(rows), Wide::from(volume));
        let square = first * first;
        n * n * (n * self.fourths - Wide::from(4_i64) * first * self.cubes)
            + Wide::from(3_i64) * square * (Wide::from(2_i64) * n * self.squares - square)
    }

    /// The skewness of the quantities of so many rows with this sum.
    pub fn skew(&self, rows: i64, volume: i128) -> Option<f64> {
        let second = self.second(rows, volume).nearest();
        (rows >= 3 && second != 0.0)
            .then(|| self.third(rows, volume).nearest() / (second * second.sqrt()))
    }

    /// Their excess kurtosis.
    pub fn kurt(&self, rows: i64, volume: i128) -> Option<f64> {
        let second = self.second(rows, volume).nearest();
        (rows >= 4 && second != 0.0)
            .then(|| self.fourth(rows, volume).nearest() / (second * second) - 3.0)
    }
}

fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

impl Family for Sizes {
    fn insert(&mut self, rows: &Rows<'_>) {
        let quantities = rows.quantities();
        let bits = quantities.iter().fold(0, |bits, quantity| bits | quantity);
        if bits < 1 << (HALF / 2) {
            self.insert_tiny(quantities);
        } else if bits < 1 << HALF {
            self.insert_small(quantities);
        } else {
            self.insert_large(quantities);
        }
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.largest = self.largest.max(next.largest);
        self.squares += next.squares;
        self.cubes += next.cubes;
        self.fourths += next.fourths;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_of_powers_are_the_same_however_they_are_added(
            quantities in prop::collection::vec((0..1_i64 << 60, 0..60_u32), 1..64),
        ) {
            let quantities: Vec<_> = quantities.iter().map(|(one, bits)| one >> bits).collect();
            let (mut small, mut large) = (Sizes::default(), Sizes::default());
            small.insert_small(&quantities);
            large.insert_large(&quantities);
            prop_assert_eq!(&small, &large);

            let tinies: Vec<_> = quantities.iter().map(|one| one % (1 << (HALF / 2))).collect();
            let (mut tiny, mut large) = (Sizes::default(), Sizes::default());
            tiny.insert_tiny(&tinies);
            large.insert_large(&tinies);
            prop_assert_eq!(tiny, large);
        }
    }
}
