//! The sums over a slice of trades, in integers.
//!
//! Rows are summed in groups of 64: a word of a bitmap holds as many bits, and the sums of so few
//! small values fit 64 bits. Every row needs the same work, so the loops can be vectorised: a
//! masked row adds all of its bits or none. A group with a value of 2^51 or more (22 million at
//! scale 1e8), or of a few rows only, is summed row by row instead, with every addition checked.

use crate::fixed::to_fixed;
use crate::group::{Group, REACH, ROWS, first, groups, spread, sum_where};
use crate::needs::Needs;
use crate::run::Run;
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

/// Below so many rows, setting up a group would cost more than summing its rows one by one.
const FEW: usize = 12;

impl MaskedSums {
    /// Sum these rows of the trades, and insert them into the state of a run, if one is given. The
    /// mask counts from the first of them. Without a mask, `masked` is zero. Sums that are not
    /// needed are zero too, except `trades`, which then counts the records.
    ///
    /// # Errors
    /// [`Overflow`] if 128 bits do not hold the turnover.
    pub fn of(
        trades: &Trades<'_>,
        rows: Range<usize>,
        needs: Needs,
        mask: Option<Mask<'_>>,
        run: Option<&mut Run>,
    ) -> Result<Self, Overflow> {
        let turnover = needs.contains(Needs::TURNOVER);
        let volume = turnover || needs.contains(Needs::VOLUME);
        if rows.len() < FEW {
            let mut split = Self::default();
            let bits = mask.map_or(0, |mask| mask(0));
            if volume {
                let quantities = &trades.quantities()[rows.clone()];
                let prices = if turnover { &trades.prices()[rows.clone()] } else { &[] };
                let price = |row: usize| prices.get(row).map(|price| to_fixed(*price));
                split.add_rows(quantities.iter().map(|all| to_fixed(*all)), price, bits)?;
            }
            split.count_rows(trades, rows.clone(), bits);
            if let Some(run) = run {
                let room = (&mut Group::new(), &mut [0; REACH + ROWS]);
                run.insert_group(room, trades, rows.clone(), rows.start);
            }
            return Ok(split);
        }
        match run {
            None => Self::of_groups(trades, rows, needs, mask, |group, rows| {
                let prices = if turnover { &trades.prices()[rows.clone()] } else { &[] };
                group.read(prices, if volume { &trades.quantities()[rows] } else { &[] });
            }),
            Some(run) => {
                let (start, mut changes) = (rows.start, [0; REACH + ROWS]);
                Self::of_groups(trades, rows, needs, mask, |group, rows| {
                    run.insert_group((group, &mut changes), trades, rows, start);
                })
            }
        }
    }

    /// Sum many rows; `read` makes each group.
    fn of_groups(
        trades: &Trades<'_>,
        rows: Range<usize>,
        needs: Needs,
        mask: Option<Mask<'_>>,
        mut read: impl FnMut(&mut Group, Range<usize>),
    ) -> Result<Self, Overflow> {
        let turnover = needs.contains(Needs::TURNOVER);
        let volume = turnover || needs.contains(Needs::VOLUME);
        let (mut split, mut group, start) = (Self::default(), Group::new(), rows.start);
        for rows in groups(rows) {
            read(&mut group, rows.clone());
            let bits = mask.map_or(0, |mask| mask(rows.start - start) & first(rows.len()));
            if volume && group.is_small() {
                split.add_volumes(group.quantities(), mask.map(|_| bits));
                if turnover {
                    let masks_turnover = needs.contains(Needs::SIDE_TURNOVER) && mask.is_some();
                    split.add_products(&group, masks_turnover.then_some(bits))?;
                }
            } else if volume {
                let price = |row: usize| group.prices().get(row).filter(|_| turnover).copied();
                split.add_rows(group.quantities()[..rows.len()].iter().copied(), price, bits)?;
            }
            if !split.count_group(trades, rows.clone(), mask.map(|_| bits)) {
                split.count_rows(trades, rows, bits);
            }
        }
        Ok(split)
    }

    /// Add the quantities of a group; those with a bit in `mask` are masked.
    fn add_volumes(&mut self, quantities: &[i64; ROWS], mask: Option<u64>) {
        // A rule sums trades that are not checked yet: a bad one may wrap, and is refused later.
        let volume = quantities.iter().fold(0_i64, |sum, volume| sum.wrapping_add(*volume));
        self.all.volume += i128::from(volume);
        if let Some(mask) = mask {
            self.masked.volume += i128::from(sum_where(quantities, mask));
        }
    }

    /// Add the prices times the quantities of a group.
    fn add_products(&mut self, group: &Group, mask: Option<u64>) -> Result<(), Overflow> {
        let rows = group.prices().iter().zip(group.quantities());
        let product = |price: &i64, volume: &i64| {
            u128::from(price.cast_unsigned()) * u128::from(volume.cast_unsigned())
        };
        // 64 products below 2^102 are below 2^108.
        let (mut turnover, mut kept) = (0_u128, 0_u128);
        match mask.map(spread) {
            None => {
                for (price, volume) in rows {
                    turnover = turnover.wrapping_add(product(price, volume));
                }
            }
            Some(masks) => {
                for ((price, volume), mask) in rows.zip(&masks) {
                    let product = product(price, volume);
                    turnover = turnover.wrapping_add(product);
                    kept = kept.wrapping_add(product & i128::from(*mask).cast_unsigned());
                }
            }
        }
        self.add_turnover(turnover.cast_signed(), kept.cast_signed())
    }

    fn add_turnover(&mut self, turnover: i128, masked: i128) -> Result<(), Overflow> {
        self.all.turnover = self.all.turnover.checked_add(turnover).ok_or(TURNOVER_LIMIT)?;
        // This cannot overflow: it is a part of the sum that was just checked.
        self.masked.turnover += masked;
        Ok(())
    }

    /// Add the quantities of rows one by one, and the turnover if they have a price; those with a bit
    /// in `mask` are masked.
    fn add_rows(
        &mut self,
        quantities: impl Iterator<Item = i64>,
        price: impl Fn(usize) -> Option<i64>,
        mask: u64,
    ) -> Result<(), Overflow> {
        let (mut volumes, mut kept) = (0, 0);
        for (row, quantity) in quantities.enumerate() {
            let volume = i128::from(quantity);
            let keep = if mask >> row & 1 == 1 { -1 } else { 0 };
            volumes += volume;
            kept += volume & keep;
            if let Some(price) = price(row) {
                let turnover = i128::from(price) * volume;
                self.add_turnover(turnover, turnover & keep)?;
            }
        }
        self.all.volume += volumes;
        self.masked.volume += kept;
        Ok(())
    }

    /// Count the individual trades of a group; returns whether no count is too large for that, and
    /// no id is missing.
    fn count_group(&mut self, trades: &Trades<'_>, rows: Range<usize>, mask: Option<u64>) -> bool {
        let len = rows.len();
        let Some((first, last)) = trades.first_trade_id.zip(trades.last_trade_id) else {
            self.all.trades += len as i128;
            self.masked.trades += i128::from(mask.unwrap_or(0).count_ones());
            return true;
        };
        let (mut counts, mut bits) = ([0; ROWS], 0);
        let ids = first.values[rows.clone()].iter().zip(&last.values[rows]);
        for (count, (first, last)) in counts.iter_mut().zip(ids) {
            // Last is not below first, so their difference is right modulo 2^64.
            *count = last.wrapping_sub(*first);
            bits |= count.cast_unsigned();
        }
        if first.valid.is_some() || last.valid.is_some() || bits >= 1 << 56 {
            return false;
        }
        counts[..len].iter_mut().for_each(|count| *count += 1);
        self.all.trades += i128::from(counts.iter().sum::<i64>());
        self.all.rows_with_ids += len;
        if let Some(mask) = mask {
            self.masked.trades += i128::from(sum_where(&counts, mask));
        }
        true
    }

    /// Count the individual trades of rows one by one; those with a bit in `mask` are masked.
    fn count_rows(&mut self, trades: &Trades<'_>, rows: Range<usize>, mask: u64) {
        let ids = trades.first_trade_id.zip(trades.last_trade_id);
        if ids.is_none() {
            self.all.trades += rows.len() as i128;
            self.masked.trades += i128::from((mask & first(rows.len())).count_ones());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::{Bits, Column, TimeUnit};

    const ALL: Needs =
        Needs::VOLUME.and(Needs::TURNOVER).and(Needs::SIDE_TURNOVER).and(Needs::TRADES);

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
            None,
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
            MaskedSums::of(&trades(&small, quantities), 0..100, ALL, Some(&|_| !0), None).unwrap()
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

            let sums = MaskedSums::of(&trades, rows.clone(), ALL, Some(&mask), None).unwrap();

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

        let sums = MaskedSums::of(&trades, 0..3, ALL, Some(&|_| 0b010), None).unwrap();

        assert_eq!((sums.all.trades, sums.all.rows_with_ids), (5 + 1 + 10, 2));
        assert_eq!(sums.masked.trades, 1);
    }

    #[test]
    fn a_turnover_beyond_128_bits_is_an_overflow() {
        let result = MaskedSums::of(&trades(&[9e10; 22], &[9e9; 22]), 0..22, ALL, None, None);

        assert_eq!(result, Err(TURNOVER_LIMIT));
    }
}
