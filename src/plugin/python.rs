//! Tables of trades in, frames of bars out: what Python calls.
//!
//! A table is anything that gives an Arrow C stream: a frame's own chunks, a batch of a plan, a
//! table of another library. It is read chunk by chunk without the interpreter's lock; nothing of a
//! chunk is kept but the open bar.

// Python hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use crate::checkpoint::Checkpoint;
use crate::columns::{Compute, Group, OUTPUTS, Output};
use crate::epoch::EpochUnit;
use crate::period::Period;
use crate::plugin::arrow_stream::TableStream;
use crate::plugin::dicts::{Form, Records};
use crate::plugin::fold::Bars;
use crate::plugin::inputs::Inputs;
use crate::plugin::options::{OPENED, Options, is_always_read};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::row_hash::RowHash;
use crate::trades::Role;
use polars::prelude::{DataFrame, PolarsResult};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use pyo3_polars::PyDataFrame;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kind and a text to warn with.
type Notice = (&'static str, String);

/// What to warn of where no trade of a bar has a side.
#[pyfunction]
fn null_side(columns: Vec<String>) -> Notice {
    let notice = crate::notice::Notice::NullSide { columns };
    (notice.kind(), notice.to_string())
}

/// The bars of a table of trades, and what to warn of.
#[pyfunction]
fn bars(
    trades: &Bound<'_, PyAny>,
    options: Options,
) -> Result<(PyDataFrame, Vec<Notice>), Refusal> {
    let mut stream = TableStream::open(trades)?;
    let mut bars = Bars::new(&options)?;
    let inputs = bind(&stream, &mut bars)?;
    stream.drain(trades.py(), |stream| push(stream, &mut bars, &inputs))?;
    let frame = bars.finish()?;
    Ok((PyDataFrame(frame), bars.notices()))
}

/// Find the columns of the trades in the schema.
fn bind(stream: &TableStream, bars: &mut Bars) -> PolarsResult<Inputs> {
    stream.check_zone(bars.column_name(Role::Timestamp))?;
    bars.bind(stream.schema())
}

/// Fold the next chunk; returns whether there was one.
fn push(stream: &mut TableStream, bars: &mut Bars, inputs: &Inputs) -> PolarsResult<bool> {
    let Some(chunk) = stream.next_chunk()? else { return Ok(false) };
    bars.push(inputs, stream.schema(), chunk.len(), |index| stream.series(&chunk, index))?;
    Ok(true)
}

/// Bars of tables of trades that come one after another.
#[pyclass(frozen, module = "rangebar_polars._internal")]
pub struct BarBuilder {
    bars: Mutex<Bars>,
    form: Arc<Form>,
}

#[pymethods]
impl BarBuilder {
    /// A builder that has seen no trade, or goes on from a checkpoint.
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
        let form = Arc::new(Form::new(py, &options.columns, unit));
        let bars = match checkpoint {
            None => Bars::new(&options)?,
            Some(bytes) => Bars::resume(&options, Checkpoint::from_bytes(bytes)?)?,
        };
        Ok(Self { bars: Mutex::new(bars), form })
    }

    /// Check the schema of a table, without reading its rows.
    fn bind(&self, schema: &Bound<'_, PyAny>) -> Result<(), Refusal> {
        bind(&TableStream::open(schema)?, &mut self.lock())?;
        Ok(())
    }

    /// The bars that ended in the next table of trades; None for no bar.
    fn push(&self, trades: &Bound<'_, PyAny>) -> Result<Option<PyDataFrame>, Refusal> {
        let mut stream = TableStream::open(trades)?;
        let inputs = bind(&stream, &mut self.lock())?;
        stream.drain(trades.py(), |stream| push(stream, &mut self.lock(), &inputs))?;
        if self.lock().is_empty() { Ok(None) } else { self.frame(Bars::take).map(Some) }
    }

    /// The bars that ended in a list of dicts of trades; None for no bar.
    fn push_records(&self, trades: &Bound<'_, PyList>) -> Result<Option<PyDataFrame>, Refusal> {
        let mut bars = self.lock();
        let (given, rows) = bars.records();
        let (records, refused) = Records::read(trades, &self.form, given, rows)?;
        let ended = if records.is_empty() && refused.is_none() && given.is_none() {
            Some(bars.empty_of(&records.looks())?)
        } else {
            // An error of a trade before the refused one comes first.
            bars.push_records(&records)?
        };
        refused.map_or(Ok(ended.map(PyDataFrame)), Err)
    }

    /// By threshold, the trade that opened the bar of each trade of the last table.
    fn trace(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(Bars::take_trace)
    }

    /// A frame of bars without a row.
    fn empty(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(|bars| bars.empty())
    }

    /// The bars that are still open, if they were asked for.
    fn finish(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(Bars::finish)
    }

    /// The bar that is still open, with its features so far; no row if there is none.
    fn open_bar(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(|bars| bars.open_bar())
    }

    /// The gaps found at seams, in words, from the `known`-th on.
    fn gap_texts(&self, known: usize) -> Vec<String> {
        self.lock().gap_texts(known)
    }

    /// What of the trades counts otherwise than they say: of each kind its name and the text.
    fn notices(&self) -> Vec<Notice> {
        self.lock().notices()
    }

    /// The gaps found at seams.
    fn gaps(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(|bars| bars.gaps())
    }

    /// The last time and the last id.
    fn position(&self) -> Result<PyDataFrame, Refusal> {
        self.frame(|bars| bars.position())
    }

    /// The state, as bytes.
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        symbol: Option<String>,
    ) -> Result<Bound<'py, PyBytes>, Refusal> {
        let bytes = self.lock().checkpoint(symbol)?.to_bytes()?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Another builder in the same state, for the next call of a user: ids missing before its first
    /// trade are a gap.
    fn next(&self) -> Self {
        let mut bars = self.lock().clone();
        bars.mark_seam();
        Self { bars: Mutex::new(bars), form: Arc::clone(&self.form) }
    }
}

impl BarBuilder {
    // A builder that several threads use is not locked while Python runs, or another thread could
    // wait for it with the interpreter's lock held.
    fn lock(&self) -> MutexGuard<'_, Bars> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame(
        &self,
        make: impl FnOnce(&mut Bars) -> PolarsResult<DataFrame>,
    ) -> Result<PyDataFrame, Refusal> {
        Ok(PyDataFrame(make(&mut self.lock())?))
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

    /// Take in the rows of the next table.
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

type Settings = (Option<String>, i64, bool, Option<&'static str>, bool, bool, Option<&'static str>);

/// What a checkpoint says of itself: symbol, threshold, gate, reset, the two `include_` flags, and
/// the unit of the times, if it has seen one.
#[pyfunction]
fn read_checkpoint(checkpoint: &[u8]) -> Result<Settings, Refusal> {
    let Checkpoint {
        symbol,
        threshold,
        prevent_same_timestamp_close,
        reset,
        include_microstructure,
        include_incomplete,
        given,
        ..
    } = Checkpoint::from_bytes(checkpoint)?;
    let (threshold, reset) = (threshold.decimal_bps(), reset.map(Period::name));
    let gate = prevent_same_timestamp_close;
    let unit = given.map(|given| EpochUnit::of_column(given.unit).name());
    Ok((symbol, threshold, gate, reset, include_microstructure, include_incomplete, unit))
}

/// The columns of a table of those names, or all of them.
#[pyfunction]
#[pyo3(signature = (table, names))]
fn read_table(
    table: &Bound<'_, PyAny>,
    names: Option<Vec<String>>,
) -> Result<PyDataFrame, Refusal> {
    Ok(PyDataFrame(TableStream::open(table)?.read(table.py(), names.as_deref())?))
}

/// The name of the one unit in which a number is a time from 1990 to 2100, if there is one.
#[pyfunction]
fn fitting_time_unit(value: i64) -> Option<&'static str> {
    EpochUnit::fitting(value).map(EpochUnit::name)
}

/// One line of the table of columns: name, group, dtype, columns read, formula, when it is null.
type Row =
    (&'static str, &'static str, &'static str, Vec<&'static str>, &'static str, &'static str);

fn row(output: &Output) -> Row {
    let group = match output.group {
        Group::Bar => "bar",
        Group::Sum => "sum",
        Group::Feature => "feature",
    };
    let dtype = match output.compute {
        Compute::Time(_) => "as the input",
        Compute::Float(_) => "Float64",
        Compute::Int(_) => "Int64",
    };
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role));
    (output.name, group, dtype, reads.map(Role::name).collect(), output.formula, output.null_when)
}

/// The compiled half of the package.
#[pymodule]
fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let always = Role::ALL.into_iter().filter(|role| is_always_read(*role)).map(Role::name);
    module.add("OUTPUTS", OUTPUTS.iter().map(row).collect::<Vec<_>>())?;
    module.add("ALWAYS_READ", always.collect::<Vec<_>>())?;
    module.add("OPENED", OPENED)?;
    module.add("RULE_VERSION", crate::RULE_VERSION)?;
    module.add_function(wrap_pyfunction!(bars, module)?)?;
    module.add_function(wrap_pyfunction!(null_side, module)?)?;
    module.add_function(wrap_pyfunction!(read_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(fitting_time_unit, module)?)?;
    module.add_function(wrap_pyfunction!(read_table, module)?)?;
    module.add_class::<BarBuilder>()?;
    module.add_class::<TableHash>()
}
