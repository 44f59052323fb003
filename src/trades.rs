//! Trades: the borrowed columns of one batch.
//!
//! Nothing is copied: a column is a slice of values and, if some are missing, a bitmap of the known
//! ones. A column that is absent or not read is `None`, and nothing that needs it may be computed.
//! The values of a batch are not checked here; see [`Check`](crate::check::Check).

use crate::session::{Kind, Session};
use chrono::DateTime;
use std::fmt;
use std::ops::Range;

/// Unit of the time column, since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// 1e-3 s
    Milliseconds,
    /// 1e-6 s
    Microseconds,
    /// 1e-9 s
    Nanoseconds,
}

impl TimeUnit {
    /// How many of this unit make a second.
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        })
    }
}

/// A time as text for messages, in UTC.
pub(crate) struct Moment(pub i64, pub TimeUnit);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        let (moment, form) = match unit {
            TimeUnit::Milliseconds => {
                (DateTime::from_timestamp_millis(value), "%Y-%m-%d %H:%M:%S%.3f")
            }
            TimeUnit::Microseconds => {
                (DateTime::from_timestamp_micros(value), "%Y-%m-%d %H:%M:%S%.6f")
            }
            TimeUnit::Nanoseconds => {
                (Some(DateTime::from_timestamp_nanos(value)), "%Y-%m-%d %H:%M:%S%.9f")
            }
        };
        match moment {
            Some(moment) => write!(f, "{}", moment.format(form)),
            None => write!(f, "{value} {unit} since 1970"),
        }
    }
}

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

/// Booleans packed eight to a byte, the lowest bit first, starting at a bit offset (Arrow's
/// layout).
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
    len: usize,
}

impl<'a> Bits<'a> {
    /// The `len` bits of `bytes` from bit `offset` on.
    ///
    /// # Panics
    /// If `bytes` holds fewer.
    pub fn new(bytes: &'a [u8], offset: usize, len: usize) -> Self {
        assert!(bytes.len() * 8 >= offset + len, "{len} bits from {offset} on need more bytes");
        Self { bytes, offset, len }
    }

    /// Number of bits.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `row`.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        let bit = self.offset + row;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// Up to 64 bits from `row` on, the first one lowest; zeros after the end.
    #[inline]
    pub fn word(&self, row: usize) -> u64 {
        let (first, shift) = ((self.offset + row) / 8, (self.offset + row) % 8);
        let mut bytes = [0; 16];
        let tail = &self.bytes[first.min(self.bytes.len())..];
        let known = tail.len().min(9);
        bytes[..known].copy_from_slice(&tail[..known]);
        #[allow(clippy::cast_possible_truncation)]
        let word = (u128::from_le_bytes(bytes) >> shift) as u64;
        match self.len.saturating_sub(row) {
            left if left < 64 => word & ((1 << left) - 1),
            _ => word,
        }
    }

    /// Whether a bit is set.
    pub fn any(&self) -> bool {
        (0..self.len).step_by(64).any(|row| self.word(row) != 0)
    }

    /// Whether all bits are set.
    pub fn all(&self) -> bool {
        let is_full = |row: usize| self.word(row).count_ones() as usize == 64.min(self.len - row);
        (0..self.len).step_by(64).all(is_full)
    }

    /// The bits of `rows`.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        debug_assert!(rows.end <= self.len);
        Self { offset: self.offset + rows.start, len: rows.len(), ..*self }
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

/// A column that a rule or a reset brings along.
#[derive(Clone, Copy, Debug)]
pub enum Extra<'a> {
    /// Conditions.
    Flags(Flags<'a>),
    /// Numbers.
    Numbers(Column<'a, f64>),
    /// Values whose changes begin a new chain.
    Sessions(Sessions<'a>),
}

/// A column of texts.
pub trait Texts: fmt::Debug + Sync {
    /// The text of a row, if it has one.
    fn text(&self, row: usize) -> Option<&str>;
}

/// A column whose changes begin a new chain. Null is a value.
#[derive(Clone, Copy, Debug)]
pub enum Sessions<'a> {
    /// Numbers, and what they mean.
    Numbers(Kind, Column<'a, i64>),
    /// Some rows of a column of texts.
    Texts {
        /// The column.
        texts: &'a dyn Texts,
        /// The first row.
        first: usize,
        /// Number of rows.
        len: usize,
    },
}

impl Sessions<'_> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Session {
        match self {
            Self::Numbers(kind, column) => {
                column.get(row).map_or(Session::Null, |number| Session::Number(*kind, number))
            }
            Self::Texts { texts, first, .. } => {
                texts.text(first + row).map_or(Session::Null, |text| Session::Text(text.to_owned()))
            }
        }
    }

    /// The first row from the second on whose value differs from that of the first; the number of
    /// rows if none does.
    pub fn first_change(&self) -> usize {
        let differs = |len: usize, differs: &dyn Fn(usize) -> bool| {
            (1..len).find(|row| differs(*row)).unwrap_or(len)
        };
        match self {
            Self::Numbers(_, Column { values: [value, rest @ ..], valid: None, .. }) => {
                1 + rest.iter().position(|other| other != value).unwrap_or(rest.len())
            }
            Self::Numbers(_, column) => {
                differs(column.values.len(), &|row| column.get(row) != column.get(0))
            }
            Self::Texts { texts, first, len } => {
                let value = texts.text(*first);
                differs(*len, &|row| texts.text(first + row) != value)
            }
        }
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Numbers(kind, column) => Self::Numbers(*kind, column.slice(rows)),
            Self::Texts { texts, first, .. } => {
                Self::Texts { texts: *texts, first: first + rows.start, len: rows.len() }
            }
        }
    }
}

/// A column of conditions.
#[derive(Clone, Copy, Debug)]
pub struct Flags<'a> {
    /// Where the condition holds.
    pub set: Bits<'a>,
    /// Which rows are not null; `None` if all are.
    pub known: Option<Bits<'a>>,
}

impl Extra<'_> {
    fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Numbers(column) => Self::Numbers(column.slice(rows)),
            Self::Sessions(sessions) => Self::Sessions(sessions.slice(rows)),
            Self::Flags(Flags { set, known }) => Self::Flags(Flags {
                set: set.slice(rows.clone()),
                known: known.map(|known| known.slice(rows)),
            }),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_read_the_same_one_by_one_and_by_the_word_from_any_offset() {
        let bytes: Vec<u8> = (0..40u32).map(|i| (i * 37 % 251) as u8).collect();
        for offset in 0..20 {
            let bits = Bits::new(&bytes, offset, 320 - offset - 3);
            for row in 0..bits.len() {
                let expected = (row..bits.len().min(row + 64))
                    .fold(0, |word, bit| word | u64::from(bits.get(bit)) << (bit - row));
                assert_eq!(bits.word(row), expected, "offset {offset} row {row}");
            }
        }
    }
}
