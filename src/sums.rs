//! The sums over a slice of trades, in integers.
//!
//! Rows are summed in groups of 64: a word of a bitmap holds as many bits, and the sums of so few
//! small values fit 64 bits. Every row needs the same work, so the loops can be vectorised: a
//! masked row adds all of its bits or none. A group with a value of 2^51 or more (22 million at
//! scale 1e8), or of a few rows only, is summed row by row instead, with every addition checked.

use crate::fixed::{fix_group, to_fixed};
use crate::needs::Needs;
use crate::trades::Trades;
use std::ops::Range;

/// A sum that is beyond the limit of its integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Which sum.
    pub sum: &'static str,
    /// The limit, in words.
    pub limit: &'static str,
}

pub(crate) const TURNOVER_LIMIT: Overflow =
    Overflow { sum: "turnover", limit: "17014118346046923173168.73 (128 bits at 16 decimals)" };
pub(crate) const TRADES_LIMIT: Overflow =
    Overflow { sum: "individual_trade_count", limit: "9223372036854775807 (64 bits)" };
pub(crate) const DURATION_LIMIT: Overflow =
    Overflow { sum: "duration_us", limit: "9223372036854775807 microseconds (64 bits)" };

/// The sums of some trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Quantities, at scale 1e8.
    pub volume: i128,
    /// Price times quantity, at scale 1e16.
    pub turnover: i128,
    /// Individual trades: last id - first id + 1, or 1 for a record without both.
    pub trades: i128,
    /// Records with both trade ids.
    pub rows_with_ids: usize,
}

/// The sums of all trades of a slice, and of the trades in a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskedSums {
    /// The sums of all trades.
    pub all: Sums,
    /// The sums of the trades in the mask, without `rows_with_ids`.
    pub masked: Sums,
}

/// A function that returns which of the 64 rows from a row on are in the mask, as bits; the bits
/// after the last row are ignored.
pub type Mask<'a> = &'a dyn Fn(usize) -> u64;

/// Rows that are summed together.
const GROUP: usize = 64;
/// Below so many rows, setting up a group would cost more than summing its rows one by one.
const FEW: usize = 12;
/// A number for each row of a group.
type Group = [u64; GROUP];

impl MaskedSums {
    /// Sum these rows of the trades. The mask counts from the first of them. Without a mask, `masked` is zero. Sums that are not needed are zero too,
    /// except `trades`, which then counts the records.
    ///
    /// # Errors
    /// [`Overflow`] if 128 bits do not hold the turnover.
    pub fn of(
        trades: &Trades<'_>,
        rows: Range<usize>,
        needs: Needs,
        mask: Option<Mask<'_>>,
    ) -> Result<Self, Overflow> {
        let turnover = needs.contains(Needs::TURNOVER);
        let volume = turnover || needs.contains(Needs::VOLUME);
        let columns = |rows: Range<usize>| {
            let prices = if turnover { &trades.prices()[rows.clone()] } else { &[] };
            (prices, if volume { &trades.quantities()[rows] } else { &[] })
        };
        let mut split = Self::default();
        if rows.len() < FEW {
            let (prices, quantities) = columns(rows.clone());
            let bits = mask.map_or(0, |mask| mask(0));
            split.add_rows(prices, quantities, bits)?;
            split.count_rows(trades, rows, bits);
            return Ok(split);
        }
        for start in rows.clone().step_by(GROUP) {
            let bits = mask.map_or(0, |mask| mask(start - rows.start));
            let rows = start..rows.end.min(start + GROUP);
            let masks = mask.map(|_| spread(bits, rows.len()));
            if volume {
                let (prices, quantities) = columns(rows.clone());
                if !split.add_group(prices, quantities, masks.as_ref())? {
                    split.add_rows(prices, quantities, bits)?;
                }
            }
            if !split.count_group(trades, rows.clone(), masks.as_ref()) {
                split.count_rows(trades, rows, bits);
            }
        }
        Ok(split)
    }

    /// Add a group of quantities, and of prices if the turnover is needed; returns whether no value
    /// is too large for that.
    fn add_group(
        &mut self,
        prices: &[f64],
        quantities: &[f64],
        masks: Option<&Group>,
    ) -> Result<bool, Overflow> {
        let (mut fixed_prices, mut volumes) = ([0; GROUP], [0; GROUP]);
        if !(fix_group(prices, &mut fixed_prices) & fix_group(quantities, &mut volumes)) {
            return Ok(false);
        }
        // A rule sums trades that are not checked yet: a bad one may wrap, and is refused later.
        let volume = volumes.iter().fold(0_u64, |sum, volume| sum.wrapping_add(*volume));
        self.all.volume += i128::from(volume);
        if let Some(masks) = masks {
            let kept = volumes.iter().zip(masks).map(|(volume, mask)| volume & mask);
            self.masked.volume += i128::from(kept.sum::<u64>());
        }
        if prices.is_empty() {
            return Ok(true);
        }
        // 64 products below 2^102 are below 2^108.
        let (mut turnover, mut kept) = (0_u128, 0_u128);
        match masks {
            None => {
                for (price, volume) in fixed_prices.iter().zip(&volumes) {
                    let product = u128::from(*price) * u128::from(*volume);
                    turnover = turnover.wrapping_add(product);
                }
            }
            Some(masks) => {
                for ((price, volume), mask) in fixed_prices.iter().zip(&volumes).zip(masks) {
                    let product = u128::from(*price) * u128::from(*volume);
                    turnover += product;
                    kept += product & (u128::from(*mask) << 64 | u128::from(*mask));
                }
            }
        }
        self.add_turnover(turnover.cast_signed(), kept.cast_signed()).map(|()| true)
    }

    fn add_turnover(&mut self, turnover: i128, masked: i128) -> Result<(), Overflow> {
        self.all.turnover = self.all.turnover.checked_add(turnover).ok_or(TURNOVER_LIMIT)?;
        // This cannot overflow: it is a part of the sum that was just checked.
        self.masked.turnover += masked;
        Ok(())
    }

    /// Add rows one by one; those with a bit in `mask` are masked.
    fn add_rows(&mut self, prices: &[f64], quantities: &[f64], mask: u64) -> Result<(), Overflow> {
        let (mut volumes, mut kept) = (0, 0);
        for (row, &quantity) in quantities.iter().enumerate() {
            let volume = i128::from(to_fixed(quantity));
            let keep = if mask >> row & 1 == 1 { -1 } else { 0 };
            volumes += volume;
            kept += volume & keep;
            if let Some(price) = prices.get(row) {
                let turnover = i128::from(to_fixed(*price)) * volume;
                self.add_turnover(turnover, turnover & keep)?;
            }
        }
        self.all.volume += volumes;
        self.masked.volume += kept;
        Ok(())
    }

    /// Count the individual trades of a group; returns whether no count is too large for that, and
    /// no id is missing.
    fn count_group(
        &mut self,
        trades: &Trades<'_>,
        rows: Range<usize>,
        masks: Option<&Group>,
    ) -> bool {
        let len = rows.len();
        let Some((first, last)) = trades.first_trade_id.zip(trades.last_trade_id) else {
            self.all.trades += len as i128;
            // A mask of all bits is -1 modulo 2^64.
            let count =
                |masks: &Group| masks.iter().fold(0_u64, |sum, mask| sum.wrapping_sub(*mask));
            let kept = masks.map_or(0, count);
            self.masked.trades += i128::from(kept);
            return true;
        };
        let (mut counts, mut bits) = ([0; GROUP], 0);
        let ids = first.values[rows.clone()].iter().zip(&last.values[rows]);
        for (count, (first, last)) in counts.iter_mut().zip(ids) {
            // Last is not below first, so their difference is right modulo 2^64.
            *count = last.wrapping_sub(*first).cast_unsigned();
            bits |= *count;
        }
        if first.valid.is_some() || last.valid.is_some() || bits >= 1 << 57 {
            return false;
        }
        counts[..len].iter_mut().for_each(|count| *count += 1);
        self.all.trades += i128::from(counts.iter().sum::<u64>());
        self.all.rows_with_ids += len;
        if let Some(masks) = masks {
            let kept = counts.iter().zip(masks).map(|(count, mask)| count & mask);
            self.masked.trades += i128::from(kept.sum::<u64>());
        }
        true
    }

    /// Count the individual trades of rows one by one; those with a bit in `mask` are masked.
    fn count_rows(&mut self, trades: &Trades<'_>, rows: Range<usize>, mask: u64) {
        let ids = trades.first_trade_id.zip(trades.last_trade_id);
        if ids.is_none() {
            self.all.trades += rows.len() as i128;
            let known = if rows.len() < GROUP { (1 << rows.len()) - 1 } else { !0 };
            self.masked.trades += i128::from((mask & known).count_ones());
            return;
        }
        for (place, row) in rows.enumerate() {
            let ids = ids.and_then(|(first, last)| first.get(row).zip(last.get(row)));
            // Last is not below first, so their difference is right modulo 2^64.
            let count = ids.map_or(1, |(first, last)| {
                i128::from(last.wrapping_sub(first).cast_unsigned()) + 1
            });
            self.all.trades += count;
            self.all.rows_with_ids += usize::from(ids.is_some());
            self.masked.trades += if mask >> place & 1 == 1 { count } else { 0 };
        }
    }
}

/// The masks of four rows, by their four bits. A look-up, because shifts bit by bit would cost more
/// than the sums.
const MASKS: [[u64; 4]; 16] = {
    let mut masks = [[0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut row = 0;
        while row < 4 {
            masks[bits][row] = (bits as u64 >> row & 1).wrapping_neg();
            row += 1;
        }
        bits += 1;
    }
    masks
};

/// A mask for each row: all bits set if the row is one of the first `rows` and its bit is set.
fn spread(bits: u64, rows: usize) -> Group {
    let known = if rows < GROUP { (1 << rows) - 1 } else { !0 };
    let mut left = bits & known;
    let mut masks = [0; GROUP];
    for four in masks.chunks_exact_mut(4) {
        four.copy_from_slice(&MASKS[(left & 15) as usize]);
        left >>= 4;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::{Bits, Column, TimeUnit};

    const ALL: Needs = Needs::VOLUME.and(Needs::TURNOVER).and(Needs::TRADES);

    fn trades<'a>(prices: &'a [f64], quantities: &'a [f64]) -> Trades<'a> {
        Trades {
            price: Some(Column::new("price", prices)),
            quantity: Some(Column::new("quantity", quantities)),
            ..Trades::new(prices.len(), TimeUnit::Milliseconds)
        }
    }

    #[test]
    fn sums_are_exact_integers_of_all_trades_and_of_the_mask() {
        let sums = MaskedSums::of(
            &trades(&[2.0, 3.0, 5.0], &[0.1, 0.2, 1.0]),
            0..3,
            ALL,
            Some(&|_| 0b101),
        );

        let sums = sums.unwrap();
        assert_eq!((sums.all.volume, sums.masked.volume), (130_000_000, 110_000_000));
        assert_eq!(sums.all.turnover, 58_000_000 * 1_000_000_000);
        assert_eq!(sums.masked.turnover, 52_000_000 * 1_000_000_000);
        assert_eq!((sums.all.trades, sums.masked.trades), (3, 2));
    }

    #[test]
    fn a_group_with_a_large_value_has_the_same_sums() {
        let small = vec![1.5; 100];
        let mut large = small.clone();
        large[70] = 3e7;

        let of = |quantities: &[f64]| {
            MaskedSums::of(&trades(&small, quantities), 0..100, ALL, Some(&|_| !0)).unwrap()
        };

        let more = i128::from(to_fixed(3e7) - to_fixed(1.5));
        assert_eq!(of(&large).all.volume, of(&small).all.volume + more);
        assert_eq!(of(&large).masked, Sums { rows_with_ids: 0, ..of(&large).all });
    }

    #[test]
    fn groups_have_the_sums_of_their_rows() {
        let prices: Vec<f64> = (0..100).map(|row| f64::from(row * 7 % 31 + 1) / 8.0).collect();
        let small: Vec<f64> = (0..100).map(|row| f64::from(row * 3 % 17) / 4.0).collect();
        let first: Vec<i64> = (0..100).map(|row| row * 10).collect();
        let last: Vec<i64> = (0..100).map(|row| row * 10 + row % 7).collect();
        let (rows, is_masked) = (3..97, |row: usize| row.is_multiple_of(3));
        let mask = |from: usize| {
            (0..64).fold(0, |bits, place| bits | u64::from(is_masked(from + place)) << place)
        };

        // The second value is too large for a group, and the third for its arithmetic.
        for largest in [2.5, 3e7, 9e10] {
            let mut quantities = small.clone();
            quantities[70] = largest;
            let trades = Trades {
                first_trade_id: Some(Column::new("first", &first)),
                last_trade_id: Some(Column::new("last", &last)),
                ..trades(&prices, &quantities)
            };
            let expected = |is_counted: &dyn Fn(usize) -> bool| {
                let mut sums = Sums::default();
                for row in rows.clone().filter(|row| is_counted(row - rows.start)) {
                    let volume = i128::from(to_fixed(quantities[row]));
                    sums.volume += volume;
                    sums.turnover += i128::from(to_fixed(prices[row])) * volume;
                    sums.trades += i128::from(last[row] - first[row] + 1);
                    sums.rows_with_ids += 1;
                }
                sums
            };

            let sums = MaskedSums::of(&trades, rows.clone(), ALL, Some(&mask)).unwrap();

            assert_eq!(sums.all, expected(&|_| true));
            assert_eq!(sums.masked, Sums { rows_with_ids: 0, ..expected(&is_masked) });
        }
    }

    #[test]
    fn a_record_counts_its_ids_or_one() {
        let (first, last) = ([10, 20, 30], [14, 20, 39]);
        let known = [0b101];
        let last = Column { valid: Some(Bits::new(&known, 0, 3)), ..Column::new("last", &last) };
        let trades = Trades {
            first_trade_id: Some(Column::new("first", &first)),
            last_trade_id: Some(last),
            ..trades(&[1.0; 3], &[1.0; 3])
        };

        let sums = MaskedSums::of(&trades, 0..3, ALL, Some(&|_| 0b010)).unwrap();

        assert_eq!((sums.all.trades, sums.all.rows_with_ids), (5 + 1 + 10, 2));
        assert_eq!(sums.masked.trades, 1);
    }

    #[test]
    fn a_turnover_beyond_128_bits_is_an_overflow() {
        let result = MaskedSums::of(&trades(&[9e10; 22], &[9e9; 22]), 0..22, ALL, None);

        assert_eq!(result, Err(TURNOVER_LIMIT));
    }
}
