//! Seams between two calls of a caller, and the gaps found there.

use crate::check::Check;
use crate::gap::Gap;
use crate::plugin::keys::Keys;
use crate::trades::TimeUnit;
use polars_core::prelude::{
    DataFrame, DataType, IdxSize, Int64Chunked, IntoSeries, NewChunkedArray, PolarsResult,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The gaps of the trades of each key, and the seam where the next ones may be.
///
/// Copies share the gaps that they have in common, so a copy costs the same after any number of
/// gaps.
#[derive(Clone, Debug, Default)]
pub struct Seams {
    /// The keys with a trade since the last seam, if a seam was marked.
    closed: Option<HashSet<usize>>,
    /// By key.
    log: Arc<Mutex<Vec<(usize, Gap)>>>,
    /// How many gaps of the log belong to this copy.
    len: usize,
}

impl Seams {
    /// Mark a boundary between two calls: ids that are missing across it are reported as a gap.
    pub fn mark(&mut self) {
        self.closed = Some(HashSet::new());
    }

    /// Whether a seam was marked.
    pub const fn is_marked(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether a seam was marked and no trade of the key was seen since.
    pub fn is_open(&self, key: usize) -> bool {
        self.closed.as_ref().is_some_and(|closed| !closed.contains(&key))
    }

    /// Look for a gap before trades of a key that begin with this time and id. `check` knows the
    /// trades before the seam.
    pub fn close(&mut self, key: usize, check: &Check, first: (i64, Option<i64>), unit: TimeUnit) {
        if !self.closed.as_mut().is_some_and(|closed| closed.insert(key)) {
            return;
        }
        if let (Some(last), Some(last_id), (time, Some(id))) =
            (check.last(), check.last_id(), first)
            && last_id.checked_add(1).is_some_and(|next| next < id)
        {
            self.push(key, Gap { last: (last.time, last_id), next: (time, id), unit });
        }
    }

    /// Add a gap. Gaps that a copy has added since, which the caller gave up, are removed.
    fn push(&mut self, key: usize, gap: Gap) {
        let mut log = self.log();
        log.truncate(self.len);
        log.push((key, gap));
        drop(log);
        self.len += 1;
    }

    fn log(&self) -> MutexGuard<'_, Vec<(usize, Gap)>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gaps_from(&self, known: usize) -> Vec<(usize, Gap)> {
        self.log().iter().take(self.len).skip(known).copied().collect()
    }

    /// The messages about the gaps from number `known` on.
    pub fn texts(&self, known: usize, keys: Option<&Keys>) -> Vec<String> {
        let text = |(key, gap): &(usize, Gap)| match keys {
            Some(keys) => format!("{}: {gap}", keys.describe(*key)),
            None => gap.to_string(),
        };
        self.gaps_from(known).iter().map(text).collect()
    }

    /// A row for each gap: its key, last and next id, how many ids are missing, last and next time.
    ///
    /// # Errors
    /// Times that cannot be cast to `time`.
    pub fn frame(
        &self,
        time: &DataType,
        of_keys: impl Fn(Vec<IdxSize>) -> PolarsResult<DataFrame>,
    ) -> PolarsResult<DataFrame> {
        let gaps = self.gaps_from(0);
        let ids = |name: &str, of: fn(&Gap) -> i64| {
            let values = gaps.iter().map(|(_, gap)| of(gap));
            Int64Chunked::from_iter_values(name.into(), values).into_series()
        };
        let number = |(key, _): &(usize, Gap)| IdxSize::try_from(*key).unwrap_or(IdxSize::MAX);
        let mut columns = of_keys(gaps.iter().map(number).collect())?.into_columns();
        columns.extend([
            ids("last_agg_trade_id", |gap| gap.last.1).into(),
            ids("next_agg_trade_id", |gap| gap.next.1).into(),
            ids("missing", Gap::missing).into(),
            ids("last_time", |gap| gap.last.0).cast(time)?.into(),
            ids("next_time", |gap| gap.next.0).cast(time)?.into(),
        ]);
        DataFrame::new(gaps.len(), columns)
    }
}
