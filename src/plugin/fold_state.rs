//! The state of a fold: as a checkpoint and back, and the last trade it has seen.

use crate::builder::Builder;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::plugin::fold::Fold;
use crate::plugin::inputs::time_dtype;
use crate::plugin::options::Options;
use crate::plugin::refusal::{Refusal, compute_error};
use crate::rule::Rule;
use crate::trades::Layout;
use polars_core::prelude::{
    DataFrame, DataType, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray, PolarsResult,
};

/// Whether Polars knows the zone, and writes it so.
fn has_zone(layout: &Layout) -> bool {
    let Ok(DataType::Datetime(_, zone)) = time_dtype(layout) else { return false };
    zone.as_ref().map(|zone| zone.as_str()) == layout.zone.as_deref()
        // Polars makes a dtype of some zones that it cannot make a column of.
        && zone.is_none_or(|zone| zone.to_chrono().is_ok())
}

impl Fold {
    /// A fold that continues from a checkpoint.
    ///
    /// # Errors
    /// A checkpoint of another rule.
    pub fn resume(options: &Options, checkpoint: Checkpoint) -> Result<Self, Refusal> {
        let mut fold = Self::new(options)?;
        let (Some(rule), period) = (options.rules()?.pop(), options.period()?) else {
            return Err(compute_error("a checkpoint is of one rule").into());
        };
        checkpoint.agrees(&rule, period, options.max_gap())?;
        if checkpoint.layout.as_ref().is_some_and(|layout| !has_zone(layout)) {
            return Err(Error::CheckpointDamaged { why: "its time zone is unknown" }.into());
        }
        let rule = checkpoint.rule();
        fold.trades = checkpoint.check.rows();
        fold.layout = checkpoint.layout;
        if let Some(layout) = &fold.layout {
            fold.notices.note_layout(layout, options);
        }
        let builder = Builder::resume(rule, checkpoint.open, checkpoint.check, options.needs());
        fold.builders = vec![builder.reset_every(period).cut_off_after(options.max_gap())];
        Ok(fold)
    }

    /// The state after the trades so far.
    ///
    /// # Errors
    /// Options with several chains.
    pub fn checkpoint(&self, symbol: Option<String>) -> PolarsResult<Checkpoint> {
        let ([builder], [text]) = (&*self.builders, &*self.options.rules) else {
            return Err(compute_error("a checkpoint is of one rule and no key"));
        };
        let Some((rule, open)) = builder.chains().next() else {
            return Err(compute_error("a checkpoint is of one rule"));
        };
        Ok(Checkpoint {
            symbol,
            rule: text.parse()?,
            reset: self.options.period()?,
            max_gap: self.options.max_gap(),
            include_microstructure: self.options.include_microstructure,
            include_incomplete: self.options.include_incomplete,
            layout: self.layout.clone(),
            check: builder.check().clone(),
            open: open.cloned(),
            memory: rule.memory(),
        })
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
