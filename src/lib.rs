//! Range bars and market-microstructure features inside Polars query plans.
//!
//! A range bar opens with a trade, whose price fixes two limits a fixed fraction above and below,
//! and closes with the first later trade at or beyond one of them; the next trade opens the next
//! bar. Prices are compared and quantities summed as integers at scale 1e8, so the same trades give
//! the same bits however they are cut into batches.
//!
//! The modules stand in the order of the flow, and each uses only those above it. The kernel, up to
//! [`builder`], knows no Polars; what follows it is behind the feature `plugin`.

/// The version of what bars are. It is raised with any change after which the same trades give other
/// cuts, other values or other columns, so that stored bars are never joined to those of today.
pub const RULE_VERSION: u32 = 2;

pub mod fixed;
pub mod trades;
pub mod epoch;
pub mod unfit;
pub mod error;
pub mod check;
pub mod notice;
pub mod rule;
pub mod period;
pub mod needs;
pub mod sums;
pub mod bar;
pub mod features;
pub mod columns;
pub mod builder;
pub mod checkpoint;
pub mod row_hash;

#[cfg(feature = "plugin")]
pub mod inputs;
#[cfg(feature = "plugin")]
pub mod options;
#[cfg(feature = "plugin")]
pub mod keys;
#[cfg(feature = "plugin")]
pub mod values;
#[cfg(feature = "plugin")]
pub mod records;
#[cfg(feature = "plugin")]
pub mod trace;
#[cfg(feature = "plugin")]
pub mod rows;
#[cfg(feature = "plugin")]
pub mod frame;
#[cfg(feature = "plugin")]
pub mod aggregate;
#[cfg(feature = "plugin")]
mod expressions;
#[cfg(feature = "plugin")]
pub mod arrow_hash;
#[cfg(feature = "plugin")]
pub mod table;

/// Memory comes from where Polars takes its own, so that a column can be passed on and freed on the
/// other side.
#[cfg(feature = "plugin")]
#[global_allocator]
static ALLOCATOR: pyo3_polars::PolarsAllocator = pyo3_polars::PolarsAllocator::new();
