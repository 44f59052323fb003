//! What trades are counted otherwise than they say: no error, but worth a warning.

use crate::check::Lost;
use crate::fixed::{to_f64, to_fixed};
use std::fmt;

/// Prices and quantities whose 8 decimals are not all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice {
    /// A price of a bar that is finer than 8 decimals.
    FinePrice {
        /// The price.
        price: f64,
    },
    /// A quantity above zero that counts as 0.
    LostQuantity(Lost),
}

impl Notice {
    /// A name for what it is about.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FinePrice { .. } => "price",
            Self::LostQuantity(_) => "quantity",
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
        }
    }
}
