//! The state of a fold: as a checkpoint and back, and the last trade it has seen.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::time_dtype;
use crate::plugin::options::Options;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::rule::{AnyRule, Rule};
use crate::trades::Layout;
use polars_core::prelude::{
    DataFrame, DataType, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray, PolarsResult,
};

const KEYED: &str =
    "a checkpoint is of trades without keys (continue the trades of each key apart)";

/// Whether Polars knows the zone, and writes it so.
fn has_zone(layout: &Layout) -> bool {
    let Ok(DataType::Datetime(_, zone)) = time_dtype(layout) else { return false };
    zone.as_ref().map(|zone| zone.as_str()) == layout.zone.as_deref()
        // Polars makes a dtype of some zones that it cannot make a column of.
        && zone.is_none_or(|zone| zone.to_chrono().is_ok())
}

/// Check that a checkpoint is of a chain after the same trades as another.
fn check_position(checkpoint: &Checkpoint, other: &Checkpoint) -> Result<(), Error> {
    if (&checkpoint.check, &checkpoint.layout) == (&other.check, &other.layout) {
        return Ok(());
    }
    let text = |number: Option<i64>| number.map_or_else(|| "none".into(), |n| n.to_string());
    let after = |Checkpoint { check, layout, .. }: &Checkpoint| {
        let (rows, last_id) = (check.rows(), text(check.last_id()));
        let (time, id) = check.last().map(|last| (last.time, last.id)).unzip();
        let (time, id) = (text(time), text(id.flatten()));
        let layout = layout.as_ref().map_or_else(String::new, |layout| format!(" of {layout}"));
        format!("{rows} trades{layout}, last time {time}, its id {id}, last id {last_id}")
    };
    let (got, expected) = (after(checkpoint), after(other));
    Err(Error::CheckpointOther { what: "a chain after", got, expected })
}

impl Fold {
    /// A fold that continues from a checkpoint.
    ///
    /// # Errors
    /// As [`Self::resume_chains`].
    pub fn resume(options: &Options, checkpoint: Checkpoint) -> Result<Self, Refusal> {
        Self::resume_chains(options, vec![checkpoint])
    }

    /// The state after the trades so far.
    ///
    /// # Errors
    /// Options with several chains.
    pub fn checkpoint(&self, symbol: Option<String>) -> PolarsResult<Checkpoint> {
        let mut checkpoints = self.checkpoints()?;
        match checkpoints.pop() {
            Some(checkpoint) if checkpoints.is_empty() => Ok(Checkpoint { symbol, ..checkpoint }),
            _ => Err(compute_error("a checkpoint is of one rule and no key")),
        }
    }

    /// A fold that continues from a checkpoint of each rule; without any, one that has seen no
    /// trade.
    ///
    /// # Errors
    /// A checkpoint of another rule, or checkpoints of chains after different trades.
    pub fn resume_chains(options: &Options, checkpoints: Vec<Checkpoint>) -> Result<Self, Refusal> {
        let mut fold = Self::new(options)?;
        let Some(first) = checkpoints.first().cloned() else { return Ok(fold) };
        let (rules, period, gap) = (options.rules()?, options.period()?, options.max_gap());
        if !options.by.is_empty() {
            return Err(compute_error(KEYED).into());
        }
        if rules.len() != checkpoints.len() {
            let (got, expected) = (checkpoints.len(), rules.len());
            let text = format!("{got} checkpoints of {expected} rules: expected one of each");
            return Err(compute_error(&text).into());
        }
        if first.layout.as_ref().is_some_and(|layout| !has_zone(layout)) {
            return Err(Error::CheckpointDamaged { why: "its time zone is unknown" }.into());
        }
        let mut chains = Vec::new();
        for (rule, checkpoint) in rules.into_iter().zip(checkpoints) {
            checkpoint.agrees(&rule, period, gap)?;
            check_position(&checkpoint, &first)?;
            chains.push((checkpoint.rule_after(rule), checkpoint.open));
        }
        fold.trades = first.check.rows();
        fold.layout = first.layout;
        if let Some(layout) = &fold.layout {
            fold.notices.note_layout(layout, options);
        }
        let builder = Builder::resume(chains, first.check, options.needs());
        fold.builders = vec![builder.reset_every(period).cut_off_after(gap)];
        Ok(fold)
    }

    /// The state of the chain of each rule after the trades so far.
    ///
    /// # Errors
    /// Options with keys.
    pub fn checkpoints(&self) -> PolarsResult<Vec<Checkpoint>> {
        let ([builder], []) = (&*self.builders, &*self.options.by) else {
            return Err(compute_error(KEYED));
        };
        let reset = self.options.period()?;
        let rules = self.options.rules()?;
        let of_chain = |(begun, (rule, open)): (AnyRule, (&AnyRule, Option<&Bar>))| Checkpoint {
            symbol: None,
            rule: begun,
            reset,
            max_gap: self.options.max_gap(),
            include_microstructure: self.options.include_microstructure,
            include_incomplete: self.options.include_incomplete,
            layout: self.layout.clone(),
            check: builder.check().clone(),
            open: open.cloned(),
            memory: rule.memory(),
        };
        Ok(rules.into_iter().zip(builder.chains()).map(of_chain).collect())
    }

    /// One row with the time and the id of the last trade; no row before the first trade.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn position(&self) -> PolarsResult<DataFrame> {
        let check = self.builders.first().map(Builder::check);
        let last = check.and_then(|check| Some((check.last()?.time, check.last_id())));
        let time =
            Int64Chunked::from_iter_values("timestamp".into(), last.iter().map(|last| last.0));
        let ids = last.iter().map(|last| last.1);
        let id = Int64Chunked::from_iter_options("agg_trade_id".into(), ids);
        let time = time.into_series().cast(&self.time_dtype()?)?;
        DataFrame::new(time.len(), vec![time.into(), id.into_column()])
    }
}
