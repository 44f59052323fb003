//! What a rule remembers beside the open bar.

use crate::rule::flow::Last;
use serde::{Deserialize, Serialize};

/// What a rule remembers that does not follow from the open bar.
///
/// It is part of a checkpoint: variants and fields, their order and types never change within
/// a version of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Memory {
    /// Nothing.
    Nothing,
    /// The lowest and the highest price since the last event.
    Prices {
        /// The lowest price.
        low: f64,
        /// The highest price.
        high: f64,
    },
    /// What was bought and sold in the open bar.
    Sides {
        /// What was bought.
        buys: i128,
        /// What was sold.
        sells: i128,
        /// The last trade of the tick rule.
        last: Option<Last>,
    },
    /// What was bought and sold in the open bar, and what is expected.
    Expectations {
        /// What was bought.
        buys: i128,
        /// What was sold.
        sells: i128,
        /// The last trade of the tick rule.
        last: Option<Last>,
        /// The decayed sums of what was bought, of what was sold, and of records.
        decayed: [f64; 3],
        /// The expected number of records in a bar.
        expected: f64,
        /// The limit of the open bar, once the rule has warmed up.
        limit: Option<f64>,
        /// Records since the chain began.
        seen: u64,
    },
    /// The sum of an expression over the open bar.
    Sum(f64),
}
