//! The plugin: batches of Polars and of Python folded by the kernel, in the order of the flow.

pub mod refusal;
pub mod inputs;
pub mod options;
pub mod keys;
pub mod values;
pub mod dicts;
pub mod trace;
pub mod bar_rows;
pub mod fold;
pub mod aggregate;
mod expressions;
pub mod arrow_hash;
pub mod arrow_stream;
pub mod python;

/// Memory comes from where Polars takes its own, so that a column can be passed on and freed on the
/// other side.
#[global_allocator]
static ALLOCATOR: pyo3_polars::PolarsAllocator = pyo3_polars::PolarsAllocator::new();
