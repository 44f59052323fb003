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
    /// Add up to 64 quantities below 2^60: their squares are taken as two halves of 60 bits, whose
    /// products fit.
    fn insert_small(&mut self, quantities: &[i64]) {
        let mut squares = 0;
        let (mut low_cubes, mut high_cubes) = (0, 0);
        let (mut low, mut cross, mut high) = (0, 0, 0);
        for quantity in quantities {
            let quantity = u128::from(quantity.unsigned_abs());
            let square = quantity * quantity;
            let (upper, lower) = (square >> HALF, square & ((1 << HALF) - 1));
            let (upper, lower) = (half(upper), half(lower));
            squares += square;
            low_cubes += quantity * lower;
            high_cubes += quantity * upper;
            low += lower * lower;
            cross += lower * upper;
            high += upper * upper;
        }
        self.squares += squares.into();
        self.cubes += Wide::from(low_cubes) + (Wide::from(high_cubes) << HALF);
        self.fourths +=
            Wide::from(low) + (Wide::from(cross) << (HALF + 1)) + (Wide::from(high) << (2 * HALF));
    }

    fn insert_large(&mut self, quantities: &[i64]) {
        for quantity in quantities {
            let one = Wide::from(*quantity);
            let square = one * one;
            self.squares += square;
            self.cubes += square * one;
            self.fourths += square * square;
        }
    }

    /// The sums about the mean times powers of the number of rows: `n^2 m_2`, `n^3 m_3` and
    /// `n^4 m_4` of the central moments `m`.
    fn moments(&self, rows: i64, volume: i128) -> [Wide; 3] {
        let (n, first, three) = (Wide::from(rows), Wide::from(volume), Wide::from(3_i64));
        let square = first * first;
        let second = n * self.squares - square;
        let third = n * n * self.cubes - three * n * first * self.squares
            + Wide::from(2_i64) * square * first;
        let fourth = n * n * n * self.fourths - Wide::from(4_i64) * n * n * first * self.cubes
            + Wide::from(6_i64) * n * square * self.squares
            - three * square * square;
        [second, third, fourth]
    }

    /// The skewness of the quantities of so many rows with this sum.
    pub fn skew(&self, rows: i64, volume: i128) -> Option<f64> {
        let [second, third, _] = self.moments(rows, volume).map(Wide::nearest);
        (rows >= 3 && second != 0.0).then(|| third / (second * second.sqrt()))
    }

    /// Their excess kurtosis.
    pub fn kurt(&self, rows: i64, volume: i128) -> Option<f64> {
        let [second, _, fourth] = self.moments(rows, volume).map(Wide::nearest);
        (rows >= 4 && second != 0.0).then(|| fourth / (second * second) - 3.0)
    }
}

/// 60 bits, so that the compiler knows that products need 128.
fn half(bits: u128) -> u128 {
    #[allow(clippy::cast_possible_truncation)]
    u128::from(bits as u64)
}

impl Family for Sizes {
    fn insert(&mut self, rows: &Rows<'_>) {
        let bits = rows.quantities.iter().fold(0, |bits, quantity| bits | quantity);
        self.largest = rows.quantities.iter().copied().fold(self.largest, i64::max);
        if bits < 1 << HALF {
            self.insert_small(rows.quantities);
        } else {
            self.insert_large(rows.quantities);
        }
    }

    fn merge(&mut self, next: &Self, _: &Seam<'_>) {
        self.largest = self.largest.max(next.largest);
        self.squares += next.squares;
        self.cubes += next.cubes;
        self.fourths += next.fourths;
    }
}
