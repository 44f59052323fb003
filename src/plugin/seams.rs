//! Seams between two calls of a caller, and the gaps found there.

use crate::check::Check;
use crate::gap::Gap;
use crate::trades::TimeUnit;
use polars_core::prelude::{
    DataFrame, DataType, Int64Chunked, IntoSeries, NewChunkedArray, PolarsResult,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The gaps of one chain of trades, and the seam where the next one may be.
///
/// Copies share the gaps that they have in common, so a copy costs the same after any number of
/// gaps.
#[derive(Clone, Debug, Default)]
pub struct Seams {
    /// Time and id of the trade before the seam, until the trade after it is seen.
    before: Option<(i64, i64)>,
    log: Arc<Mutex<Vec<Gap>>>,
    /// How many gaps of the log belong to this copy.
    len: usize,
}

impl Seams {
    /// Mark a boundary between two calls: ids that are missing across it are reported as a gap.
    pub fn mark(&mut self, check: Option<&Check>) {
        self.before = check.and_then(|check| Some((check.last()?.time, check.last_id()?)));
    }

    /// Whether a seam was marked and no trade was seen since.
    pub const fn is_open(&self) -> bool {
        self.before.is_some()
    }

    /// Look for a gap before a batch that begins with this time and id, if it has a trade.
    pub fn close(&mut self, first: Option<(i64, Option<i64>)>, unit: TimeUnit) {
        let Some((time, id)) = first else { return };
        if let (Some(last), Some(id)) = (self.before.take(), id)
            && last.1.checked_add(1).is_some_and(|next| next < id)
        {
            self.push(Gap { last, next: (time, id), unit });
        }
    }

    /// Add a gap. Gaps that a copy has added since, which the caller gave up, are removed.
    fn push(&mut self, gap: Gap) {
        let mut log = self.log();
        log.truncate(self.len);
        log.push(gap);
        drop(log);
        self.len += 1;
    }

    fn log(&self) -> MutexGuard<'_, Vec<Gap>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gaps_from(&self, known: usize) -> Vec<Gap> {
        self.log().iter().take(self.len).skip(known).copied().collect()
    }

    /// The messages about the gaps from number `known` on.
    pub fn texts(&self, known: usize) -> Vec<String> {
        self.gaps_from(known).iter().map(ToString::to_string).collect()
    }

    /// A row for each gap: last and next id, how many ids are missing, last and next time.
    ///
    /// # Errors
    /// Times that cannot be cast to `time`.
    pub fn frame(&self, time: &DataType) -> PolarsResult<DataFrame> {
        let gaps = self.gaps_from(0);
        let ids = |name: &str, of: fn(&Gap) -> i64| {
            Int64Chunked::from_iter_values(name.into(), gaps.iter().map(of)).into_series()
        };
        DataFrame::new(
            gaps.len(),
            vec![
                ids("last_agg_trade_id", |gap| gap.last.1).into(),
                ids("next_agg_trade_id", |gap| gap.next.1).into(),
                ids("missing", Gap::missing).into(),
                ids("last_time", |gap| gap.last.0).cast(time)?.into(),
                ids("next_time", |gap| gap.next.0).cast(time)?.into(),
            ],
        )
    }
}
