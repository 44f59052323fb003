//! Up to 64 trades that are summed together: their prices and quantities at scale 1e8.
//!
//! A word of a bitmap has as many bits, and the sums of so few small values fit 64 bits.

use crate::fixed::{SMALL_BITS, fix};
use crate::wide::bits_of;
use std::ops::Range;

/// How many rows are summed together.
pub(crate) const ROWS: usize = 64;
/// Of how many rows before them the prices are known as well.
pub(crate) const REACH: usize = 10;

/// The rows of a group, and the last prices before them.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The prices of the rows before end where those of the group begin.
    prices: [i64; REACH + ROWS],
    quantities: [i64; ROWS],
    before: usize,
    /// How many rows have a price that is needed.
    priced: usize,
    /// All bits that are set in the prices, those before included, and in the quantities.
    price_bits: u64,
    quantity_bits: u64,
}

/// Write the differences of numbers from one to the next; returns those that were written.
pub(crate) fn differences<'a>(numbers: &[i64], differences: &'a mut [i64]) -> &'a [i64] {
    let later = numbers.get(1..).unwrap_or_default();
    for ((difference, number), next) in differences.iter_mut().zip(numbers).zip(later) {
        *difference = next - number;
    }
    &differences[..later.len()]
}

impl Group {
    /// A group without a row, before the first one.
    pub const fn new() -> Self {
        let (prices, quantities) = ([0; REACH + ROWS], [0; ROWS]);
        Self { prices, quantities, before: 0, priced: 0, price_bits: 0, quantity_bits: 0 }
    }

    /// Move on to the next rows. Values that are not needed are left out, and count as 0.
    #[inline]
    pub fn read(&mut self, prices: &[f64], quantities: &[f64]) {
        self.quantity_bits = fix(quantities, &mut self.quantities);
        if !prices.is_empty() {
            // Only the last group of some rows is not full.
            self.prices.copy_within(self.priced..self.priced + REACH, 0);
            (self.before, self.priced) = ((self.before + self.priced).min(REACH), prices.len());
            let before = bits_of(&self.prices[..REACH]);
            self.price_bits = fix(prices, &mut self.prices[REACH..]) | before;
        }
        if prices.len().max(quantities.len()) < ROWS {
            self.prices[REACH + prices.len()..].fill(0);
            self.quantities[quantities.len()..].fill(0);
        }
    }

    /// Whether all values are below 2^51.
    pub const fn is_small(&self) -> bool {
        self.price_bits | self.quantity_bits <= SMALL_BITS
    }

    /// All bits that are set in the known prices.
    pub const fn price_bits(&self) -> u64 {
        self.price_bits
    }

    /// All bits that are set in the quantities.
    pub const fn quantity_bits(&self) -> u64 {
        self.quantity_bits
    }

    /// Of how many rows before, at most ten, the prices are known.
    pub const fn before(&self) -> usize {
        self.before
    }

    /// The prices of all places of a group; 0 where it has no row.
    pub fn prices(&self) -> &[i64; ROWS] {
        self.prices.last_chunk().unwrap_or(&[0; ROWS])
    }

    /// The quantities of all places of a group; 0 where it has no row.
    pub const fn quantities(&self) -> &[i64; ROWS] {
        &self.quantities
    }

    /// The prices of the rows before and of its own rows, if they are needed.
    pub fn known_prices(&self) -> &[i64] {
        &self.prices[REACH - self.before..REACH + self.priced]
    }
}

/// The masks of four rows, by their four bits. A look-up, because shifts bit by bit would cost more
/// than the sums.
const MASKS: [[i64; 4]; 16] = {
    let mut masks = [[0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut row = 0;
        while row < 4 {
            masks[bits][row] = if bits >> row & 1 == 1 { -1 } else { 0 };
            row += 1;
        }
        bits += 1;
    }
    masks
};

/// The sum of the values whose bit is set; it must fit.
pub(crate) fn sum_where(values: &[i64; ROWS], bits: u64) -> i64 {
    let (mut left, mut sums) = (bits, [0_i64; 4]);
    for four in values.chunks_exact(4) {
        let masks = &MASKS[(left & 15) as usize];
        for ((sum, value), mask) in sums.iter_mut().zip(four).zip(masks) {
            *sum = sum.wrapping_add(value & mask);
        }
        left >>= 4;
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}

/// A mask for each row: all bits set if the bit of the row is.
pub(crate) fn spread(bits: u64) -> [i64; ROWS] {
    let mut left = bits;
    let mut masks = [0; ROWS];
    for four in masks.chunks_exact_mut(4) {
        four.copy_from_slice(&MASKS[(left & 15) as usize]);
        left >>= 4;
    }
    masks
}

/// A bit for each of so many rows.
pub(crate) const fn first(rows: usize) -> u64 {
    if rows < ROWS { (1 << rows) - 1 } else { !0 }
}

/// The groups of these rows.
pub(crate) fn groups(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(ROWS).map(move |start| start..rows.end.min(start + ROWS))
}
