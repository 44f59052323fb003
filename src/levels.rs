//! What was traded at each price? Sums of the trades of each level, in integers.
//!
//! A level is a range of prices of one tick: the price `P` is in level `floor(P / tick)`, both at
//! scale 1e8. Only levels with trades are kept, in ascending order, and those of two runs of trades
//! merge by adding, so they do not depend on how trades were cut.

use crate::bar::Prices;
use crate::fixed::{fix, to_fixed};
use crate::sums::Overflow;
use crate::trades::Trades;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::ops::AddAssign;

/// The most levels of a bar.
pub const MAX_LEVELS: usize = 1 << 20;
/// The most units of a tick: the nearest f64 of a price of so many counts as the same units.
pub const MAX_TICK: i64 = 1_000_000_000_000_000;
/// More levels than a bar may have.
pub(crate) const LEVELS_LIMIT: Overflow =
    Overflow { sum: "footprint", limit: "1048576 levels (a coarser tick has fewer)" };

/// How many rows are added together: so few that the sums of small values fit 64 bits.
const ROWS: usize = 4096;
/// A word of a bitmap holds as many bits.
const GROUP: usize = 64;
/// Up to so many levels for each row, a place for each level costs less than a search for it.
const SPARSE: u64 = 4;
/// 64 bits hold the sum of [`ROWS`] numbers below this.
const SMALL: u64 = 1 << 51;

/// The height of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    units: i64,
    /// 2^64 / units, rounded down.
    reciprocal: u64,
}

impl Tick {
    /// A tick of so many units of 1e-8; `None` below 1 and above [`MAX_TICK`].
    pub const fn new(units: i64) -> Option<Self> {
        if units < 1 || units > MAX_TICK {
            return None;
        }
        Some(Self { units, reciprocal: u64::MAX / units.unsigned_abs() })
    }

    /// Units of 1e-8.
    pub const fn units(self) -> i64 {
        self.units
    }

    /// The number of the level of a price at scale 1e8, which is not negative.
    ///
    /// ```
    /// use rangebar_polars::levels::Tick;
    ///
    /// let tick = Tick::new(50_000_000).unwrap();
    /// assert_eq!([10_049_999_999, 10_050_000_000].map(|price| tick.level(price)), [200, 201]);
    /// ```
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub const fn level(self, price: i64) -> i64 {
        // The reciprocal is too small by less than 2, and the price below 2^63, so that the product
        // is too small by less than 1.
        let product = price.cast_unsigned() as u128 * self.reciprocal as u128;
        let level = ((product >> 64) as u64).cast_signed();
        let rest = price.wrapping_sub(level.wrapping_mul(self.units));
        level + (rest >= self.units) as i64
    }

    /// The lowest price of a level, at scale 1e8.
    pub fn price(self, level: i64) -> i128 {
        i128::from(level) * i128::from(self.units)
    }
}

/// The sums of the trades of a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Quantities, at scale 1e8.
    pub volume: i128,
    /// Quantities of trades whose aggressor bought.
    pub bought: i128,
    /// Quantities of trades whose aggressor sold.
    pub sold: i128,
    /// Individual trades.
    pub trades: i128,
}

impl AddAssign for Level {
    fn add_assign(&mut self, other: Self) {
        // 2^63 trades of the largest quantity fit 128 bits.
        self.volume += other.volume;
        self.bought += other.bought;
        self.sold += other.sold;
        self.trades += other.trades;
    }
}

/// A row of a group of trades.
#[derive(Clone, Copy, Debug)]
struct Row {
    level: i64,
    quantity: i64,
    bought: bool,
    sold: bool,
    /// Individual trades, less 1.
    more: u64,
}

impl Row {
    fn sums(self) -> Level {
        let of = |is_there: bool| if is_there { i128::from(self.quantity) } else { 0 };
        let trades = i128::from(self.more) + 1;
        Level { volume: of(true), bought: of(self.bought), sold: of(self.sold), trades }
    }
}

/// The rows of up to [`GROUP`] trades.
struct Rows {
    len: usize,
    prices: [i64; GROUP],
    quantities: [i64; GROUP],
    /// A bit for each row.
    bought: u64,
    sold: u64,
    /// Individual trades, less 1.
    more: [u64; GROUP],
}

impl Rows {
    fn of(trades: &Trades<'_>) -> Self {
        let (mut prices, mut quantities, mut more) = ([0; GROUP], [0; GROUP], [0; GROUP]);
        fix(trades.prices(), &mut prices);
        fix(trades.quantities(), &mut quantities);
        let (known, sold) = trades.is_buyer_maker.map_or((0, 0), |sides| {
            (sides.known.map_or(!0, |known| known.word(0)), sides.sold.word(0))
        });
        if let Some((first, last)) = trades.first_trade_id.zip(trades.last_trade_id) {
            for (row, more) in more[..trades.len].iter_mut().enumerate() {
                let ids = first.get(row).zip(last.get(row));
                // Last is not below first, so their difference is right modulo 2^64.
                *more = ids.map_or(0, |(first, last)| last.wrapping_sub(first).cast_unsigned());
            }
        }
        let (bought, sold) = (known & !sold, known & sold);
        Self { len: trades.len, prices, quantities, bought, sold, more }
    }

    /// Whether 64 bits hold the sums of [`ROWS`] rows such as these.
    fn are_small(&self) -> bool {
        let quantities = self.quantities.iter().map(|quantity| quantity.cast_unsigned());
        quantities.chain(self.more).fold(0, |bits, value| bits | value) < SMALL
    }

    fn iter(&self, tick: Tick) -> impl Iterator<Item = Row> {
        (0..self.len).map(move |row| Row {
            level: tick.level(self.prices[row]),
            quantity: self.quantities[row],
            bought: self.bought >> row & 1 == 1,
            sold: self.sold >> row & 1 == 1,
            more: self.more[row],
        })
    }
}

/// The sums of small values of a level.
#[derive(Clone, Copy, Debug, Default)]
struct Small {
    volume: i64,
    bought: i64,
    sold: i64,
    trades: i64,
}

impl Small {
    #[inline]
    fn add(&mut self, row: Row) {
        self.volume += row.quantity;
        self.bought += row.quantity & -i64::from(row.bought);
        self.sold += row.quantity & -i64::from(row.sold);
        self.trades += row.more.cast_signed() + 1;
    }

    fn sums(self) -> Level {
        Level {
            volume: self.volume.into(),
            bought: self.bought.into(),
            sold: self.sold.into(),
            trades: self.trades.into(),
        }
    }
}

/// The levels of a run of trades, by their numbers, which rise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels(VecDeque<(i64, Level)>);

impl Levels {
    /// The levels of all these trades.
    ///
    /// # Errors
    /// [`Overflow`] if there are more than [`MAX_LEVELS`].
    pub fn of(trades: &Trades<'_>, tick: Tick) -> Result<Self, Overflow> {
        let mut levels = Self::of_some(&trades.slice(0..trades.len.min(ROWS)), tick);
        for start in (ROWS..trades.len).step_by(ROWS) {
            let next = trades.slice(start..trades.len.min(start + ROWS));
            let next = Self::of_some(&next, tick);
            levels.check_room(&next)?;
            levels.merge(&next);
        }
        Ok(levels)
    }

    /// Number and sums of each level.
    pub fn iter(&self) -> Iter<'_, (i64, Level)> {
        self.0.iter()
    }

    /// How many levels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of the level at a place.
    pub fn number(&self, place: usize) -> Option<i64> {
        self.0.get(place).map(|(number, _)| *number)
    }

    /// Whether there is no trade.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The levels of up to [`ROWS`] trades.
    fn of_some(trades: &Trades<'_>, tick: Tick) -> Self {
        let prices = Prices::of(trades.prices());
        let [lowest, highest] = [prices.low, prices.high].map(|price| tick.level(to_fixed(price)));
        let span = highest.wrapping_sub(lowest).cast_unsigned();
        if span >= SPARSE * trades.len as u64 {
            return Self::of_sparse(trades, tick);
        }
        // Few, see above.
        let mut places = vec![Small::default(); usize::try_from(span).unwrap_or_default() + 1];
        for rows in groups(trades) {
            if !rows.are_small() {
                return Self::of_sparse(trades, tick);
            }
            for row in rows.iter(tick) {
                let place = usize::try_from(row.level - lowest).ok();
                if let Some(level) = place.and_then(|place| places.get_mut(place)) {
                    level.add(row);
                }
            }
        }
        let with_trades = (lowest..).zip(places).filter(|(_, level)| level.trades > 0);
        Self(with_trades.map(|(number, level)| (number, level.sums())).collect())
    }

    /// The levels of trades that are far apart, or have large quantities.
    fn of_sparse(trades: &Trades<'_>, tick: Tick) -> Self {
        let mut rows = Vec::with_capacity(trades.len);
        for group in groups(trades) {
            rows.extend(group.iter(tick).map(|row| (row.level, row.sums())));
        }
        rows.sort_unstable_by_key(|(number, _)| *number);
        let mut levels = VecDeque::<(i64, Level)>::new();
        for (number, level) in rows {
            match levels.back_mut() {
                Some((last, sums)) if *last == number => *sums += level,
                _ => levels.push_back((number, level)),
            }
        }
        Self(levels)
    }

    /// Check that with the levels of trades that follow, there are not more than [`MAX_LEVELS`].
    ///
    /// # Errors
    /// [`Overflow`] if there are.
    pub fn check_room(&self, next: &Self) -> Result<(), Overflow> {
        let is_new = |number: &i64| self.0.binary_search_by_key(number, |own| own.0).is_err();
        let room = MAX_LEVELS.saturating_sub(self.len());
        if next.len() <= room || next.0.iter().filter(|(level, _)| is_new(level)).count() <= room {
            Ok(())
        } else {
            Err(LEVELS_LIMIT)
        }
    }

    /// Add the levels of the trades that follow.
    pub fn merge(&mut self, next: &Self) {
        let (mut place, mut new) = (0, Vec::new());
        for (number, level) in &next.0 {
            if self.0.get(place).is_none_or(|own| own.0 != *number) {
                place = self.0.partition_point(|own| own.0 < *number);
            }
            match self.0.get_mut(place) {
                Some((own, sums)) if own == number => {
                    *sums += *level;
                    place += 1;
                }
                _ => new.push((*number, *level)),
            }
        }
        // Prices that fall bring new levels below all others, which need not move them.
        let lowest = self.0.front().map_or(i64::MAX, |own| own.0);
        let below = new.partition_point(|level| level.0 < lowest);
        for level in new.drain(..below).rev() {
            self.0.push_front(level);
        }
        let mut from = self.0.len();
        self.0.extend(&new);
        let mut to = self.0.len();
        for level in new.into_iter().rev() {
            while from > 0 && self.0[from - 1].0 > level.0 {
                (from, to) = (from - 1, to - 1);
                self.0[to] = self.0[from];
            }
            to -= 1;
            self.0[to] = level;
        }
    }

    /// Whether these can be the levels of the last trades of others.
    pub(crate) fn can_end(&self, whole: &Self) -> bool {
        self.0.iter().all(|(number, part)| {
            whole.0.binary_search_by_key(number, |own| own.0).is_ok_and(|place| {
                let (_, all) = whole.0[place];
                part.volume <= all.volume
                    && part.bought <= all.bought
                    && part.sold <= all.sold
                    && part.trades <= all.trades
            })
        })
    }
}

impl<'a> IntoIterator for &'a Levels {
    type Item = &'a (i64, Level);
    type IntoIter = Iter<'a, (i64, Level)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The rows of trades, in groups.
fn groups(trades: &Trades<'_>) -> impl Iterator<Item = Rows> {
    (0..trades.len)
        .step_by(GROUP)
        .map(|start| Rows::of(&trades.slice(start..trades.len.min(start + GROUP))))
}

#[cfg(test)]
mod tests;
