//! Facts about bars that are no error but are worth a warning.

use crate::check::Lost;
use crate::fixed::{to_f64, to_fixed};
use std::fmt;

/// A fact that a caller should know about the bars.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A price of a bar has more than 8 decimals.
    FinePrice {
        /// The price.
        price: f64,
    },
    /// A quantity above zero is counted as 0.
    LostQuantity(Lost),
    /// Columns of bars need a side, and the trades have no such column.
    NoSide {
        /// Their names.
        columns: Vec<&'static str>,
    },
    /// Columns of bars need a side, and it is null in all trades of a bar.
    NullSide {
        /// Their names.
        columns: Vec<String>,
    },
}

impl Notice {
    /// A name for the kind of fact.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FinePrice { .. } => "price",
            Self::LostQuantity(_) => "quantity",
            Self::NoSide { .. } | Self::NullSide { .. } => "side",
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FinePrice { price } => write!(
                f,
                "a price is {price}, which counts as {}: prices count to 8 decimals (multiply the \
                 prices by a power of ten, or round them to 8 decimals)",
                to_f64(to_fixed(*price).into())
            ),
            Self::LostQuantity(Lost { row, quantity }) => write!(
                f,
                "the quantity at row {row} is {quantity}, which counts as 0: quantities count to 8 \
                 decimals (multiply the quantities by a power of ten)"
            ),
            Self::NoSide { columns } => write!(
                f,
                "the trades have no is_buyer_maker, so that {} are null in every bar (say which column \
                 it is: columns=TradeColumns(is_buyer_maker=\"...\"))",
                columns.join(", ")
            ),
            Self::NullSide { columns } => write!(
                f,
                "is_buyer_maker is null in every trade of a bar, so that {} are 0 or null there \
                 (give the sides, or ask for none of these columns)",
                columns.join(", ")
            ),
        }
    }
}
