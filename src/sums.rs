//! The sums over a slice of trades, in integers.
//!
//! Rows are taken 64 at a time: as many as fit a word of a bitmap, and few enough that sums of
//! small values fit 64 bits. Every row does the same work, so that the loops can be vectorised: a
//! masked row adds all of its bits or none. A group with a value of 2^51 or more (22 million at
//! scale 1e8) is summed row by row instead, with every addition checked.

use crate::fixed::{fix_group, to_fixed};
use crate::needs::Needs;
use crate::trades::Trades;

/// A sum that its integer does not hold: its name, and the limit in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Which sum.
    pub sum: &'static str,
    /// The largest sum that can be held.
    pub limit: &'static str,
}

pub(crate) const TURNOVER_LIMIT: Overflow =
    Overflow { sum: "turnover", limit: "17014118346046923173168.73 (128 bits at 16 decimals)" };
pub(crate) const TRADES_LIMIT: Overflow =
    Overflow { sum: "individual_trade_count", limit: "9223372036854775807 (64 bits)" };
pub(crate) const DURATION_LIMIT: Overflow =
    Overflow { sum: "duration_us", limit: "9223372036854775807 microseconds (64 bits)" };

/// What some trades add up to.
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

/// What all trades of a slice add up to, and what those of a mask do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskedSums {
    /// Of all trades.
    pub all: Sums,
    /// Of those in the mask; its `rows_with_ids` is not counted.
    pub masked: Sums,
}

/// Tells which of the 64 rows from a row on are in the mask; anything of rows behind the last.
pub type Mask<'a> = &'a dyn Fn(usize) -> u64;

/// Rows that are summed together.
const GROUP: usize = 64;
/// A number for each row of a group.
type Group = [u64; GROUP];

impl MaskedSums {
    /// Sum `trades`; without a mask, `masked` stays zero. What is not needed stays zero too, but
    /// for `trades`, which are then the records.
    ///
    /// # Errors
    /// [`Overflow`] where the turnover leaves 128 bits.
    pub fn of(trades: &Trades<'_>, needs: Needs, mask: Option<Mask<'_>>) -> Result<Self, Overflow> {
        let turnover = needs.contains(Needs::TURNOVER);
        let volume = turnover || needs.contains(Needs::VOLUME);
        let mut split = Self::default();
        for start in (0..trades.len).step_by(GROUP) {
            let rows = start..trades.len.min(start + GROUP);
            let masks = mask.map(|mask| spread(mask(start), rows.len()));
            if volume {
                let prices = if turnover { &trades.prices()[rows.clone()] } else { &[] };
                split.add(prices, &trades.quantities()[rows.clone()], masks.as_ref())?;
            }
            split.count(trades, rows.start, rows.len(), masks.as_ref());
        }
        Ok(split)
    }

    /// Add a group of quantities, and of prices where turnover is wanted.
    fn add(
        &mut self,
        prices: &[f64],
        quantities: &[f64],
        masks: Option<&Group>,
    ) -> Result<(), Overflow> {
        let (mut fixed_prices, mut volumes) = ([0; GROUP], [0; GROUP]);
        if !(fix_group(prices, &mut fixed_prices) & fix_group(quantities, &mut volumes)) {
            return self.add_large(prices, quantities, masks);
        }
        self.all.volume += i128::from(volumes.iter().sum::<u64>());
        if let Some(masks) = masks {
            let kept = volumes.iter().zip(masks).map(|(volume, mask)| volume & mask);
            self.masked.volume += i128::from(kept.sum::<u64>());
        }
        if prices.is_empty() {
            return Ok(());
        }
        // 64 products below 2^102 are below 2^108.
        let (mut turnover, mut kept) = (0_u128, 0_u128);
        match masks {
            None => {
                for (price, volume) in fixed_prices.iter().zip(&volumes) {
                    turnover += u128::from(*price) * u128::from(*volume);
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
        self.add_turnover(turnover.cast_signed(), kept.cast_signed())
    }

    fn add_turnover(&mut self, turnover: i128, masked: i128) -> Result<(), Overflow> {
        self.all.turnover = self.all.turnover.checked_add(turnover).ok_or(TURNOVER_LIMIT)?;
        // A part of what was just checked.
        self.masked.turnover += masked;
        Ok(())
    }

    fn add_large(
        &mut self,
        prices: &[f64],
        quantities: &[f64],
        masks: Option<&Group>,
    ) -> Result<(), Overflow> {
        for (row, &quantity) in quantities.iter().enumerate() {
            let volume = i128::from(to_fixed(quantity));
            let turnover = prices.get(row).map_or(0, |price| i128::from(to_fixed(*price)) * volume);
            let keep = i128::from(masks.is_some_and(|masks| masks[row] != 0));
            self.all.volume += volume;
            self.masked.volume += volume * keep;
            self.add_turnover(turnover, turnover * keep)?;
        }
        Ok(())
    }

    /// Count the individual trades of a group.
    fn count(&mut self, trades: &Trades<'_>, start: usize, len: usize, masks: Option<&Group>) {
        let Some((first, last)) = trades.first_trade_id.zip(trades.last_trade_id) else {
            self.all.trades += len as i128;
            let kept = masks.map_or(0, |masks| masks.iter().sum::<u64>().wrapping_neg());
            self.masked.trades += i128::from(kept);
            return;
        };
        let (mut counts, mut bits) = ([0; GROUP], 0);
        let ids = first.values[start..start + len].iter().zip(&last.values[start..start + len]);
        for (count, (first, last)) in counts.iter_mut().zip(ids) {
            // Last is not below first, so that their difference is right modulo 2^64.
            *count = last.wrapping_sub(*first).cast_unsigned();
            bits |= *count;
        }
        if first.valid.is_none() && last.valid.is_none() && bits < 1 << 57 {
            counts[..len].iter_mut().for_each(|count| *count += 1);
            self.all.trades += i128::from(counts.iter().sum::<u64>());
            self.all.rows_with_ids += len;
            if let Some(masks) = masks {
                let kept = counts.iter().zip(masks).map(|(count, mask)| count & mask);
                self.masked.trades += i128::from(kept.sum::<u64>());
            }
            return;
        }
        for (row, count) in counts[..len].iter().enumerate() {
            let both = first.get(start + row).is_some() && last.get(start + row).is_some();
            let count = if both { i128::from(*count) + 1 } else { 1 };
            self.all.trades += count;
            self.all.rows_with_ids += usize::from(both);
            self.masked.trades += count * i128::from(masks.is_some_and(|masks| masks[row] != 0));
        }
    }
}

/// The masks of four rows, by their bits: a look-up where shifting bit by bit would cost more than
/// the sums.
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

/// One mask of all bits or none for each of the first `rows` bits.
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
