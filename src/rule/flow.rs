//! What each record adds to the side of buyers or of sellers.

use crate::bar::Bar;
use crate::fixed::to_fixed;
use crate::trades::{Role, Trades};
use serde::{Deserialize, Serialize};

/// What a record weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 1.
    Tick,
    /// Its quantity, at scale 1e8.
    Volume,
    /// Its price times quantity, at scale 1e16.
    Dollar,
}

impl Weight {
    /// All weights.
    pub const ALL: [Self; 3] = [Self::Tick, Self::Volume, Self::Dollar];

    /// Its name in texts of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Volume => "volume",
            Self::Dollar => "dollar",
        }
    }

    #[inline]
    fn of(self, trades: &Trades<'_>, row: usize) -> i128 {
        match self {
            Self::Tick => 1,
            Self::Volume => i128::from(to_fixed(trades.quantities()[row])),
            Self::Dollar => {
                let price = i128::from(to_fixed(trades.prices()[row]));
                price * i128::from(to_fixed(trades.quantities()[row]))
            }
        }
    }
}

/// What says which side a record was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideBy {
    /// The column `is_buyer_maker`: true is a sell, false a buy, null neither.
    Maker,
    /// The tick rule: a price above that of the record before is a buy, one below it a sell, and an
    /// equal one has the side of the record before. The first record of a chain, and those equal to
    /// it, have none.
    TickRule,
}

impl SideBy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Maker, Self::TickRule];

    /// Its name in texts of rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::TickRule => "tickrule",
        }
    }
}

/// The last record that the tick rule has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Its price, at scale 1e8.
    pub price: i64,
    /// Whether it was a sell; `None` if it has no side.
    pub sold: Option<bool>,
}

/// Weighs records by side. What the tick rule remembers outlives bars and cut-offs.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// What a record weighs.
    pub weight: Weight,
    /// What says which side it was on.
    pub by: SideBy,
    last: Option<Last>,
}

impl Flow {
    /// A flow that has seen no record.
    pub const fn new(weight: Weight, by: SideBy) -> Self {
        Self { weight, by, last: None }
    }

    /// Whether a record was sold, and its weight; `None` if it has no side. Each record must be
    /// asked for once, in order.
    #[inline]
    pub(super) fn next(&mut self, trades: &Trades<'_>, row: usize) -> Option<(bool, i128)> {
        let sold = match self.by {
            SideBy::Maker => trades.is_buyer_maker.and_then(|sides| {
                sides.known.is_none_or(|known| known.get(row)).then(|| sides.sold.get(row))
            }),
            SideBy::TickRule => self.by_tick_rule(trades, row),
        };
        sold.map(|sold| (sold, self.weight.of(trades, row)))
    }

    fn by_tick_rule(&mut self, trades: &Trades<'_>, row: usize) -> Option<bool> {
        let price = to_fixed(trades.prices()[row]);
        let sold = match self.last {
            None => None,
            Some(last) if price == last.price => last.sold,
            Some(last) => Some(price < last.price),
        };
        self.last = Some(Last { price, sold });
        sold
    }

    pub(super) const fn begin_chain(&mut self) {
        self.last = None;
    }

    pub(super) const fn last(&self) -> Option<Last> {
        self.last
    }

    /// Continue after this record; returns whether it can be the last of the trades, whose open bar
    /// is `open`.
    pub(super) fn resume(&mut self, last: Option<Last>, open: Option<&Bar>, rows: u64) -> bool {
        self.last = last;
        match (self.by, last) {
            (SideBy::Maker, last) => last.is_none(),
            (SideBy::TickRule, None) => rows == 0,
            (SideBy::TickRule, Some(last)) => {
                let is_close = |bar: &Bar| to_fixed(bar.price.close) == last.price;
                last.price > 0 && rows > 0 && open.is_none_or(is_close)
            }
        }
    }

    pub(super) fn requires(&self, role: Role) -> bool {
        self.by == SideBy::Maker && role == Role::IsBuyerMaker
    }
}
