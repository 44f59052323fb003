//! What does a bar hold? The sums of a slice of trades, in integers, and no derived value.
//!
//! A bar holds the sums of the trades between two cuts. Sums of disjoint slices merge, so a bar
//! does not depend on how its trades were cut into batches. Features are pure functions of a bar
//! ([`crate::features`]); [`Needs`] says which sums are computed.
//!
//! Invariants: `low <= open, close <= high`; buy and sell sums never exceed the whole;
//! `rows_with_trade_ids <= rows`; `time.open <= time.close`.

use crate::fixed::is_finer;
use crate::levels::Levels;
use crate::needs::Needs;
use crate::run::Run;
use crate::sums::{DURATION_LIMIT, Mask, MaskedSums, Overflow, Sums, TRADES_LIMIT, TURNOVER_LIMIT};
use crate::trades::{Sides, TimeUnit, Trades};
use std::ops::Range;

/// A bar, open or closed: sums at scale 1e8 (quantities) and 1e16 (turnover).
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Times of the first and last trade.
    pub time: Span,
    /// First, highest, lowest, last price.
    pub price: Prices,
    /// Sum of the quantities, at scale 1e8.
    pub volume: i128,
    /// Sum of price times quantity, at scale 1e16.
    pub turnover: i128,
    /// Sums by aggressor side; `None` if the trades have no column of sides, or have sides that are
    /// not needed.
    pub sides: Option<BySide>,
    /// Number of records.
    pub rows: i64,
    /// Number of individual trades.
    pub trades: i64,
    /// Number of records with both trade ids.
    pub rows_with_trade_ids: i64,
    /// Id of the first record.
    pub first_agg_trade_id: Option<i64>,
    /// Id of the last record.
    pub last_agg_trade_id: Option<i64>,
    /// What depends on neighbours or order; `None` if no statistic needs it.
    pub run: Option<Box<Run>>,
    /// What was traded at each price; `None` if no footprint needs it.
    pub levels: Option<Box<Levels>>,
}

/// The time from the first trade to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Time of the first trade.
    pub open: i64,
    /// Time of the last trade.
    pub close: i64,
    /// Unit of both.
    pub unit: TimeUnit,
}

/// The four prices, as the f64 of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

/// The sums of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySide {
    /// Trades whose aggressor bought.
    pub buy: Side,
    /// Trades whose aggressor sold.
    pub sell: Side,
}

/// The sums of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Sum of the quantities, at scale 1e8.
    pub volume: i128,
    /// Sum of price times quantity, at scale 1e16.
    pub turnover: i128,
    /// Number of individual trades.
    pub trades: i64,
}

impl Prices {
    /// A price with more than 8 decimals, if there is one.
    pub fn finer(self) -> Option<f64> {
        [self.open, self.high, self.low, self.close].into_iter().find(|price| is_finer(*price))
    }
}

impl Bar {
    /// The bar of these rows of the trades; `None` if there is no row. The time above the first
    /// price is left to [`Self::follow`].
    ///
    /// # Errors
    /// [`Overflow`] if a sum is beyond its integer.
    pub fn of(
        trades: &Trades<'_>,
        rows: Range<usize>,
        needs: Needs,
    ) -> Result<Option<Self>, Overflow> {
        if rows.is_empty() {
            return Ok(None);
        }
        let time = Span::of(trades, &rows);
        if time.micros().is_none() {
            return Err(DURATION_LIMIT);
        }
        let sides = trades.is_buyer_maker.map(|sides| sides.slice(rows.clone()));
        // Trades without any side need no sums by side.
        let with_side = sides.filter(|sides| sides.known.is_none_or(|known| known.any()));
        let by_side = with_side.filter(|_| needs.contains(Needs::SIDES));
        let sold = by_side.map(|sides| {
            move |row| sides.sold.word(row) & sides.known.map_or(!0, |known| known.word(row))
        });
        let sold = sold.as_ref().map(|sold| sold as Mask<'_>);
        let of_run = needs.of_run() != Needs::NOTHING;
        let mut run = of_run.then(|| Box::new(Run::new(needs)));
        let sums = MaskedSums::of(trades, rows.clone(), needs, sold, run.as_deref_mut())?;
        let id_at = |row: usize| trades.agg_trade_id.and_then(|ids| ids.get(row));
        Ok(Some(Self {
            time,
            price: Prices::of(trades.price.map_or(&[], |prices| &prices.values[rows.clone()])),
            volume: sums.all.volume,
            turnover: sums.all.turnover,
            sides: match (by_side, with_side) {
                (Some(sides), _) => Some(BySide::of(trades, rows.clone(), needs, sides, &sums)?),
                (None, Some(_)) => None,
                (None, None) => sides.map(|_| BySide::default()),
            },
            rows: rows.len().try_into().map_err(|_| TRADES_LIMIT)?,
            trades: sums.all.trades.try_into().map_err(|_| TRADES_LIMIT)?,
            rows_with_trade_ids: sums.all.rows_with_ids.try_into().map_err(|_| TRADES_LIMIT)?,
            first_agg_trade_id: id_at(rows.start),
            last_agg_trade_id: id_at(rows.end - 1),
            run,
            levels: None,
        }))
    }

    /// Add the bar of the trades that follow. The time above the first price is left to
    /// [`Self::follow`].
    ///
    /// # Errors
    /// [`Overflow`] if a sum is beyond its integer, or there are too many levels; the bar is then
    /// unchanged.
    pub fn merge(&mut self, next: &Self) -> Result<(), Overflow> {
        let time = Span { close: next.time.close, ..self.time };
        if time.micros().is_none() {
            return Err(DURATION_LIMIT);
        }
        let turnover = self.turnover.checked_add(next.turnover).ok_or(TURNOVER_LIMIT)?;
        let trades = self.trades.checked_add(next.trades).ok_or(TRADES_LIMIT)?;
        if let (Some(levels), Some(next)) = (&mut self.levels, &next.levels) {
            levels.check_room(next)?;
            levels.merge(next);
        }
        if let (Some(run), Some(next_run)) = (&mut self.run, &next.run) {
            // Times do not go back, so their difference is right modulo 2^64.
            let wait = next.time.open.wrapping_sub(self.time.close);
            run.merge(next_run, wait.cast_unsigned());
        }
        self.time = time;
        self.turnover = turnover;
        self.trades = trades;
        // 2^64 of the largest quantities fit the volume; the sums of a side are parts of checked
        // sums.
        self.volume += next.volume;
        self.sides = match (self.sides, next.sides) {
            (Some(own), Some(other)) => Some(own.plus(other)),
            _ => None,
        };
        self.price.high = self.price.high.max(next.price.high);
        self.price.low = self.price.low.min(next.price.low);
        self.price.close = next.price.close;
        self.rows += next.rows;
        self.rows_with_trade_ids += next.rows_with_trade_ids;
        self.last_agg_trade_id = next.last_agg_trade_id;
        Ok(())
    }

    /// The same bar, with what these needs demand of its run.
    #[must_use]
    pub fn with_run_of(mut self, needs: Needs) -> Self {
        if let Some(run) = &mut self.run {
            run.keep(needs);
        }
        self.run = self.run.filter(|run| run.needs() != Needs::NOTHING);
        self
    }

    /// Add what depends on the first price of the bar, in trades that it has now.
    pub fn follow(&mut self, trades: &Trades<'_>, rows: Range<usize>) {
        if let Some(run) = &mut self.run {
            run.follow(trades, rows);
        }
    }
}

impl Bar {
    /// Whether the trades have a column of sides that is null in all of them.
    pub fn is_sideless(&self) -> bool {
        self.sides.is_some_and(|BySide { buy, sell }| buy.trades == 0 && sell.trades == 0)
    }
}

impl Span {
    fn of(trades: &Trades<'_>, rows: &Range<usize>) -> Self {
        let times = trades.timestamp.map_or(&[][..], |times| &times.values[rows.clone()]);
        let (open, close) = times.first().zip(times.last()).unwrap_or((&0, &0));
        Self { open: *open, close: *close, unit: trades.unit }
    }

    /// The time from open to close in whole microseconds; `None` if 64 bits do not hold it.
    pub fn micros(self) -> Option<i64> {
        match (self.close.checked_sub(self.open), self.unit) {
            (Some(elapsed), TimeUnit::Microseconds) => Some(elapsed),
            (Some(elapsed), TimeUnit::Nanoseconds) => Some(elapsed / 1_000),
            (Some(elapsed), TimeUnit::Milliseconds) => elapsed.checked_mul(1_000),
            // Only nanoseconds beyond 64 bits are microseconds within.
            (None, unit) => {
                let elapsed = i128::from(self.close) - i128::from(self.open);
                i64::try_from(elapsed * 1_000_000 / i128::from(unit.per_second())).ok()
            }
        }
    }
}

impl Prices {
    pub(crate) fn of(prices: &[f64]) -> Self {
        const LANES: usize = 8;
        let (Some(&open), Some(&close)) = (prices.first(), prices.last()) else {
            return Self { open: 0.0, high: 0.0, low: 0.0, close: 0.0 };
        };
        // The operand that a processor overwrites comes first.
        let higher = |high: f64, price: f64| if high > price { high } else { price };
        let lower = |low: f64, price: f64| if low < price { low } else { price };
        let (mut high, mut low) = (open, open);
        let blocks = prices.chunks_exact(LANES);
        for price in blocks.remainder() {
            (high, low) = (higher(high, *price), lower(low, *price));
        }
        if prices.len() >= LANES {
            // Independent lanes, because a compiler does not reorder a fold of floats.
            let (mut highs, mut lows) = ([open; LANES], [open; LANES]);
            for block in blocks {
                for lane in 0..LANES {
                    highs[lane] = higher(highs[lane], block[lane]);
                    lows[lane] = lower(lows[lane], block[lane]);
                }
            }
            high = highs.into_iter().fold(high, higher);
            low = lows.into_iter().fold(low, lower);
        }
        Self { open, high, low, close }
    }
}

impl BySide {
    /// The sums by side from `split`, whose masked part was sold: the rest without the trades of
    /// unknown side was bought.
    fn of(
        trades: &Trades<'_>,
        rows: Range<usize>,
        needs: Needs,
        sides: Sides<'_>,
        split: &MaskedSums,
    ) -> Result<Self, Overflow> {
        let mut unknown = Sums::default();
        if let Some(known) = sides.known.filter(|known| !known.all()) {
            let mask = |row| !known.word(row);
            unknown = MaskedSums::of(trades, rows, needs, Some(&mask), None)?.masked;
        }
        let (all, sold) = (&split.all, &split.masked);
        let side = |volume, turnover, trades: i128| -> Result<Side, Overflow> {
            Ok(Side { volume, turnover, trades: trades.try_into().map_err(|_| TRADES_LIMIT)? })
        };
        Ok(Self {
            buy: side(
                all.volume - sold.volume - unknown.volume,
                all.turnover - sold.turnover - unknown.turnover,
                all.trades - sold.trades - unknown.trades,
            )?,
            sell: side(sold.volume, sold.turnover, sold.trades)?,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self { buy: self.buy.plus(other.buy), sell: self.sell.plus(other.sell) }
    }
}

impl Side {
    fn plus(self, other: Self) -> Self {
        Self {
            volume: self.volume + other.volume,
            turnover: self.turnover + other.turnover,
            trades: self.trades + other.trades,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::{Bits, Column};

    const ALL: Needs = Needs::VOLUME
        .and(Needs::TURNOVER)
        .and(Needs::TRADES)
        .and(Needs::SIDES)
        .and(Needs::SIDE_TURNOVER);

    /// The bar of trades at these times, with prices 10, 11, ... and quantities of 1; the bits of
    /// `sold` and `known` are their sides.
    fn bar_of(times: &[i64], sold: u8, known: u8) -> Bar {
        let prices: Vec<_> = (0..8).take(times.len()).map(|row| 10.0 + f64::from(row)).collect();
        let quantities = vec![1.0; times.len()];
        let (sold, known) = ([sold], [known]);
        let bits = |bytes| Bits::new(bytes, 0, times.len());
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", times)),
            price: Some(Column::new("price", &prices)),
            quantity: Some(Column::new("quantity", &quantities)),
            is_buyer_maker: Some(Sides { sold: bits(&sold), known: Some(bits(&known)) }),
            agg_trade_id: Some(Column::new("agg_trade_id", times)),
            ..Trades::new(times.len(), TimeUnit::Milliseconds)
        };
        Bar::of(&trades, 0..trades.len, ALL).unwrap().unwrap()
    }

    #[test]
    fn a_bar_has_its_first_highest_lowest_and_last_price_and_time() {
        let bar = bar_of(&[5, 6, 9], 0, 0b111);

        assert_eq!(bar.price, Prices { open: 10.0, high: 12.0, low: 10.0, close: 12.0 });
        assert_eq!((bar.time.open, bar.time.close, bar.time.micros()), (5, 9, Some(4_000)));
        assert_eq!(
            (bar.rows, bar.first_agg_trade_id, bar.last_agg_trade_id),
            (3, Some(5), Some(9))
        );
    }

    #[test]
    fn a_trade_of_unknown_side_belongs_to_no_side() {
        let sides = bar_of(&[0, 1, 2], 0b001, 0b011).sides.unwrap();

        assert_eq!((sides.sell.trades, sides.buy.trades), (1, 1));
        assert_eq!((sides.sell.volume, sides.buy.volume), (100_000_000, 100_000_000));
    }

    #[test]
    fn a_bar_is_sideless_if_every_side_is_null() {
        assert!(bar_of(&[0, 1], 0, 0b00).is_sideless());
        assert!(!bar_of(&[0, 1], 0, 0b01).is_sideless());
        assert!(!bar_of(&[0, 1], 0b01, 0b01).is_sideless());
        let none = Bar { sides: None, ..bar_of(&[0], 0, 0) };
        assert!(!none.is_sideless());
    }

    #[test]
    fn a_price_of_more_than_8_decimals_is_found() {
        let fine = 1.234_567_891;
        let prices = Prices { open: 1.0, high: 1.5, low: 0.5, close: 1.25 };

        assert_eq!(prices.finer(), None);
        assert_eq!(Prices { open: fine, ..prices }.finer(), Some(fine));
        assert_eq!(Prices { close: fine, ..prices }.finer(), Some(fine));
    }

    #[test]
    fn a_time_is_counted_in_whole_microseconds() {
        for (unit, elapsed, micros) in [
            (TimeUnit::Milliseconds, 7, Some(7_000)),
            (TimeUnit::Microseconds, 7, Some(7)),
            (TimeUnit::Nanoseconds, 7_999, Some(7)),
            (TimeUnit::Milliseconds, i64::MAX, None),
        ] {
            assert_eq!(Span { open: 0, close: elapsed, unit }.micros(), micros);
        }
        // 2^64 nanoseconds and a little less are more than 64 bits.
        let unit = TimeUnit::Nanoseconds;
        let longest = Span { open: i64::MIN, close: i64::MAX, unit };
        assert_eq!(longest.micros(), Some(18_446_744_073_709_551));
        assert_eq!(Span { unit: TimeUnit::Microseconds, ..longest }.micros(), None);
    }

    #[test]
    fn a_failed_merge_leaves_the_bar_as_it_was() {
        let mut bar = bar_of(&[0], 0, 0b1);
        let before = bar.clone();
        let late = bar_of(&[i64::MAX], 0, 0b1);

        assert_eq!(bar.merge(&late), Err(DURATION_LIMIT));
        assert_eq!(bar, before);
    }

    #[test]
    fn no_trade_is_no_bar() {
        assert_eq!(Bar::of(&Trades::new(0, TimeUnit::Milliseconds), 0..0, ALL), Ok(None));
    }
}
