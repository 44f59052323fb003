//! Labels of the closing trades of bars, or of events of the caller, as rows of a frame.
//!
//! The fold gives each labeller the trades of its key and their events. Rows come out in the order
//! of the events of all keys, so an open one holds back those after it.

use crate::builder::Ended;
use crate::epoch::EpochUnit;
use crate::label::{Barriers, Event, Horizon, Labelled, Labeller, Outcome, Touch};
use crate::plugin::bar_rows::leading_columns;
use crate::plugin::keys::Keys;
use crate::plugin::options::Options;
use crate::plugin::refusal::compute_error;
use crate::plugin::trace::KeyRows;
use crate::rule::Threshold;
use crate::trades::TimeUnit;
use polars_core::prelude::{
    Categorical8Type, CategoricalChunked, Column, DataFrame, DataType, Float64Chunked,
    FrozenCategories, IdxSize, Int8Chunked, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray,
    PolarsResult, UInt8Chunked,
};
use pyo3::FromPyObject;
use serde::Deserialize;
use std::collections::VecDeque;
use std::sync::Arc;

/// The arguments of labels. Python has checked them.
#[derive(Clone, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct LabelOptions {
    /// Whether there are barriers; without, the only column is that of returns.
    pub has_barriers: bool,
    /// The fraction above an event, in decimal basis points.
    pub take_profit: Option<i64>,
    /// The fraction below an event, in decimal basis points.
    pub stop_loss: Option<i64>,
    /// Of each horizon the ending of its columns, its text, its bars, and its nanoseconds.
    pub horizons: Vec<(String, String, Option<usize>, Option<u64>)>,
    /// Of each event of the caller its row and its barriers, in order.
    pub events: Option<Vec<GivenEvent>>,
}

/// Row, take profit and stop loss of an event.
type GivenEvent = (u64, Option<i64>, Option<i64>);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    options: LabelOptions,
    barriers: Barriers,
    /// Row and barriers of each event of the caller, if the events are not the ends of bars.
    events: Option<Vec<(u64, Barriers)>>,
}

/// A labeller at work: what is asked for, and the labeller of a key.
#[derive(Debug)]
pub struct Labelling<'a> {
    asked: &'a Asked,
    /// The labeller of the key.
    pub labeller: &'a mut Labeller,
}

/// The labels of all keys.
#[derive(Clone, Debug)]
pub struct Labels {
    asked: Arc<Asked>,
    /// The labeller of a key that has no trade yet, once the unit of the times is known.
    unused: Option<Labeller>,
    of_keys: Vec<Labeller>,
    /// The key of each event that is no row yet; empty without keys.
    order: VecDeque<IdxSize>,
    rows: Rows,
    /// How many events have become rows.
    made: usize,
}

/// Labels on their way into a frame.
#[derive(Clone, Debug, Default)]
struct Rows {
    keys: Vec<IdxSize>,
    events: Vec<Labelled>,
    /// Those of the first event, a horizon each, then those of the next.
    outcomes: Vec<Option<Outcome>>,
}

fn barriers(take_profit: Option<i64>, stop_loss: Option<i64>) -> PolarsResult<Barriers> {
    let fraction = |bps: Option<i64>| bps.map(Threshold::new).transpose();
    Ok(Barriers { take_profit: fraction(take_profit)?, stop_loss: fraction(stop_loss)? })
}

impl Asked {
    /// How many events a trade is, by its number among the trades of all keys.
    fn events_at(&self, trade: u64) -> &[(u64, Barriers)] {
        let events = self.events.as_deref().unwrap_or_default();
        let first = events.partition_point(|(row, _)| *row < trade);
        let here = events[first..].iter().take_while(|(row, _)| *row == trade).count();
        &events[first..first + here]
    }
}

impl Labelling<'_> {
    /// Add the events that a bar ends with. `before` is the number of the key's trades before these.
    pub fn add(&self, ended: &Ended, before: u64, key_rows: KeyRows<'_>, to: &mut Vec<Event>) {
        if !ended.complete {
            return;
        }
        // Rows of one batch fit `usize`.
        let row = usize::try_from(ended.row - before).unwrap_or(usize::MAX);
        let trade = key_rows.first_row + key_rows.row(ended.row) as u64;
        let event = |number, barriers| Event { row, number, chain: ended.chain, barriers };
        if self.asked.events.is_none() {
            to.push(event(trade, self.asked.barriers));
        }
        let here = self.asked.events_at(trade);
        to.extend(here.iter().map(|(row, barriers)| event(*row, *barriers)));
    }
}

impl Labels {
    /// Labels before any trade.
    ///
    /// # Errors
    /// A fraction that is not 1 to 100,000 decimal basis points.
    pub fn new(options: &LabelOptions) -> PolarsResult<Self> {
        let events = options.events.as_ref().map(|all| {
            let of_event = all.iter().map(|(row, up, down)| Ok((*row, barriers(*up, *down)?)));
            of_event.collect::<PolarsResult<_>>()
        });
        let asked = Asked {
            barriers: barriers(options.take_profit, options.stop_loss)?,
            events: events.transpose()?,
            options: options.clone(),
        };
        Ok(Self {
            asked: Arc::new(asked),
            unused: None,
            of_keys: Vec::new(),
            order: VecDeque::new(),
            rows: Rows::default(),
            made: 0,
        })
    }

    /// Learn the unit of the times, which are in the column with this name.
    ///
    /// # Errors
    /// A horizon that is no whole number of units.
    pub fn bind(&mut self, unit: TimeUnit, times: &str) -> PolarsResult<()> {
        if self.unused.is_some() {
            return Ok(());
        }
        let length = 1_000_000_000 / unit.per_second().unsigned_abs();
        let horizon = |(_, text, bars, span): &(String, String, Option<usize>, Option<u64>)| {
            Ok(match (bars, span) {
                (Some(bars), _) => Horizon::Bars(*bars),
                (None, None) => Horizon::Unlimited,
                (None, Some(span)) if span % length == 0 => {
                    Horizon::Span(i64::try_from(span / length).unwrap_or(i64::MAX))
                }
                (None, Some(_)) => {
                    let unit = EpochUnit::of_column(unit).name();
                    return Err(compute_error(&format!(
                        "horizon is {text:?}: expected a whole number of {unit}, the unit of the \
                         times (round it, or cast the times to a finer unit: \
                         pl.col({times:?}).dt.cast_time_unit(\"ns\"))"
                    )));
                }
            })
        };
        let horizons = self.asked.options.horizons.iter().map(horizon);
        self.unused = Some(Labeller::new(horizons.collect::<PolarsResult<Vec<_>>>()?));
        Ok(())
    }

    /// Add labellers up to that of this key.
    pub fn add_key(&mut self, key: usize) {
        if let Some(unused) = &self.unused {
            while self.of_keys.len() <= key {
                self.of_keys.push(unused.clone());
            }
        }
    }

    /// The labellers by the number of their key.
    pub fn labellings(&mut self) -> impl Iterator<Item = Labelling<'_>> {
        let asked = &self.asked;
        self.of_keys.iter_mut().map(|labeller| Labelling { asked, labeller })
    }

    /// Note which key is next in the order of events.
    pub fn note(&mut self, ended: &Ended, key: usize, trade: u64) {
        if !ended.complete {
            return;
        }
        let events = match &self.asked.events {
            None => 1,
            Some(_) => self.asked.events_at(trade).len(),
        };
        // There are no more keys than rows, and Polars counts rows by the same type.
        let key = IdxSize::try_from(key).unwrap_or(IdxSize::MAX);
        self.order.extend(std::iter::repeat_n(key, events));
    }

    /// Make rows of the events that have ended, up to the first that has not; at the end of the
    /// trades, of all events.
    pub fn flush(&mut self, has_keys: bool, is_end: bool) {
        loop {
            let next = if has_keys { self.order.front().copied() } else { Some(0) };
            let Some(key) = next else { break };
            let Some(labeller) = self.of_keys.get_mut(key as usize) else { break };
            let Some((event, outcomes)) = labeller.take(is_end) else { break };
            self.rows.outcomes.extend(outcomes);
            self.rows.events.push(event);
            self.rows.keys.push(key);
            self.order.pop_front();
            self.made += 1;
        }
    }

    /// Check that every event of the caller was one of the trades.
    ///
    /// # Errors
    /// An event after the last trade.
    pub fn check_end(&self, trades: u64) -> PolarsResult<()> {
        let events = self.asked.events.as_deref().unwrap_or_default();
        let Some((row, _)) = events.get(self.made) else { return Ok(()) };
        Err(compute_error(&format!(
            "event {} has row {row}: expected a row of the trades, which are {trades} (rows are \
             counted from 0, over the trades of all keys)",
            self.made
        )))
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows.events.is_empty()
    }

    /// The rows so far as a frame whose times have the dtype `time`; they are removed.
    ///
    /// # Errors
    /// Times that cannot be cast to `time`.
    pub fn take(
        &mut self,
        options: &Options,
        time: &DataType,
        keys: Option<&Keys>,
    ) -> PolarsResult<DataFrame> {
        std::mem::take(&mut self.rows).frame(&self.asked, options, time, keys)
    }

    /// A frame without a row.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn empty(
        &self,
        options: &Options,
        time: &DataType,
        keys: Option<&Keys>,
    ) -> PolarsResult<DataFrame> {
        Rows::default().frame(&self.asked, options, time, keys)
    }
}

impl Rows {
    fn frame(
        self,
        asked: &Asked,
        options: &Options,
        time: &DataType,
        keys: Option<&Keys>,
    ) -> PolarsResult<DataFrame> {
        let Self { keys: numbers, events, outcomes } = self;
        let chains: Vec<_> = events.iter().map(|event| event.chain).collect();
        let mut columns = leading_columns(options, keys, numbers, &chains)?;
        if asked.events.is_some() {
            let rows = events.iter().map(|event| event.number.cast_signed());
            columns.push(Int64Chunked::from_iter_values("row".into(), rows).into_column());
        }
        let times = events.iter().map(|event| Some(event.time));
        columns.push(times_column("close_time", times, time)?);
        let closes = events.iter().map(|event| event.price);
        columns.push(Float64Chunked::from_iter_values("close".into(), closes).into_column());
        let horizons = asked.options.horizons.len();
        for (place, (ending, ..)) in asked.options.horizons.iter().enumerate() {
            let of_horizon = || outcomes.iter().skip(place).step_by(horizons);
            let name = |name: &str| format!("{name}{ending}");
            let ret = of_horizon().map(|outcome| outcome.map(|outcome| outcome.ret));
            let ret_name = if asked.options.has_barriers { "ret" } else { "forward_return" };
            let ret = Float64Chunked::from_iter_options(name(ret_name).into(), ret).into_column();
            if !asked.options.has_barriers {
                columns.push(ret);
                continue;
            }
            let label = of_horizon().map(|outcome| outcome.map(|outcome| label(outcome.touch)));
            let label = Int8Chunked::from_iter_options(name("label").into(), label);
            let touched = of_horizon().map(|outcome| outcome.map(|outcome| outcome.time));
            let kind = of_horizon().map(|outcome| outcome.map(|outcome| kind(outcome.touch)));
            let kind = UInt8Chunked::from_iter_options(name("touch_kind").into(), kind);
            columns.extend([
                label.into_column(),
                ret,
                times_column(&name("touch_time"), touched, time)?,
                of_kinds(kind)?,
            ]);
        }
        columns.retain(|column| options.wants(column.name()));
        DataFrame::new(events.len(), columns)
    }
}

fn times_column(
    name: &str,
    times: impl Iterator<Item = Option<i64>>,
    dtype: &DataType,
) -> PolarsResult<Column> {
    let times = Int64Chunked::from_iter_options(name.into(), times).into_series();
    Ok(times.cast(dtype)?.into_column())
}

const fn label(touch: Touch) -> i8 {
    match touch {
        Touch::TakeProfit => 1,
        Touch::StopLoss => -1,
        Touch::Horizon => 0,
    }
}

/// The place of a kind in [`KINDS`].
const fn kind(touch: Touch) -> u8 {
    match touch {
        Touch::TakeProfit => 0,
        Touch::StopLoss => 1,
        Touch::Horizon => 2,
    }
}

/// The texts of the kinds of touches.
const KINDS: [&str; 3] = ["take_profit", "stop_loss", "horizon"];

fn of_kinds(kinds: UInt8Chunked) -> PolarsResult<Column> {
    let dtype = DataType::from_frozen_categories(FrozenCategories::new(KINDS)?);
    let kinds = CategoricalChunked::<Categorical8Type>::from_cats_and_dtype(kinds, dtype);
    Ok(kinds.into_column())
}
