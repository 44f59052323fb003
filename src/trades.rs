//! Trades: the borrowed columns of one batch.
//!
//! Nothing is copied: a column is a slice of values and, if some are missing, a bitmap of the known
//! ones. A column that is absent or not read is `None`, and nothing that needs it may be computed.
//! The values of a batch are not checked here; see [`Check`](crate::check::Check).

mod bits;
mod extra;
mod time_unit;

pub use bits::Bits;
pub use extra::{Extra, Flags, Sessions, Texts};
pub(crate) use time_unit::Moment;
pub use time_unit::TimeUnit;

use std::fmt;
use std::ops::Range;

/// The meaning of a column of trades. [`Role::name`] is the default name of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Time of the trade.
    Timestamp,
    /// Price.
    Price,
    /// Quantity in the base asset, in shares or in contracts.
    Quantity,
    /// Whether the buyer was the resting side.
    IsBuyerMaker,
    /// Id of the aggregate record.
    AggTradeId,
    /// Id of the first individual trade of the record.
    FirstTradeId,
    /// Id of the last individual trade of the record.
    LastTradeId,
}

impl Role {
    /// All roles, in the order in which a row is checked.
    pub const ALL: [Self; 7] = [
        Self::Timestamp,
        Self::Price,
        Self::Quantity,
        Self::IsBuyerMaker,
        Self::AggTradeId,
        Self::FirstTradeId,
        Self::LastTradeId,
    ];

    /// The default name of the column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Price => "price",
            Self::Quantity => "quantity",
            Self::IsBuyerMaker => "is_buyer_maker",
            Self::AggTradeId => "agg_trade_id",
            Self::FirstTradeId => "first_trade_id",
            Self::LastTradeId => "last_trade_id",
        }
    }

    /// Whether trades may lack the column.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Timestamp | Self::Price | Self::Quantity)
    }
}

/// What trades look like, the same in all their batches: the time unit, the time zone and the
/// columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Unit of the times.
    pub unit: TimeUnit,
    /// Zone of the times; `None` if they have no zone.
    pub zone: Option<String>,
    /// The columns that the trades have.
    pub columns: Vec<Role>,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns.iter().map(|role| role.name()).collect::<Vec<_>>();
        let zone = self.zone.as_deref().unwrap_or("no zone");
        write!(f, "[{}] with times in {} and {zone}", columns.join(", "), self.unit)
    }
}

/// One borrowed column: its name for messages, its values, and which of them are known.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a, T> {
    /// The user's name for it.
    pub name: &'a str,
    /// One value for each row; a row without a value holds any number.
    pub values: &'a [T],
    /// Which rows have a value; `None` if all have.
    pub valid: Option<Bits<'a>>,
}

impl<'a, T: Copy> Column<'a, T> {
    /// A column without nulls.
    pub const fn new(name: &'a str, values: &'a [T]) -> Self {
        Self { name, values, valid: None }
    }

    /// The value of `row`, if it has one.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        self.valid.is_none_or(|valid| valid.get(row)).then(|| self.values[row])
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        Self {
            name: self.name,
            values: &self.values[rows.clone()],
            valid: self.valid.map(|valid| valid.slice(rows)),
        }
    }
}

/// The side of each trade's aggressor: the column `is_buyer_maker`.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// A set bit: the buyer was resting, so the aggressor sold.
    pub sold: Bits<'a>,
    /// Which rows have a known side; `None` if all have.
    pub known: Option<Bits<'a>>,
}

impl Sides<'_> {
    /// The sides of `rows`.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let known = self.known.map(|known| known.slice(rows.clone()));
        Self { sold: self.sold.slice(rows), known }
    }
}

/// The columns of one batch; [`crate::needs::Needs`] says which output reads which column.
#[derive(Clone, Copy, Debug)]
pub struct Trades<'a> {
    /// Number of rows.
    pub len: usize,
    /// Unit of `timestamp`.
    pub unit: TimeUnit,
    /// Time of each trade.
    pub timestamp: Option<Column<'a, i64>>,
    /// Price of each trade.
    pub price: Option<Column<'a, f64>>,
    /// Quantity of each trade.
    pub quantity: Option<Column<'a, f64>>,
    /// Side of each trade.
    pub is_buyer_maker: Option<Sides<'a>>,
    /// Id of each record.
    pub agg_trade_id: Option<Column<'a, i64>>,
    /// First individual trade of each record.
    pub first_trade_id: Option<Column<'a, i64>>,
    /// Last individual trade of each record.
    pub last_trade_id: Option<Column<'a, i64>>,
    /// The columns that rules and a reset bring along, with all rows of the batch.
    pub extras: &'a [Extra<'a>],
    /// How many rows of the batch are before these.
    pub skipped: usize,
}

impl<'a> Trades<'a> {
    /// A batch of `len` rows with no column yet.
    pub const fn new(len: usize, unit: TimeUnit) -> Self {
        Self {
            len,
            unit,
            timestamp: None,
            price: None,
            quantity: None,
            is_buyer_maker: None,
            agg_trade_id: None,
            first_trade_id: None,
            last_trade_id: None,
            extras: &[],
            skipped: 0,
        }
    }

    /// The column that is brought along at this place.
    pub fn extra(&self, place: usize) -> Option<Extra<'a>> {
        let rows = self.skipped..self.skipped + self.len;
        self.extras.get(place).map(|extra| extra.slice(rows))
    }

    /// The times; empty if the column is not read.
    #[inline]
    pub fn times(&self) -> &'a [i64] {
        self.timestamp.map_or(&[], |column| column.values)
    }

    /// The prices; empty if the column is not read.
    #[inline]
    pub fn prices(&self) -> &'a [f64] {
        self.price.map_or(&[], |column| column.values)
    }

    /// The quantities; empty if the column is not read.
    #[inline]
    pub fn quantities(&self) -> &'a [f64] {
        self.quantity.map_or(&[], |column| column.values)
    }

    /// The trades of `rows`.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        debug_assert!(rows.start <= rows.end && rows.end <= self.len);
        if rows == (0..self.len) {
            return *self;
        }
        let ids = |column: &Column<'a, i64>| column.slice(rows.clone());
        let numbers = |column: &Column<'a, f64>| column.slice(rows.clone());
        Self {
            len: rows.len(),
            unit: self.unit,
            timestamp: self.timestamp.as_ref().map(ids),
            price: self.price.as_ref().map(numbers),
            quantity: self.quantity.as_ref().map(numbers),
            is_buyer_maker: self.is_buyer_maker.map(|sides| sides.slice(rows.clone())),
            agg_trade_id: self.agg_trade_id.as_ref().map(ids),
            first_trade_id: self.first_trade_id.as_ref().map(ids),
            last_trade_id: self.last_trade_id.as_ref().map(ids),
            extras: self.extras,
            skipped: self.skipped + rows.start,
        }
    }
}
