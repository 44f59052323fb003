//! The classes and functions that Python calls: tables of trades in, frames of bars out.
//!
//! A table is anything with an Arrow C stream: a frame, a batch of a plan, a table of another
//! library. It is read chunk by chunk without the interpreter's lock; only the open bar is kept.

// Python passes arguments by value.
#![allow(clippy::needless_pass_by_value)]

use crate::builder::MaxGap;
use crate::check::Check;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::chains::Saved;
use crate::epoch::EpochUnit;
use crate::error::Error;
use crate::lookback::Length;
use crate::notice::Notice;
use crate::plugin::arrow_stream::TableStream;
use crate::plugin::bar_builder::{BarBuilder, bind, push};
use crate::plugin::column_rows;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::Names;
use crate::plugin::notices::Warning;
use crate::plugin::options::{OPENING_ROW, Options, is_always_read};
use crate::plugin::python_frame::PythonFrame;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::stored_bars;
use crate::plugin::table_hash::TableHash;
use crate::plugin::trade_file::TradeWriter;
use crate::rule::{AnyRule, Rule};
use crate::trades::Role;
use crate::trading_day::TradingDay;
use polars_core::prelude::{DataFrame, IntoColumn};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The warning about bars whose trades all have a null side, in which these columns are 0 or null.
#[pyfunction]
fn null_side(columns: Vec<String>) -> Warning {
    Notice::NullSide { columns }.warning()
}

/// The bars of a table of trades, and the warnings about them.
#[pyfunction]
fn bars(
    trades: &Bound<'_, PyAny>,
    options: Options,
) -> Result<(PythonFrame, Vec<Warning>), Refusal> {
    let mut stream = TableStream::open(trades)?;
    let mut fold = Fold::new(&options)?;
    let inputs = bind(&stream, &mut fold)?;
    stream.drain(trades.py(), |stream| push(stream, &mut fold, &inputs))?;
    Ok((PythonFrame(fold.finish()?), fold.warnings()))
}

type Settings = (
    Option<String>,
    Vec<String>,
    Option<String>,
    Vec<String>,
    Option<String>,
    Option<u64>,
    bool,
    bool,
    Vec<String>,
    Option<(i64, u8, u32)>,
    (Option<(Option<u64>, Option<u64>)>, Option<(i64, u32)>),
    Option<&'static str>,
);

/// The settings in a checkpoint: symbol, texts of the rules, the column of rules, by, reset, longest
/// gap in nanoseconds, the two `include_` flags, the features, how a footprint is made (units of a
/// tick, value area, imbalance), how far is looked back (a number of trades, or nanoseconds; units of a
/// bucket's volume and the number of buckets), and the unit of the times, if there was a trade.
#[pyfunction]
fn read_checkpoint(checkpoint: &[u8]) -> Result<Settings, Refusal> {
    let saved = Saved::from_bytes(checkpoint)?;
    let Some(first) = saved.settings().first() else {
        return Err(Error::CheckpointDamaged { why: "it has no rule" }.into());
    };
    let unit = first.layout.as_ref().map(|layout| EpochUnit::of_column(layout.unit).name());
    Ok((
        saved.symbol().map(str::to_owned),
        saved.settings().iter().map(|state| state.rule.to_string()).collect(),
        saved.rule_column().map(str::to_owned),
        saved.by().into_iter().map(str::to_owned).collect(),
        first.reset.map(|reset| reset.to_string()),
        first.max_gap.map(|MaxGap(gap)| gap),
        first.include_microstructure,
        first.include_incomplete,
        first.features.clone(),
        first
            .footprint
            .map(|footprint| (footprint.tick.units(), footprint.value_area, footprint.imbalance)),
        (
            first.back.length.map(|length| match length {
                Length::Trades(trades) => (Some(trades), None),
                Length::Span(span) => (None, Some(span)),
            }),
            first.back.vpin.map(|vpin| (vpin.bucket_volume, vpin.buckets)),
        ),
        unit,
    ))
}

/// Check the text of a rule.
#[pyfunction]
fn check_rule(text: &str) -> PyResult<()> {
    let rule = text.parse::<AnyRule>();
    rule.map(|_| ()).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Whether this is the name of a time zone.
#[pyfunction]
fn has_zone(name: &str) -> bool {
    format!("00:00@{name}").parse::<TradingDay>().is_ok()
}

/// The columns of trades that the rules with these texts need, beside those that every bar needs.
#[pyfunction]
fn rules_read(texts: Vec<String>) -> PyResult<Vec<&'static str>> {
    let rules: Result<Vec<AnyRule>, _> = texts.iter().map(|text| text.parse()).collect();
    let rules = rules.map_err(|error| PyValueError::new_err(error.to_string()))?;
    let required = |role: &Role| rules.iter().any(|rule| rule.requires(*role));
    Ok(Role::ALL.into_iter().filter(required).map(Role::name).collect())
}

type Position = (u64, Option<i64>, Option<i64>, Option<i64>);

/// What chains after the same trades have in common: the number of trades, the last time, the last
/// id of that time, and the last id.
#[pyfunction]
fn checkpoint_position(checkpoint: &[u8]) -> Result<Position, Refusal> {
    let check = Checkpoint::from_bytes(checkpoint)?.check;
    let last = check.last();
    let (time, id) = (last.map(|last| last.time), last.and_then(|last| last.id));
    Ok((check.rows(), time, id, check.last_id()))
}

/// The checkpoint of a chain in the same state after this many trades. No chain continues from one
/// with an open bar of more trades.
#[pyfunction]
fn checkpoint_after<'py>(
    py: Python<'py>,
    checkpoint: &[u8],
    rows: u64,
) -> Result<Bound<'py, PyBytes>, Refusal> {
    let state = Checkpoint::from_bytes(checkpoint)?;
    let check = Check::at(rows, state.check.last(), state.check.last_id());
    Ok(PyBytes::new(py, &Checkpoint { check, ..state }.to_bytes()?))
}

/// The columns of a table with these names, or all columns.
#[pyfunction]
#[pyo3(signature = (table, names))]
fn read_table(
    table: &Bound<'_, PyAny>,
    names: Option<Vec<String>>,
) -> Result<PythonFrame, Refusal> {
    Ok(PythonFrame(TableStream::open(table)?.read(table.py(), names.as_deref())?))
}

/// Sides; the first row whose text means nothing, and the text; what is expected.
type SidesOfTable = (PythonFrame, Option<(usize, String)>, String);

/// The sides in the first column of a table, as Booleans; the first row whose text means nothing, if
/// there is one, with the text; and what is expected there.
#[pyfunction]
fn read_sides(table: &Bound<'_, PyAny>, columns: Names) -> Result<SidesOfTable, Refusal> {
    let table = TableStream::open(table)?.read(table.py(), None)?;
    let (Some(texts), Some(column)) = (columns.sides(), table.columns().first()) else {
        return Err(compute_error("expected a table with a column, and texts of sides").into());
    };
    let read = texts.read(column.as_materialized_series())?;
    let sold = DataFrame::new(table.height(), vec![read.sold.into_column()])?;
    Ok((PythonFrame(sold), read.strange.into_iter().next(), texts.expected()))
}

/// The name of the one unit in which a number is a time from 1990 to 2100, if there is one.
#[pyfunction]
fn fitting_time_unit(value: i64) -> Option<&'static str> {
    EpochUnit::fitting(value).map(EpochUnit::name)
}

/// The columns of bars with these names, from a table of bars in the form of stores.
#[pyfunction]
fn derive(stored: &Bound<'_, PyAny>, names: Vec<String>) -> Result<PythonFrame, Refusal> {
    let stored = TableStream::open(stored)?.read(stored.py(), None)?;
    Ok(PythonFrame(stored_bars::derive(&stored, &names)?))
}

/// The stub that this extension was compiled with. Python compares it with the one that it finds.
const INTERFACE: &str = include_str!("../../rangebar_polars/_internal.pyi");

/// The compiled extension of the package.
#[pymodule]
fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let always = Role::ALL.into_iter().filter(|role| is_always_read(*role)).map(Role::name);
    let levels = column_rows::level_fields().map_err(Refusal::from)?;
    module.add("OUTPUTS", column_rows::rows())?;
    module.add("LEVEL_FIELDS", levels)?;
    module.add("ALWAYS_READ", always.collect::<Vec<_>>())?;
    module.add("OPENING_ROW", OPENING_ROW)?;
    module.add("RULE_VERSION", crate::RULE_VERSION)?;
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("INTERFACE", INTERFACE)?;
    module.add_function(wrap_pyfunction!(bars, module)?)?;
    module.add_function(wrap_pyfunction!(derive, module)?)?;
    module.add_function(wrap_pyfunction!(null_side, module)?)?;
    module.add_function(wrap_pyfunction!(check_rule, module)?)?;
    module.add_function(wrap_pyfunction!(has_zone, module)?)?;
    module.add_function(wrap_pyfunction!(rules_read, module)?)?;
    module.add_function(wrap_pyfunction!(checkpoint_position, module)?)?;
    module.add_function(wrap_pyfunction!(checkpoint_after, module)?)?;
    module.add_function(wrap_pyfunction!(read_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(fitting_time_unit, module)?)?;
    module.add_function(wrap_pyfunction!(read_sides, module)?)?;
    module.add_function(wrap_pyfunction!(read_table, module)?)?;
    module.add_class::<BarBuilder>()?;
    module.add_class::<TradeWriter>()?;
    module.add_class::<TableHash>()
}
