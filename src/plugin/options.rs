//! The options of a fold: the arguments of `bars()` as Python passes them.

use crate::columns::{Group, OUTPUTS, Output, Table};
use crate::needs::Needs;
use crate::period::Period;
use crate::plugin::inputs::Names;
use crate::plugin::refusal::compute_error;
use crate::rule::{RangeRule, Threshold};
use crate::trades::Role;
use polars_core::prelude::PolarsResult;
use pyo3::FromPyObject;
use serde::Deserialize;
use std::num::NonZero;

/// Name of the column that is true for complete bars.
pub const IS_COMPLETE: &str = "is_complete";
/// Name of the column with the threshold of a bar.
pub const THRESHOLD: &str = "threshold_decimal_bps";

/// Name of the column with the number of the trade that opened a bar, if trades are traced.
pub const OPENING_ROW: &str = "rangebar opening row";

/// The arguments of `bars()`. Python has checked them.
#[allow(clippy::struct_excessive_bools)] // each is a separate argument, passed by name
#[derive(Clone, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    /// The thresholds, ascending.
    pub thresholds: Vec<i64>,
    /// Whether the threshold is a column.
    pub threshold_column: bool,
    /// The columns of the keys; each key has its own chain of bars.
    pub by: Vec<String>,
    /// The period at whose borders bars are cut off.
    pub reset: Option<String>,
    /// Whether no trade of the opening time may close a bar.
    pub prevent_same_timestamp_close: bool,
    /// Whether the sums and the features are columns too.
    pub include_microstructure: bool,
    /// Whether bars that did not close are rows too.
    pub include_incomplete: bool,
    /// The names of the columns of the trades.
    pub columns: Names,
    /// The wanted columns of bars; `None` for all.
    pub only: Option<Vec<String>>,
    /// Whether every sum is computed, wanted or not: needed if the chain is continued later from a
    /// checkpoint.
    pub every_sum: bool,
    /// Whether the computed columns are those that stores keep.
    pub stored: bool,
    /// Whether a schema lists all columns of the trades, so that a column that the user names must
    /// be in it.
    pub whole: bool,
    /// Whether the bar of each trade is recorded.
    pub trace: bool,
    /// Whether large batches are folded on several threads. Not within a plan, whose engine has
    /// a thread for each processor already.
    pub threaded: bool,
}

impl Options {
    /// The computed columns that are wanted.
    pub fn outputs(&self) -> impl Iterator<Item = &'static Output> {
        let shown = |output: &Output| match output.group {
            Group::Bar => true,
            Group::Sum | Group::Feature => self.include_microstructure,
            Group::Stored => false,
        };
        OUTPUTS.iter().filter(move |output| {
            let is_there = if self.stored { output.is_stored() } else { shown(output) };
            is_there && self.wants(output.name)
        })
    }

    /// A table of the wanted columns without a row.
    pub fn table(&self) -> Table {
        if self.stored { Table::exact(self.outputs()) } else { Table::new(self.outputs()) }
    }

    /// Whether a column of bars is wanted.
    pub fn wants(&self, column: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == column))
    }

    /// The wanted columns that need a side.
    pub fn columns_by_side(&self) -> Vec<&'static str> {
        let outputs = self.outputs().filter(|output| output.needs.contains(Needs::SIDES));
        outputs.map(|output| output.name).collect()
    }

    /// The sums that must be computed.
    pub fn needs(&self) -> Needs {
        let all = OUTPUTS.iter().filter(|_| self.every_sum);
        self.outputs().chain(all).fold(Needs::NOTHING, |needs, output| needs.and(output.needs))
    }

    /// On how many threads a batch may be folded: as many as Polars would use.
    pub fn threads(&self) -> usize {
        if !self.threaded || self.trace {
            return 1;
        }
        let limit = std::env::var("POLARS_MAX_THREADS").ok().and_then(|limit| limit.parse().ok());
        limit.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// A rule for each threshold.
    ///
    /// # Errors
    /// A threshold out of range.
    pub fn rules(&self) -> PolarsResult<Vec<RangeRule>> {
        let rule = |decimal_bps: &i64| {
            let threshold = Threshold::new(*decimal_bps)?;
            Ok(RangeRule::new(threshold, self.prevent_same_timestamp_close))
        };
        self.thresholds.iter().map(rule).collect()
    }

    /// The period of `reset`.
    ///
    /// # Errors
    /// A name that is not that of a period.
    pub fn period(&self) -> PolarsResult<Option<Period>> {
        let Some(name) = &self.reset else { return Ok(None) };
        let unknown =
            || compute_error(&format!("reset is {name:?}: expected day, week, month or year"));
        Period::named(name).map(Some).ok_or_else(unknown)
    }
}

/// Whether the rule or the checks read a column, so that it is read for any output.
pub const fn is_always_read(role: Role) -> bool {
    matches!(role, Role::Timestamp | Role::Price | Role::Quantity | Role::AggTradeId)
}
