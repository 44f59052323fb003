//! The orders of three successive prices.

use crate::run::{Family, Rows, Seam};
use serde::{Deserialize, Serialize};

/// How often three successive prices have each order; of equal prices the earlier ranks lower.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// By the rows of the prices from the lowest to the highest: (0,1,2), (0,2,1), (1,0,2),
    /// (1,2,0), (2,0,1), (2,1,0).
    pub counts: [i64; 6],
}

/// The fewest rows of which an entropy says something.
const FEWEST: i64 = 60;

/// The order by whether the second price is at or above the first, the third at or above the
/// second, and the third at or above the first, as bits; two of the eight cannot be.
const ORDERS: [usize; 8] = [5, 4, 3, 0, 0, 1, 2, 0];

impl Orders {
    fn add(&mut self, prices: &[i64]) {
        // Eight counts of a byte each; the rows of a group do not fill one.
        let mut packed = 0_u64;
        for prices in prices.windows(3) {
            if let [first, second, third] = *prices {
                let rises = u32::from(second >= first);
                let rises_again = u32::from(third >= second);
                let is_above = u32::from(third >= first);
                packed += 1 << (8 * (rises + 2 * rises_again + 4 * is_above));
            }
        }
        for (bits, count) in packed.to_le_bytes().into_iter().enumerate() {
            self.counts[ORDERS[bits]] += i64::from(count);
        }
    }

    /// The entropy of the orders of so many rows, by that of orders that are equally frequent.
    #[allow(clippy::cast_precision_loss)]
    pub fn entropy(&self, rows: i64) -> Option<f64> {
        let share = |count: &i64| *count as f64 / (rows - 2) as f64;
        let counts = self.counts.iter().filter(|count| **count > 0).map(share);
        let entropy = counts.fold(0.0, |entropy, share| entropy - share * share.ln());
        (rows >= FEWEST).then(|| entropy / 6_f64.ln())
    }
}

impl Family for Orders {
    fn insert(&mut self, rows: &Rows<'_>) {
        self.add(rows.terms.reaching(2));
    }

    fn merge(&mut self, next: &Self, seam: &Seam<'_>) {
        self.add(seam.terms.reaching(2));
        for (count, more) in self.counts.iter_mut().zip(next.counts) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_that_of_a_stable_sort() {
        let places = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for number in 0..27 {
            let prices = [number / 9, number / 3 % 3, number % 3];
            let mut sorted = [0, 1, 2];
            sorted.sort_by_key(|place: &usize| prices[*place]);
            let mut orders = Orders::default();

            orders.add(&prices);

            let expected = places.map(|place| i64::from(place == sorted));
            assert_eq!(orders.counts, expected, "{prices:?}");
        }
    }
}
