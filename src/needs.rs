//! Which sums a bar keeps, and which columns they read.

use crate::trades::Role;

/// Which sums of a bar are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs(u32);

impl Needs {
    /// Nothing but the number of rows.
    pub const NOTHING: Self = Self(0);
    /// First and last time.
    pub const TIME: Self = Self(1);
    /// First, highest, lowest and last price.
    pub const PRICE: Self = Self(1 << 1);
    /// The sum of the quantities.
    pub const VOLUME: Self = Self(1 << 2);
    /// The sum of price times quantity.
    pub const TURNOVER: Self = Self(1 << 3);
    /// The other sums by side as well, but for the turnover.
    pub const SIDES: Self = Self(1 << 4);
    /// The turnover by side, if both are needed.
    pub const SIDE_TURNOVER: Self = Self(1 << 5);
    /// The number of individual trades.
    pub const TRADES: Self = Self(1 << 6);
    /// First and last id of a record.
    pub const AGG_IDS: Self = Self(1 << 7);
    /// Powers of the quantities, and the largest.
    pub const SIZES: Self = Self(1 << 8);
    /// How far the price moved in all.
    pub const DISTANCE: Self = Self(1 << 9);
    /// How often and in which direction the price moved.
    pub const CHANGES: Self = Self(1 << 10);
    /// Squares of simple returns.
    pub const RETURNS: Self = Self(1 << 11);
    /// Products of successive price changes.
    pub const PRODUCTS: Self = Self(1 << 12);
    /// Squares of changes over one trade and over ten.
    pub const LAGS: Self = Self(1 << 13);
    /// The orders of three successive prices.
    pub const ORDERS: Self = Self(1 << 14);
    /// The deepest fall and the highest rise.
    pub const DRAWDOWNS: Self = Self(1 << 15);
    /// Volume by the tick rule.
    pub const DIRECTIONS: Self = Self(1 << 16);
    /// Price changes against signed volume.
    pub const FLOWS: Self = Self(1 << 17);
    /// The running difference of bought and sold volume.
    pub const DELTAS: Self = Self(1 << 18);
    /// Squares of the times between trades.
    pub const INTERVALS: Self = Self(1 << 19);
    /// The time above the first price.
    pub const TIME_ABOVE: Self = Self(1 << 20);

    /// What the state of a run serves.
    const OF_RUN: Self = Self((1 << 21) - Self::SIZES.0);

    /// Whether all of `other` is needed.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The sums that either needs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of them that the state of a run serves.
    #[must_use]
    pub const fn of_run(self) -> Self {
        Self(self.0 & Self::OF_RUN.0)
    }

    /// Whether these sums read a column of trades.
    pub const fn reads(self, role: Role) -> bool {
        let of_prices = Self::DISTANCE
            .and(Self::CHANGES)
            .and(Self::RETURNS)
            .and(Self::PRODUCTS)
            .and(Self::LAGS)
            .and(Self::ORDERS)
            .and(Self::DRAWDOWNS);
        let of_both = Self::TURNOVER.and(Self::DIRECTIONS).and(Self::FLOWS);
        let readers = match role {
            Role::Timestamp => Self::TIME.and(Self::INTERVALS).and(Self::TIME_ABOVE),
            Role::Price => Self::PRICE.and(of_prices).and(of_both).and(Self::TIME_ABOVE),
            Role::Quantity => Self::VOLUME.and(of_both).and(Self::SIZES).and(Self::DELTAS),
            Role::IsBuyerMaker => Self::SIDES.and(Self::FLOWS).and(Self::DELTAS),
            Role::AggTradeId => Self::AGG_IDS,
            Role::FirstTradeId | Role::LastTradeId => Self::TRADES,
        };
        self.0 & readers.0 != 0
    }
}
