//! The options of a fold: the arguments of `bars()` as Python passes them.

use crate::builder::{Builder, MaxGap};
use crate::columns::{Group, OUTPUTS, Output, Table, output};
use crate::footprint::{FOOTPRINT_OUTPUTS, Footprint, FootprintOutput};
use crate::levels::Tick;
use crate::lookback::buckets::Vpin;
use crate::lookback::{Back, Length, Lookback, VPIN, outputs};
use crate::needs::Needs;
use crate::plugin::footprint_rows::{FootprintOptions, FootprintRows};
use crate::plugin::inputs::{Inputs, Names};
use crate::plugin::labels::LabelOptions;
use crate::plugin::refusal::compute_error;
use crate::reset::Reset;
use crate::rule::{AnyRule, Rule};
use crate::trades::Role;
use polars_core::prelude::{Field, PolarsResult};
use pyo3::FromPyObject;
use serde::Deserialize;
use std::num::NonZero;

/// Name of the column that is true for complete bars.
pub const IS_COMPLETE: &str = "is_complete";
pub use crate::checkpoint::chains::{RULE, THRESHOLD};

/// Name of the column with the number of the trade that opened a bar, if trades are traced.
pub const OPENING_ROW: &str = "rangebar opening row";

/// The arguments of `bars()`. Python has checked them.
#[allow(clippy::struct_excessive_bools)] // each is a separate argument, passed by name
#[derive(Clone, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    /// The texts of the rules.
    pub rules: Vec<String>,
    /// The name of the column that says which rule a bar is of, if there is one: [`THRESHOLD`] or
    /// [`RULE`].
    pub rule_column: Option<String>,
    /// The columns of the keys; each key has its own chain of bars.
    pub by: Vec<String>,
    /// The text of the borders at which chains begin.
    pub reset: Option<String>,
    /// The name of the column whose changes are these borders, if it is a column.
    pub reset_column: Option<String>,
    /// The longest time between two trades of one bar, in nanoseconds.
    pub max_gap: Option<u64>,
    /// The names of the columns that rules bring along, in the order of these rules.
    pub extras: Vec<String>,
    /// Whether the sums and the features are columns too.
    pub include_microstructure: bool,
    /// Whether bars that did not close are rows too.
    pub include_incomplete: bool,
    /// The columns that are asked for by name, in order.
    pub features: Vec<String>,
    /// How a footprint is made, if bars have one.
    pub footprint: Option<FootprintOptions>,
    /// How far is looked back before a bar, if that is done.
    pub lookback: Option<LookbackOptions>,
    /// Which buckets of volume are measured before a bar, if some are.
    pub vpin: Option<VpinOptions>,
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
    /// The labels of the ends of bars that are wanted instead of bars.
    pub labels: Option<LabelOptions>,
    /// Whether large batches are folded on several threads. Not within a plan, whose engine has
    /// a thread for each processor already.
    pub threaded: bool,
}

/// How far is looked back, as Python passes it: one of both.
#[derive(Clone, Copy, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct LookbackOptions {
    /// So many trades.
    trades: Option<u64>,
    /// So many nanoseconds.
    span: Option<u64>,
}

/// Which buckets of volume are measured, as Python passes it.
#[derive(Clone, Copy, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct VpinOptions {
    /// The volume of a bucket, in units of 1e-8.
    bucket_volume: i64,
    buckets: u32,
}

impl Options {
    /// The computed columns that are wanted.
    pub fn outputs(&self) -> impl Iterator<Item = &'static Output> {
        let is_there = |output: &&Output| {
            if self.stored { output.is_stored() } else { self.is_shown(output) }
        };
        let is_added = |output: &&Output| {
            if self.stored { output.needs_trades() } else { !self.is_shown(output) }
        };
        let asked = self.asked().filter(is_added);
        let vpin = self.vpin.and_then(|_| output(VPIN));
        let all = OUTPUTS.iter().filter(is_there).chain(asked).chain(vpin);
        all.filter(|output| self.labels.is_none() && self.wants(output.name))
    }

    /// Whether a column is there although nobody asks for it by name.
    fn is_shown(&self, output: &Output) -> bool {
        match output.group {
            Group::Bar => true,
            Group::Sum | Group::Feature => self.include_microstructure,
            Group::Intra | Group::Lookback | Group::Vpin | Group::Stored => false,
        }
    }

    /// The columns that are asked for by name, in order.
    fn asked(&self) -> impl Iterator<Item = &'static Output> {
        self.features.iter().filter_map(|name| output(name))
    }

    /// How a footprint is made, if bars have one.
    ///
    /// # Errors
    /// A tick outside its limits.
    pub fn footprint(&self) -> PolarsResult<Option<Footprint>> {
        self.footprint.map(FootprintOptions::footprint).transpose()
    }

    /// The columns of footprints that are wanted.
    fn footprint_outputs(&self) -> impl Iterator<Item = FootprintOutput> {
        let has_one = self.footprint.is_some() && self.labels.is_none();
        FOOTPRINT_OUTPUTS.into_iter().filter(move |output| has_one && self.wants(output.name))
    }

    /// The wanted columns of footprints, without a row.
    ///
    /// # Errors
    /// As [`Self::footprint`].
    pub fn footprint_rows(&self) -> PolarsResult<FootprintRows> {
        Ok(FootprintRows::new(self.footprint()?, self.footprint_outputs()))
    }

    /// A table of the wanted columns without a row.
    pub fn table(&self) -> Table {
        let outputs = self.outputs();
        let table = if self.stored { Table::exact(outputs) } else { Table::new(outputs) };
        table.with_values_of(&self.lookbacks())
    }

    /// How far is looked back before a bar.
    pub fn back(&self) -> Back {
        let length = |LookbackOptions { trades, span }| {
            trades.map(Length::Trades).or_else(|| span.map(Length::Span))
        };
        let vpin = |VpinOptions { bucket_volume, buckets }| Vpin { bucket_volume, buckets };
        Back { length: self.lookback.and_then(length), vpin: self.vpin.map(vpin) }
    }

    /// The columns of what came before a bar that must be computed.
    pub fn lookbacks(&self) -> Vec<&'static Output> {
        if self.labels.is_some() {
            return Vec::new();
        }
        let is_needed = |output: &&Output| self.every_sum || self.wants(output.name);
        let vpin = self.vpin.and_then(|_| output(VPIN));
        outputs(&self.features).into_iter().chain(vpin).filter(is_needed).collect()
    }

    /// Whether a column of bars is wanted.
    pub fn wants(&self, column: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == column))
    }

    /// The wanted columns that need a side.
    pub fn columns_by_side(&self) -> Vec<&'static str> {
        let outputs = self.outputs().map(|output| (output.name, output.needs));
        let all = outputs.chain(self.footprint_outputs().map(|output| (output.name, output.needs)));
        all.filter(|(_, needs)| needs.contains(Needs::SIDES)).map(|(name, _)| name).collect()
    }

    /// The sums of a bar that must be computed.
    pub fn needs(&self) -> Needs {
        let is_sum = |output: &&Output| output.group != Group::Intra && !output.looks_back();
        let all = OUTPUTS.iter().filter(is_sum).chain(self.asked()).filter(|_| self.every_sum);
        // Labels read prices, about which there are notices.
        let none = if self.labels.is_some() { Needs::PRICE } else { Needs::NOTHING };
        let of_footprints = self.footprint_outputs().map(|output| output.needs);
        let all = self.outputs().chain(all).filter(|output| !output.looks_back());
        all.map(|output| output.needs).chain(of_footprints).fold(none, Needs::and)
    }

    /// On how many threads a batch may be folded: as many as Polars would use.
    pub fn threads(&self) -> usize {
        if !self.threaded || self.trace {
            return 1;
        }
        let limit = std::env::var("POLARS_MAX_THREADS").ok().and_then(|limit| limit.parse().ok());
        limit.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// The rules, at the beginning of a chain.
    ///
    /// # Errors
    /// The text of no rule.
    pub fn rules(&self) -> PolarsResult<Vec<AnyRule>> {
        let mut extras = 0;
        let rule = |text: &String| {
            let rule: AnyRule = text.parse()?;
            Ok(if rule.extra().is_some() {
                extras += 1;
                rule.with_extra_at(extras - 1)
            } else {
                rule
            })
        };
        self.rules.iter().map(rule).collect()
    }

    /// The threshold of each rule; none for a rule without one.
    ///
    /// # Errors
    /// As [`Self::rules`].
    pub fn thresholds(&self) -> PolarsResult<Vec<Option<i64>>> {
        Ok(self.rules()?.iter().map(AnyRule::threshold).collect())
    }

    /// Find the columns in a schema that rules, checks and these sums read.
    ///
    /// # Errors
    /// A schema that is refused.
    pub fn inputs(&self, schema: &[Field], needs: Needs) -> PolarsResult<Inputs> {
        let rules = self.rules()?;
        let lookbacks = self.lookbacks();
        let needs = lookbacks.iter().fold(needs, |needs, output| needs.and(output.needs));
        let required = |role| rules.iter().any(|rule| rule.requires(role));
        let reads = |role| is_always_read(role) || needs.reads(role) || required(role);
        let mut inputs = Inputs::resolve(schema, &self.columns, reads)?;
        inputs.require(schema, &self.columns, required)?;
        let flags = rules.iter().filter_map(AnyRule::extra).map(|(_, is_flags)| is_flags);
        inputs.add_extras(schema, self.extras.iter().zip(flags))?;
        if let Some(name) = &self.reset_column {
            inputs.add_sessions(schema, name)?;
        }
        Ok(inputs)
    }

    /// The longest time between two trades of one bar.
    pub fn max_gap(&self) -> Option<MaxGap> {
        self.max_gap.map(MaxGap)
    }

    /// The tick of the levels that bars have.
    ///
    /// # Errors
    /// As [`Self::footprint`].
    pub fn tick(&self) -> PolarsResult<Option<Tick>> {
        let has_levels = self.every_sum || self.footprint_outputs().next().is_some();
        let footprint = self.footprint()?.filter(|_| has_levels);
        Ok(footprint.map(|footprint| footprint.tick))
    }

    /// A builder that has seen no trade.
    ///
    /// # Errors
    /// As [`Self::rules`] and [`Self::reset`].
    pub fn builder(&self, needs: Needs) -> PolarsResult<Builder<AnyRule>> {
        let builder = Builder::new(self.rules()?, needs).with_levels(self.tick()?);
        let lookbacks = self.lookbacks();
        let is_asked = !lookbacks.is_empty();
        let lookback = is_asked.then(|| Lookback::new(self.back(), lookbacks, self.rules.len()));
        let builder = builder.looking_back(lookback);
        Ok(builder.reset_at(self.reset()?, None).cut_off_after(self.max_gap()))
    }

    /// The borders at which chains begin.
    ///
    /// # Errors
    /// A text of none.
    pub fn reset(&self) -> PolarsResult<Option<Reset>> {
        let Some(text) = &self.reset else { return Ok(None) };
        let unknown =
            |_| compute_error(&format!("reset is {text:?}: expected a period or a time in a zone"));
        Ok(Some(match text.parse().map_err(unknown)? {
            // After the columns of the rules.
            Reset::Column { .. } => Reset::Column { place: self.extras.len() },
            other => other,
        }))
    }
}

/// Whether every rule or the checks read a column, so that it is read for any output.
pub const fn is_always_read(role: Role) -> bool {
    matches!(role, Role::Timestamp | Role::Price | Role::Quantity | Role::AggTradeId)
}
