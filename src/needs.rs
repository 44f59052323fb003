//! Which sums a bar keeps, and which columns they read.

use crate::trades::Role;

/// Which sums of a bar are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs(u8);

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
    /// The other sums by side as well.
    pub const SIDES: Self = Self(1 << 4);
    /// The number of individual trades.
    pub const TRADES: Self = Self(1 << 5);
    /// First and last id of a record.
    pub const AGG_IDS: Self = Self(1 << 6);

    /// Whether all of `other` is needed.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The sums that either needs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether these sums read a column of trades.
    pub const fn reads(self, role: Role) -> bool {
        let readers = match role {
            Role::Timestamp => Self::TIME,
            Role::Price => Self::PRICE.and(Self::TURNOVER),
            Role::Quantity => Self::VOLUME.and(Self::TURNOVER),
            Role::IsBuyerMaker => Self::SIDES,
            Role::AggTradeId => Self::AGG_IDS,
            Role::FirstTradeId | Role::LastTradeId => Self::TRADES,
        };
        self.0 & readers.0 != 0
    }
}
