//! The state of a fold: as a checkpoint and back, the last trades it has seen, and its open bars.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::chains::{Chains, Saved};
use crate::error::Error;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::time_dtype;
use crate::plugin::keys::Keys;
use crate::plugin::options::Options;
use crate::plugin::refusal::Refusal;
use crate::plugin::saved_keys::{frame_of, saved};
use crate::rule::{RangeRule, Threshold};
use crate::trades::Layout;
use polars_core::prelude::{
    DataFrame, DataType, IdxSize, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray,
    PolarsResult,
};
use std::sync::Arc;

/// Whether Polars knows the zone, and writes it so.
fn has_zone(layout: &Layout) -> bool {
    let Ok(DataType::Datetime(_, zone)) = time_dtype(layout) else { return false };
    zone.as_ref().map(|zone| zone.as_str()) == layout.zone.as_deref()
        // Polars makes a dtype of some zones that it cannot make a column of.
        && zone.is_none_or(|zone| zone.to_chrono().is_ok())
}

/// Check that a checkpoint has these thresholds and keys.
fn check_shape(options: &Options, saved: &Saved) -> Result<(), Error> {
    let thresholds = |thresholds: &[i64], are_several: bool| match thresholds {
        [one] if !are_several => one.to_string(),
        several => format!("{several:?}"),
    };
    let own: Vec<_> = saved.settings().iter().map(|state| state.threshold.decimal_bps()).collect();
    let by = |names: &[&str]| {
        if names.is_empty() { "None".to_owned() } else { format!("['{}']", names.join("', '")) }
    };
    let wanted: Vec<_> = options.by.iter().map(String::as_str).collect();
    let all = [
        ("by", by(&saved.by()), by(&wanted)),
        (
            "threshold_decimal_bps",
            thresholds(&own, saved.has_threshold_column()),
            thresholds(&options.thresholds, options.threshold_column),
        ),
    ];
    match all.into_iter().find(|(_, got, expected)| got != expected) {
        Some((what, got, expected)) => Err(Error::CheckpointOther { what, got, expected }),
        None => Ok(()),
    }
}

/// A builder that continues from the states of its thresholds after the same trades.
fn resumed(options: &Options, states: Vec<Checkpoint>) -> Result<Builder<RangeRule>, Refusal> {
    let check = states.first().map(|state| state.check.clone()).unwrap_or_default();
    let chains = options.rules()?.into_iter().zip(states).map(|(rule, state)| match state.open {
        Some(bar) => (rule.with_open(bar.price.open, bar.time.open), Some(bar)),
        None => (rule, None),
    });
    Ok(Builder::resume(chains, check, options.needs()).reset_every(options.period()?))
}

impl Fold {
    /// A fold that continues from a checkpoint.
    ///
    /// # Errors
    /// A checkpoint of other thresholds, keys or rules.
    pub fn resume(options: &Options, saved: Saved) -> Result<Self, Refusal> {
        check_shape(options, &saved)?;
        let period = options.period()?;
        for (state, rule) in saved.settings().iter().zip(options.rules()?) {
            state.agrees(&rule, period)?;
        }
        let mut fold = Self::new(options)?;
        fold.layout = saved.settings().first().and_then(|state| state.layout.clone());
        if let Some(layout) = &fold.layout {
            if !has_zone(layout) {
                return Err(Error::CheckpointDamaged { why: "its time zone is unknown" }.into());
            }
            fold.notices.note_layout(layout, options);
        }
        let states = match saved {
            Saved::One(checkpoint) => vec![vec![*checkpoint]],
            Saved::Several(chains) => {
                if let Some(keys) = frame_of(&chains.keys)? {
                    fold.keys = Some(Keys::of(&keys)?);
                }
                chains.states
            }
        };
        let builders = states.into_iter().map(|of_key| resumed(options, of_key).map(Arc::new));
        fold.builders = builders.collect::<Result<_, _>>()?;
        fold.trades = fold.builders.iter().map(|builder| builder.rows()).sum();
        Ok(fold)
    }

    /// The state after the trades so far, as bytes.
    ///
    /// # Errors
    /// A symbol that is too long, keys whose dtype has no form in bytes, or too many chains.
    pub fn checkpoint(&self, symbol: Option<String>) -> Result<Vec<u8>, Refusal> {
        if let ([builder], [threshold], false) =
            (&*self.builders, &*self.options.thresholds, self.has_several_chains())
        {
            let open = builder.states().next().flatten();
            let state = self.state(*threshold, Some(builder), open)?;
            return Ok(Checkpoint { symbol, ..state }.to_bytes()?);
        }
        let thresholds = || self.options.thresholds.iter();
        let settings = thresholds().map(|threshold| self.state(*threshold, None, None));
        let states = self.builders.iter().map(|builder| {
            thresholds()
                .zip(builder.states())
                .map(|(threshold, open)| self.state(*threshold, Some(builder), open))
                .collect()
        });
        let chains = Chains {
            symbol,
            threshold_column: self.options.threshold_column,
            keys: saved(self.keys.as_deref(), &self.options.by)?,
            settings: settings.collect::<Result<_, _>>()?,
            states: states.collect::<Result<_, _>>()?,
        };
        Ok(chains.to_bytes()?)
    }

    /// Whether bars have a column of keys or of thresholds.
    fn has_several_chains(&self) -> bool {
        self.options.threshold_column || !self.options.by.is_empty()
    }

    /// The state of a threshold; without a builder, before any trade.
    fn state(
        &self,
        threshold: i64,
        builder: Option<&Arc<Builder<RangeRule>>>,
        open: Option<&Bar>,
    ) -> Result<Checkpoint, Refusal> {
        Ok(Checkpoint {
            symbol: None,
            threshold: Threshold::new(threshold)?,
            prevent_same_timestamp_close: self.options.prevent_same_timestamp_close,
            reset: self.options.period()?,
            include_microstructure: self.options.include_microstructure,
            include_incomplete: self.options.include_incomplete,
            layout: self.layout.clone(),
            check: builder.map(|builder| builder.check().clone()).unwrap_or_default(),
            open: open.cloned(),
        })
    }

    /// One row for each key, with the time and the id of its last trade; no row before the first
    /// trade.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn position(&self) -> PolarsResult<DataFrame> {
        let last = |(key, builder): (IdxSize, &Arc<Builder<RangeRule>>)| {
            Some((key, builder.check().last()?.time, builder.check().last_id()))
        };
        let last: Vec<_> = (0..).zip(&self.builders).filter_map(last).collect();
        let times = last.iter().map(|(_, time, _)| *time);
        let time = Int64Chunked::from_iter_values("timestamp".into(), times);
        let ids = last.iter().map(|(.., id)| *id);
        let id = Int64Chunked::from_iter_options("agg_trade_id".into(), ids);
        let time = time.into_series().cast(&self.time_dtype()?)?;
        let keys = self.key_rows(last.iter().map(|(key, ..)| *key).collect())?;
        let mut columns = keys.into_columns();
        columns.extend([time.into(), id.into_column()]);
        DataFrame::new(last.len(), columns)
    }

    /// The open bars, by the number of their key and that of their threshold, with the prices that
    /// close them.
    pub fn open_chains(&self) -> impl Iterator<Item = (usize, usize, &Bar, (f64, f64))> {
        self.builders.iter().enumerate().flat_map(|(key, builder)| {
            let chains = builder.states().zip(builder.rules()).enumerate();
            chains.filter_map(move |(chain, (bar, rule))| Some((key, chain, bar?, rule.limits()?)))
        })
    }
}
