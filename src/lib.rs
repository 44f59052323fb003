//! Range bars and market-microstructure features, computed exactly.
//!
//! A range bar opens with a trade, whose price fixes two limits a fixed fraction above and below,
//! and closes with the first later trade at or beyond one of them; the next trade opens the next
//! bar. Prices are compared and quantities summed as integers at scale 1e8, so the same trades give
//! the same bits however they are cut into batches.
//!
//! The modules are listed in the order in which data passes through them, and each uses only those
//! above it. They are the kernel. The module `plugin`, with the feature of that name, connects it
//! with data frames.

/// The version of the bars. It is raised with any change after which the same trades give other
/// cuts or other values of stored columns, so that stored bars are never joined to newer ones.
/// Columns that are computed from the stored ones do not count.
pub const RULE_VERSION: u32 = 2;

pub mod fixed;
pub mod session;
pub mod trades;
pub mod epoch;
pub mod error;
pub mod gap;
pub mod check;
pub mod overlap;
pub mod notice;
pub mod period;
pub mod trading_day;
pub mod reset;
pub mod needs;
pub(crate) mod group;
pub mod sums;
pub mod wide;
pub mod run;
pub mod levels;
pub mod bar;
pub mod rule;
pub mod features;
pub mod footprint;
pub mod statistics;
pub mod columns;
pub mod lookback;
pub mod threads;
pub mod builder;
pub mod label;
pub mod checkpoint;
pub mod row_hash;

#[cfg(feature = "plugin")]
pub mod plugin;
