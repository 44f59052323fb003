//! The state of a fold: as a checkpoint and back, the last trades it has seen, and its open bars.

use crate::bar::Bar;
use crate::builder::Builder;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::chains::{Chains, Saved};
use crate::columns::{Group, Output};
use crate::error::Error;
use crate::fixed::to_f64;
use crate::levels::Tick;
use crate::lookback::buckets::Vpin;
use crate::lookback::{Back, Length};
use crate::plugin::fold::Fold;
use crate::plugin::inputs::time_dtype;
use crate::plugin::keys::Keys;
use crate::plugin::options::{Options, RULE};
use crate::plugin::refusal::{Refusal, compute_error};
use crate::plugin::saved_keys::{frame_of, saved};
use crate::rule::{AnyRule, Rule};
use crate::session::Session;
use crate::trades::{Layout, TimeUnit};
use polars_core::prelude::{
    DataFrame, DataType, IdxSize, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray,
    PolarsResult,
};
use std::sync::Arc;

/// A rule at the beginning of a chain, in its state, and the open bar.
type OfRule<'a> = (AnyRule, (&'a AnyRule, Option<&'a Bar>));

const KEYED: &str =
    "a checkpoint is of trades without keys (continue the trades of each key apart)";

/// Whether Polars knows the zone, and writes it so.
fn has_zone(layout: &Layout) -> bool {
    let Ok(DataType::Datetime(_, zone)) = time_dtype(layout) else { return false };
    zone.as_ref().map(|zone| zone.as_str()) == layout.zone.as_deref()
        // Polars makes a dtype of some zones that it cannot make a column of.
        && zone.is_none_or(|zone| zone.to_chrono().is_ok())
}

/// Check that a checkpoint has these rules and keys.
fn check_shape(options: &Options, saved: &Saved) -> Result<(), Error> {
    let rules = |rules: &[String], column: Option<&str>| match rules {
        [one] if column.is_none() => one.clone(),
        several if column == Some(RULE) => format!("[{}] in the column rule", several.join(", ")),
        several => format!("[{}]", several.join(", ")),
    };
    let own: Vec<_> = saved.settings().iter().map(|state| state.rule.to_string()).collect();
    let by = |names: &[&str]| {
        if names.is_empty() { "None".to_owned() } else { format!("['{}']", names.join("', '")) }
    };
    let wanted: Vec<_> = options.by.iter().map(String::as_str).collect();
    let all = [
        ("by", by(&saved.by()), by(&wanted)),
        (
            "rule",
            rules(&own, saved.rule_column()),
            rules(&options.rules, options.rule_column.as_deref()),
        ),
    ];
    match all.into_iter().find(|(_, got, expected)| got != expected) {
        Some((what, got, expected)) => Err(Error::CheckpointOther { what, got, expected }),
        None => Ok(()),
    }
}

/// Check that a checkpoint looks as far back as the wanted columns do.
fn check_back(wanted: &[&Output], back: Back, own: Back) -> Result<(), Error> {
    let is_wanted = |group| wanted.iter().any(|output| output.group == group);
    if is_wanted(Group::Lookback) && back.length != own.length {
        let text = |length: Option<Length>| length.map_or_else(|| "none".into(), |l| l.to_string());
        let (got, expected) = (text(own.length), text(back.length));
        return Err(Error::CheckpointOther { what: "lookback", got, expected });
    }
    if is_wanted(Group::Vpin) && back.vpin != own.vpin {
        let text = |Vpin { bucket_volume, buckets }| {
            format!("Vpin({}, {buckets})", to_f64(i128::from(bucket_volume)))
        };
        let text = |vpin: Option<Vpin>| vpin.map_or_else(|| "none".into(), text);
        let (got, expected) = (text(own.vpin), text(back.vpin));
        return Err(Error::CheckpointOther { what: "vpin", got, expected });
    }
    Ok(())
}

/// Check that the open bar of a checkpoint has what the wanted columns need.
fn check_features(options: &Options, checkpoint: &Checkpoint) -> Result<(), Refusal> {
    if let Some(wanted) = options.tick()? {
        let got = checkpoint.footprint.map(|footprint| footprint.tick);
        if got != Some(wanted) {
            let text = |tick: Tick| to_f64(tick.units().into()).to_string();
            let (got, expected) = (got.map_or_else(|| "none".into(), text), text(wanted));
            return Err(Error::CheckpointOther { what: "footprint's tick", got, expected }.into());
        }
    }
    let lookbacks = options.lookbacks();
    check_back(&lookbacks, options.back(), checkpoint.back)?;
    let own = checkpoint.lookbacks();
    let has_values = lookbacks.iter().all(|output| own.iter().any(|own| own.name == output.name));
    if has_values && checkpoint.needs_of_run().contains(options.needs().of_run()) {
        return Ok(());
    }
    let names = |names: &[String]| match names {
        [] => "None".to_owned(),
        names => format!("['{}']", names.join("', '")),
    };
    let (got, expected) = (names(&checkpoint.features), names(&options.features));
    Err(Error::CheckpointFeatures { got, expected }.into())
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

/// A builder that continues from the states of its rules after the same trades.
fn resumed(options: &Options, states: Vec<Checkpoint>) -> Result<Builder<AnyRule>, Refusal> {
    let check = states.first().map(|state| state.check.clone()).unwrap_or_default();
    let session = states.first().and_then(|state| state.session.clone());
    let lookback = Checkpoint::lookback(&states, &options.lookbacks());
    let chains = options.rules()?.into_iter().zip(states);
    let (needs, tick) = (options.needs(), options.tick()?);
    let chains = chains.map(|(rule, state)| {
        let rule = state.rule_after(rule);
        let open = state.open.map(|bar| bar.with_run_of(needs));
        (rule, open.map(|bar| Bar { levels: bar.levels.filter(|_| tick.is_some()), ..bar }))
    });
    let builder = Builder::resume(chains, check, needs).with_levels(tick).looking_back(lookback);
    Ok(builder.reset_at(options.reset()?, session).cut_off_after(options.max_gap()))
}

impl Fold {
    /// A fold that continues from a checkpoint.
    ///
    /// # Errors
    /// A checkpoint of other thresholds, keys or rules.
    pub fn resume(options: &Options, saved: Saved) -> Result<Self, Refusal> {
        check_shape(options, &saved)?;
        let reset = options.reset()?;
        for (state, rule) in saved.settings().iter().zip(options.rules()?) {
            state.agrees(&rule, reset, options.max_gap())?;
            check_features(options, state)?;
        }
        let mut fold = Self::of_layout(options, saved.settings().first())?;
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
        let mut sessions = fold.builders.iter().filter_map(|builder| builder.session());
        fold.session = sessions.find_map(Session::kind);
        fold.trades = fold.builders.iter().map(|builder| builder.rows()).sum();
        Ok(fold)
    }

    /// A fold that continues from a checkpoint of each rule, without keys; without any checkpoint,
    /// one that has seen no trade.
    ///
    /// # Errors
    /// A checkpoint of another rule, or checkpoints of chains after different trades.
    pub fn resume_chains(options: &Options, checkpoints: Vec<Checkpoint>) -> Result<Self, Refusal> {
        let Some(first) = checkpoints.first() else { return Ok(Self::new(options)?) };
        let (rules, reset, gap) = (options.rules()?, options.reset()?, options.max_gap());
        if !options.by.is_empty() {
            return Err(compute_error(KEYED).into());
        }
        if rules.len() != checkpoints.len() {
            let (got, expected) = (checkpoints.len(), rules.len());
            let text = format!("{got} checkpoints of {expected} rules: expected one of each");
            return Err(compute_error(&text).into());
        }
        for (rule, checkpoint) in rules.iter().zip(&checkpoints) {
            checkpoint.agrees(rule, reset, gap)?;
            check_features(options, checkpoint)?;
            check_position(checkpoint, first)?;
        }
        let mut fold = Self::of_layout(options, Some(first))?;
        fold.trades = first.check.rows();
        fold.builders = vec![Arc::new(resumed(options, checkpoints)?)];
        Ok(fold)
    }

    /// A fold that has seen no trade, for trades as they were before the checkpoint.
    fn of_layout(options: &Options, checkpoint: Option<&Checkpoint>) -> Result<Self, Refusal> {
        let mut fold = Self::new(options)?;
        fold.layout = checkpoint.and_then(|state| state.layout.clone());
        if let Some(layout) = &fold.layout {
            if !has_zone(layout) {
                return Err(Error::CheckpointDamaged { why: "its time zone is unknown" }.into());
            }
            fold.notices.note_layout(layout, options);
        }
        Ok(fold)
    }

    /// The state of the chain of each rule after the trades so far.
    ///
    /// # Errors
    /// Options with keys.
    pub fn checkpoints(&self) -> PolarsResult<Vec<Checkpoint>> {
        match (&*self.builders, &*self.options.by) {
            ([builder], []) => self.states(Some(builder)),
            _ => Err(compute_error(KEYED)),
        }
    }

    /// The state after the trades so far, as bytes.
    ///
    /// # Errors
    /// A symbol that is too long, keys whose dtype has no form in bytes, or too many chains.
    pub fn checkpoint(&self, symbol: Option<String>) -> Result<Vec<u8>, Refusal> {
        if self.options.rule_column.is_none() && self.options.by.is_empty() {
            let mut states = self.checkpoints()?;
            let Some(state) = states.pop() else { return Err(compute_error(KEYED).into()) };
            return Ok(Checkpoint { symbol, ..state }.to_bytes()?);
        }
        let states = self.builders.iter().map(|builder| self.states(Some(builder)));
        let chains = Chains {
            symbol,
            rule_column: self.options.rule_column.clone(),
            keys: saved(self.keys.as_deref(), &self.options.by)?,
            settings: self.states(None)?,
            states: states.collect::<PolarsResult<_>>()?,
        };
        Ok(chains.to_bytes()?)
    }

    /// The state of each rule of a builder; without one, before any trade.
    fn states(&self, builder: Option<&Arc<Builder<AnyRule>>>) -> PolarsResult<Vec<Checkpoint>> {
        let (unused, reset) = (&self.unused, self.options.reset()?);
        let footprint = self.options.footprint()?;
        let builder = builder.unwrap_or(unused);
        let unit = self.layout.as_ref().map_or(TimeUnit::Microseconds, |layout| layout.unit);
        let (kept, filled) = (builder.kept(unit), builder.filled());
        let of_chain = |(chain, (begun, (rule, open))): (usize, OfRule<'_>)| Checkpoint {
            symbol: None,
            rule: begun,
            reset,
            max_gap: self.options.max_gap(),
            include_microstructure: self.options.include_microstructure,
            include_incomplete: self.options.include_incomplete,
            features: self.options.features.clone(),
            footprint,
            back: self.options.back(),
            layout: self.layout.clone(),
            check: builder.check().clone(),
            session: builder.session().cloned(),
            open: open.cloned(),
            memory: rule.memory(),
            before: open.map_or_else(Vec::new, |_| builder.before(chain).to_vec()),
            kept: kept.clone(),
            filled: filled.clone(),
        };
        let rules = self.options.rules()?.into_iter().zip(builder.chains());
        Ok(rules.enumerate().map(of_chain).collect())
    }

    /// One row for each key, with the time and the id of its last trade; no row before the first
    /// trade.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn position(&self) -> PolarsResult<DataFrame> {
        let last = |(key, builder): (IdxSize, &Arc<Builder<AnyRule>>)| {
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

    /// The open bars, by the number of their key and that of their rule, with the prices that close
    /// them, if it is the price alone.
    pub fn open_chains(&self) -> impl Iterator<Item = (usize, usize, &Bar, Option<(f64, f64)>)> {
        self.builders.iter().enumerate().flat_map(|(key, builder)| {
            let chains = builder.chains().enumerate();
            chains.filter_map(move |(chain, (rule, bar))| Some((key, chain, bar?, rule.limits())))
        })
    }
}
