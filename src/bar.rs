//! What does a bar hold? The sums of a slice of trades, in integers, and nothing derived.
//!
//! A bar absorbs the trades between two cuts. Sums of disjoint slices merge, so what a bar holds
//! does not depend on how its trades were cut into batches. Features are pure functions of a bar
//! ([`crate::features`]); which sums are kept at all is said by [`Needs`].
//!
//! Invariants: `low <= open, close <= high`; buy and sell sums never exceed the whole;
//! `ids <= rows`; `time.open <= time.close`.

use crate::fixed::is_finer;
use crate::needs::Needs;
use crate::sums::{DURATION_LIMIT, Mask, MaskedSums, Overflow, Sums, TRADES_LIMIT, TURNOVER_LIMIT};
use crate::trades::{Sides, TimeUnit, Trades};

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
    /// Sums by aggressor side; `None` where the trades have no such column.
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
}

/// From the first trade to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Time of the first trade.
    pub open: i64,
    /// Time of the last trade.
    pub close: i64,
    /// Unit of both.
    pub unit: TimeUnit,
}

/// The four prices, the very f64 of the input.
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
    /// A price that says more than 8 decimals, if there is one.
    pub fn finer(self) -> Option<f64> {
        [self.open, self.high, self.low, self.close].into_iter().find(|price| is_finer(*price))
    }
}

impl Bar {
    /// The bar of these trades, all of them; `None` for none.
    ///
    /// # Errors
    /// [`Overflow`] where a sum is beyond its integer.
    pub fn of(trades: &Trades<'_>, needs: Needs) -> Result<Option<Self>, Overflow> {
        let Some(last) = trades.len.checked_sub(1) else { return Ok(None) };
        let time = Span::of(trades);
        if time.micros().is_none() {
            return Err(DURATION_LIMIT);
        }
        let sides = trades.is_buyer_maker;
        let sold = sides.map(|sides| {
            move |row| sides.sold.word(row) & sides.known.map_or(!0, |known| known.word(row))
        });
        let sold = sold.as_ref().map(|sold| sold as Mask<'_>);
        let sums = MaskedSums::of(trades, needs, sold)?;
        let id_at = |row: usize| trades.agg_trade_id.and_then(|ids| ids.get(row));
        Ok(Some(Self {
            time,
            price: Prices::of(trades.prices()),
            volume: sums.all.volume,
            turnover: sums.all.turnover,
            sides: sides.map(|sides| BySide::of(trades, needs, sides, &sums)).transpose()?,
            rows: trades.len.try_into().map_err(|_| TRADES_LIMIT)?,
            trades: sums.all.trades.try_into().map_err(|_| TRADES_LIMIT)?,
            rows_with_trade_ids: sums.all.rows_with_ids.try_into().map_err(|_| TRADES_LIMIT)?,
            first_agg_trade_id: id_at(0),
            last_agg_trade_id: id_at(last),
        }))
    }

    /// Take in the bar of the trades that follow.
    ///
    /// # Errors
    /// [`Overflow`] where a sum is beyond its integer; the bar is then as before.
    pub fn merge(&mut self, next: &Self) -> Result<(), Overflow> {
        let time = Span { close: next.time.close, ..self.time };
        if time.micros().is_none() {
            return Err(DURATION_LIMIT);
        }
        let turnover = self.turnover.checked_add(next.turnover).ok_or(TURNOVER_LIMIT)?;
        let trades = self.trades.checked_add(next.trades).ok_or(TRADES_LIMIT)?;
        self.time = time;
        self.turnover = turnover;
        self.trades = trades;
        // The volume holds 2^64 of the largest quantities; the sides are parts of what was checked.
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
}

impl Bar {
    /// Whether the trades have a column of sides, and it is null in all of them. Of sums that are
    /// not kept nothing is known.
    pub fn is_sideless(&self) -> bool {
        let Some(BySide { buy, sell }) = self.sides else { return false };
        let trades = i128::from(self.trades) > 0 && buy.trades == 0 && sell.trades == 0;
        let volume = self.volume > 0 && buy.volume == 0 && sell.volume == 0;
        let turnover = self.turnover > 0 && buy.turnover == 0 && sell.turnover == 0;
        trades || volume || turnover
    }
}

impl Span {
    fn of(trades: &Trades<'_>) -> Self {
        let times = trades.times();
        let (open, close) = times.first().zip(times.last()).unwrap_or((&0, &0));
        Self { open: *open, close: *close, unit: trades.unit }
    }

    /// From open to close in whole microseconds; `None` beyond 64 bits.
    pub fn micros(self) -> Option<i64> {
        let elapsed = i128::from(self.close) - i128::from(self.open);
        i64::try_from(elapsed * 1_000_000 / i128::from(self.unit.per_second())).ok()
    }
}

impl Prices {
    fn of(prices: &[f64]) -> Self {
        const LANES: usize = 8;
        let (Some(&open), Some(&close)) = (prices.first(), prices.last()) else {
            return Self { open: 0.0, high: 0.0, low: 0.0, close: 0.0 };
        };
        // Independent lanes, since the order of a floating-point fold is otherwise kept.
        let (mut highs, mut lows) = ([open; LANES], [open; LANES]);
        let blocks = prices.chunks_exact(LANES);
        let rest = blocks.remainder();
        for block in blocks {
            for lane in 0..LANES {
                highs[lane] = if block[lane] > highs[lane] { block[lane] } else { highs[lane] };
                lows[lane] = if block[lane] < lows[lane] { block[lane] } else { lows[lane] };
            }
        }
        let high = highs.iter().chain(rest).copied().fold(open, f64::max);
        let low = lows.iter().chain(rest).copied().fold(open, f64::min);
        Self { open, high, low, close }
    }
}

impl BySide {
    /// What was sold is the masked part; what was bought is the rest, less what knows no side.
    fn of(
        trades: &Trades<'_>,
        needs: Needs,
        sides: Sides<'_>,
        split: &MaskedSums,
    ) -> Result<Self, Overflow> {
        let mut unknown = Sums::default();
        if let Some(known) = sides.known {
            unknown = MaskedSums::of(trades, needs, Some(&|row| !known.word(row)))?.masked;
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
