//! The classes and functions that Python calls: tables of trades in, frames of bars out.
//!
//! A table is anything with an Arrow C stream: a frame, a batch of a plan, a table of another
//! library. It is read chunk by chunk without the interpreter's lock; only the open bar is kept.

// Python passes arguments by value.
#![allow(clippy::needless_pass_by_value)]

use crate::bar::Bar;
use crate::builder::MaxGap;
use crate::check::Check;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::chains::Saved;
use crate::columns::{Compute, Group, OUTPUTS, Output};
use crate::epoch::EpochUnit;
use crate::error::Error;
use crate::fixed::to_f64;
use crate::footprint::{FOOTPRINT_OUTPUTS, FootprintOutput};
use crate::lookback::Length;
use crate::notice::Notice;
use crate::plugin::arrow_stream::TableStream;
use crate::plugin::bar_rows::exact_dtype;
use crate::plugin::dicts::{Form, Records};
use crate::plugin::fold::Fold;
use crate::plugin::inputs::{Inputs, Names};
use crate::plugin::notices::Warning;
use crate::plugin::options::{OPENING_ROW, Options, is_always_read};
use crate::plugin::python_frame::PythonFrame;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::stored_bars;
use crate::plugin::trade_file::TradeWriter;
use crate::row_hash::RowHash;
use crate::rule::{AnyRule, Rule};
use crate::trades::Role;
use crate::trading_day::TradingDay;
use polars_core::prelude::{DataFrame, DataType, IntoColumn, PolarsResult};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Find the columns of the trades in the schema of a stream.
fn bind(stream: &TableStream, fold: &mut Fold) -> PolarsResult<Inputs> {
    stream.check_zone(fold.column_name(Role::Timestamp))?;
    fold.bind(stream.schema())
}

/// Fold the next chunk of a stream; returns whether there was one.
fn push(stream: &mut TableStream, fold: &mut Fold, inputs: &Inputs) -> PolarsResult<bool> {
    let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
    fold.push(inputs, stream.schema(), chunk.len(), |index| stream.series(&chunk, index))?;
    Ok(true)
}

/// Bars of tables of trades that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct BarBuilder {
    fold: Mutex<Fold>,
    form: Arc<Form>,
}

#[pymethods]
impl BarBuilder {
    /// A builder that has seen no trade, or continues from a checkpoint.
    #[new]
    #[pyo3(signature = (options, checkpoint=None, time_unit="ms"))]
    fn new(
        py: Python<'_>,
        options: Options,
        checkpoint: Option<&[u8]>,
        time_unit: &str,
    ) -> Result<Self, Refusal> {
        let unit = EpochUnit::named(time_unit).ok_or_else(|| {
            PyValueError::new_err(format!("time_unit is {time_unit:?}: expected s, ms, us or ns"))
        })?;
        let form = Arc::new(Form::new(py, &options, unit)?);
        let fold = match checkpoint {
            None => Fold::new(&options)?,
            Some(bytes) => Fold::resume(&options, Saved::from_bytes(bytes)?)?,
        };
        Ok(Self { fold: Mutex::new(fold), form })
    }

    /// A builder that continues the chain of each threshold from its checkpoint; without any
    /// checkpoint, one that has seen no trade.
    #[staticmethod]
    fn of_chains(
        py: Python<'_>,
        options: Options,
        checkpoints: Vec<PyBackedBytes>,
    ) -> Result<Self, Refusal> {
        let checkpoints = checkpoints.iter().map(|bytes| Checkpoint::from_bytes(bytes));
        let fold = Fold::resume_chains(&options, checkpoints.collect::<Result<_, _>>()?)?;
        Ok(Self { fold: Mutex::new(fold), ..Self::new(py, options, None, "ms")? })
    }

    /// Check the schema of a table, without reading its rows.
    fn bind(&self, schema: &Bound<'_, PyAny>) -> Result<(), Refusal> {
        bind(&TableStream::open(schema)?, &mut self.lock())?;
        Ok(())
    }

    /// The bars that ended in the next table of trades; None for no bar.
    fn push(&self, trades: &Bound<'_, PyAny>) -> Result<Option<PythonFrame>, Refusal> {
        let mut stream = TableStream::open(trades)?;
        let inputs = bind(&stream, &mut self.lock())?;
        stream.drain(trades.py(), |stream| push(stream, &mut self.lock(), &inputs))?;
        if self.lock().is_empty() { Ok(None) } else { self.frame(Fold::take).map(Some) }
    }

    /// The bars that ended in a list of dicts of trades; None for no bar.
    fn push_records(&self, trades: &Bound<'_, PyList>) -> Result<Option<PythonFrame>, Refusal> {
        let mut fold = self.lock();
        let layout = fold.layout();
        let (records, refused) = Records::read(
            trades,
            &self.form,
            layout,
            (fold.keys(), fold.session()),
            fold.trades(),
        )?;
        let (ended, left_out) = if records.is_empty() && refused.is_none() && layout.is_none() {
            (Some(fold.empty_of(&records.layout())?), 0)
        } else {
            // An error of a trade before the refused one comes first.
            fold.push_records(&records)?
        };
        match refused {
            None => Ok(ended.map(PythonFrame)),
            Some(Refusal::Dict(error)) => Err(error.earlier(left_out).into()),
            Some(other) => Err(other),
        }
    }

    /// For each threshold, the number of the trade that opened the bar of each trade of the last
    /// table.
    fn trace(&self) -> Result<PythonFrame, Refusal> {
        self.frame(Fold::take_trace)
    }

    /// A frame of bars without a row.
    fn empty(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.empty())
    }

    /// The bars that are still open, if incomplete bars are wanted.
    fn finish(&self) -> Result<PythonFrame, Refusal> {
        self.frame(Fold::finish)
    }

    /// The bars that are still open, with their features so far; no row if there is none.
    fn open_bar(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.open_bar())
    }

    /// The key and the rule of each open bar, by number, with the prices at or below and at or above
    /// which a trade closes it. Bars that something else closes are left out.
    fn limits(&self) -> Vec<(usize, usize, f64, f64)> {
        let limits = |(key, chain, _, limits): (_, _, &Bar, Option<(f64, f64)>)| {
            limits.map(|(lower, upper)| (key, chain, lower, upper))
        };
        self.lock().open_chains().filter_map(limits).collect()
    }

    /// The key and the rule of each open bar, by number, with its times, prices and volume.
    fn open_values(&self) -> Vec<OpenValues> {
        let values = |(key, chain, bar, _): (usize, usize, &Bar, _)| {
            let (time, price, volume) = (bar.time, bar.price, to_f64(bar.volume));
            let prices = (price.open, price.high, price.low, price.close);
            (key, chain, time.open, time.close, prices, volume)
        };
        self.lock().open_chains().map(values).collect()
    }

    /// Unit and zone of the times, once there was a batch.
    fn time_type(&self) -> Option<(&'static str, Option<String>)> {
        let fold = self.lock();
        let layout = fold.layout()?;
        Some((EpochUnit::of_column(layout.unit).name(), layout.zone.clone()))
    }

    /// The keys, a row for each; no column without keys.
    fn keys(&self) -> PythonFrame {
        PythonFrame(self.lock().keys().map(|keys| keys.seen().clone()).unwrap_or_default())
    }

    /// The messages about the gaps found at seams, from number `known` on.
    fn gap_texts(&self, known: usize) -> Vec<String> {
        self.lock().gap_texts(known)
    }

    /// The warnings about the bars so far, at most one of each kind: name of the kind and text.
    fn notices(&self) -> Vec<Warning> {
        self.lock().warnings()
    }

    /// The gaps found at seams.
    fn gaps(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.gaps())
    }

    /// The time and the id of the last trade.
    fn position(&self) -> Result<PythonFrame, Refusal> {
        self.frame(|fold| fold.position())
    }

    /// The state, as bytes.
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        symbol: Option<String>,
    ) -> Result<Bound<'py, PyBytes>, Refusal> {
        let bytes = self.lock().checkpoint(symbol)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The state of the chain of each threshold, as bytes.
    fn checkpoints<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyBytes>>, Refusal> {
        let checkpoints = self.lock().checkpoints()?;
        checkpoints.iter().map(|each| Ok(PyBytes::new(py, &each.to_bytes()?))).collect()
    }

    /// Another builder in the same state, for the next call of a user. Ids that are missing before
    /// its first trade are reported as a gap; if `skips`, its first trades are left out if they
    /// were counted already.
    #[pyo3(signature = (skips=false))]
    fn next(&self, skips: bool) -> Self {
        let mut fold = self.lock().clone();
        fold.mark_seam(skips);
        Self { fold: Mutex::new(fold), form: Arc::clone(&self.form) }
    }
}

impl BarBuilder {
    // The lock must not be held while Python runs: another thread could wait for it and hold the
    // interpreter's lock.
    fn lock(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame(
        &self,
        make: impl FnOnce(&mut Fold) -> PolarsResult<DataFrame>,
    ) -> Result<PythonFrame, Refusal> {
        Ok(PythonFrame(make(&mut self.lock())?))
    }
}

/// A hash of the rows of tables that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct TableHash(Mutex<RowHash>);

#[pymethods]
impl TableHash {
    /// A hash of no rows, with the columns of a schema.
    #[new]
    fn new(schema: &Bound<'_, PyAny>) -> Result<Self, Refusal> {
        Ok(Self(Mutex::new(RowHash::of(TableStream::open(schema)?.fields())?)))
    }

    /// Add the rows of the next table.
    fn push(&self, table: &Bound<'_, PyAny>) -> Result<(), Refusal> {
        let mut stream = TableStream::open(table)?;
        if !self.lock().has_columns_of(&RowHash::of(stream.fields())?) {
            let text = "the columns of the table are not those that are hashed";
            return Err(compute_error(text).into());
        }
        stream.drain(table.py(), |stream| {
            let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
            self.lock().push_table(&chunk)?;
            Ok(true)
        })
    }

    /// The hash of all rows so far, as hex digits.
    fn hexdigest(&self) -> String {
        format!("{:032x}", self.lock().digest())
    }

    /// The hash of each column of all rows so far, as hex digits, by name.
    fn hexdigests(&self) -> Vec<(String, String)> {
        let of_column = |(name, digest): (&str, u128)| (name.to_string(), format!("{digest:032x}"));
        self.lock().digests().map(of_column).collect()
    }
}

impl TableHash {
    fn lock(&self) -> MutexGuard<'_, RowHash> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Key and rule by number, first and last time, first, highest, lowest and last price, volume.
type OpenValues = (usize, usize, i64, i64, (f64, f64, f64, f64), f64);

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

/// One line of the table of columns: name, group, dtype, columns read, formula, when it is null,
/// the dtype in stores, the stored columns it is computed from.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Vec<&'static str>,
    &'static str,
    &'static str,
    Option<String>,
    Vec<&'static str>,
);

fn row(output: &Output) -> Row {
    let group = match output.group {
        Group::Bar => "bar",
        Group::Sum => "sum",
        Group::Feature => "feature",
        Group::Intra => "intra",
        Group::Lookback => "lookback",
        Group::Vpin => "vpin",
        Group::Stored => "stored",
    };
    let dtype = match output.compute {
        Compute::Time(_) => "as the input",
        Compute::Int(_) => "Int64",
        _ => "Float64",
    };
    let stored = match (output.compute, exact_dtype(output)) {
        _ if !output.is_stored() => None,
        (Compute::Volume(_) | Compute::Turnover(_), DataType::Decimal(digits, scale)) => {
            Some(format!("Decimal({digits}, {scale})"))
        }
        _ => Some(dtype.to_string()),
    };
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role)).map(Role::name);
    let of = OUTPUTS.iter().filter(|other| output.needs_stored(other)).map(|other| other.name);
    let (reads, of) = (reads.collect(), of.collect());
    (output.name, group, dtype, reads, output.formula, output.null_when, stored, of)
}

fn footprint_row(output: &FootprintOutput) -> Row {
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role)).map(Role::name);
    let (reads, null_when) = (reads.collect(), output.null_when);
    (output.name, "footprint", output.dtype, reads, output.formula, null_when, None, Vec::new())
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
    module.add(
        "OUTPUTS",
        OUTPUTS
            .iter()
            .map(row)
            .chain(FOOTPRINT_OUTPUTS.iter().map(footprint_row))
            .collect::<Vec<_>>(),
    )?;
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
