//! How the texts in a column of sides are read: which mean a seller and which a buyer, and whether
//! the column has the aggressor's side or the resting one.
//!
//! A text that is neither is an error and never a guess. Whole numbers are read as their digits.

use polars_core::prelude::{BooleanChunked, DataType, IntoSeries, PolarsResult, Series};
use pyo3::FromPyObject;
use serde::Deserialize;

/// Texts that feeds write for a side that nobody knows.
const UNKNOWN: [&str; 2] = ["", "unknown"];
/// How many different texts are remembered; more are looked up again.
const REMEMBERED: usize = 16;
/// How many texts that mean nothing are reported of a batch. Only a batch of several keys needs more
/// than the first, and it has no more rows.
const REPORTED: usize = 1 << 16;

/// The texts of a column of sides, in small letters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct SideTexts {
    /// Those of a seller.
    sell: Vec<String>,
    /// Those of a buyer.
    buy: Vec<String>,
    /// Whether the column has the side of the resting order.
    of_maker: bool,
}

/// What a text says of the aggressor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggressor {
    /// The aggressor sold.
    Sold,
    /// The aggressor bought.
    Bought,
    /// Nobody knows.
    Unknown,
}

/// Sides as Booleans, and the rows whose texts mean nothing.
#[derive(Clone, Debug)]
pub struct ReadSides {
    /// Whether the aggressor sold; null where nobody knows, and where a text means nothing.
    pub sold: Series,
    /// The rows of such texts, ascending, and the texts.
    pub strange: Vec<(usize, String)>,
}

impl Aggressor {
    /// Whether the aggressor sold, if it is known.
    pub const fn sold(self) -> Option<bool> {
        match self {
            Self::Sold => Some(true),
            Self::Bought => Some(false),
            Self::Unknown => None,
        }
    }
}

impl SideTexts {
    /// What a text says; `None` for a text that means nothing.
    pub fn aggressor(&self, text: &str) -> Option<Aggressor> {
        let small = text.to_lowercase();
        let is_of = |texts: &[String]| texts.contains(&small);
        let (sold, bought) =
            if self.of_maker { (&self.buy, &self.sell) } else { (&self.sell, &self.buy) };
        if is_of(sold) {
            Some(Aggressor::Sold)
        } else if is_of(bought) {
            Some(Aggressor::Bought)
        } else {
            UNKNOWN.contains(&small.as_str()).then_some(Aggressor::Unknown)
        }
    }

    /// Read a column of texts, categories or whole numbers.
    ///
    /// # Errors
    /// A column of another dtype.
    pub fn read(&self, column: &Series) -> PolarsResult<ReadSides> {
        if let DataType::Categorical(_, mapping) | DataType::Enum(_, mapping) = column.dtype() {
            let codes = column.to_physical_repr().cast(&DataType::UInt32)?;
            return Ok(self.read_values(codes.u32()?.iter(), |code| mapping.cat_to_str(code)));
        }
        let texts = column.cast(&DataType::String)?;
        Ok(self.read_values(texts.str()?.iter(), Some))
    }

    /// Read values, of which `text_of` returns the text.
    fn read_values<'a, V: Copy + PartialEq>(
        &self,
        values: impl Iterator<Item = Option<V>>,
        text_of: impl Fn(V) -> Option<&'a str>,
    ) -> ReadSides {
        let mut known: Vec<(V, Aggressor)> = Vec::with_capacity(REMEMBERED);
        let (mut sold, mut strange) = (Vec::with_capacity(values.size_hint().0), Vec::new());
        for (row, value) in values.enumerate() {
            let Some(value) = value else {
                sold.push(None);
                continue;
            };
            if let Some((_, aggressor)) = known.iter().find(|(known, _)| *known == value) {
                sold.push(aggressor.sold());
                continue;
            }
            let text = text_of(value).unwrap_or_default();
            let aggressor = self.aggressor(text);
            match aggressor {
                Some(aggressor) if known.len() < REMEMBERED => known.push((value, aggressor)),
                None if strange.len() < REPORTED => {
                    strange.push((row, text.chars().take(100).collect()));
                }
                _ => {}
            }
            sold.push(aggressor.and_then(Aggressor::sold));
        }
        let sold: BooleanChunked = sold.into_iter().collect();
        ReadSides { sold: sold.into_series(), strange }
    }

    /// The texts that are expected, for a message.
    pub fn expected(&self) -> String {
        format!(
            "expected {} of a seller, or {} of a buyer",
            self.sell.join(", "),
            self.buy.join(", ")
        )
    }
}
