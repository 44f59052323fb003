//! The plugin: the kernel for callers of Polars and Python. The modules are listed in the order in
//! which data passes through them.

pub mod dict_error;
pub mod refusal;
pub mod side_text;
pub mod schema_text;
pub mod extra_inputs;
pub mod inputs;
pub mod batch;
pub mod footprint_rows;
pub mod options;
pub mod keys;
pub mod values;
pub mod dict_keys;
pub mod dict_columns;
pub mod dict_extras;
pub mod dict_form;
pub mod dicts;
pub mod trace;
pub mod bar_rows;
pub mod labels;
pub mod key_share;
pub mod seams;
pub mod repeats;
mod stored_bars;
pub mod notices;
pub mod fold;
mod fold_keys;
mod fold_records;
mod saved_keys;
mod fold_state;
pub mod bar_id;
pub mod feature;
mod expressions;
mod exports;
pub mod arrow_hash;
pub mod arrow_stream;
pub mod trade_file;
pub mod python_frame;
pub mod bar_builder;
pub mod table_hash;
mod column_rows;
pub mod python;

/// Polars' own allocator, so that a column made here can be freed there.
#[global_allocator]
static ALLOCATOR: pyo3_polars::PolarsAllocator = pyo3_polars::PolarsAllocator::new();
