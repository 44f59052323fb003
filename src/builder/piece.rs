//! What is summed of the trades between two cuts.

use crate::bar::Bar;
use crate::error::Error;
use crate::levels::{LEVELS_LIMIT, Levels, Tick};
use crate::needs::Needs;
use crate::sums::Overflow;
use crate::trades::Trades;
use std::ops::Range;

/// What a piece of a bar holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The sums.
    pub needs: Needs,
    /// The tick of the levels, if there are some.
    pub tick: Option<Tick>,
}

impl Piece {
    /// The piece of these rows of the trades; `None` if there is no row.
    ///
    /// # Errors
    /// [`Overflow`] if a sum is beyond its integer, or there are too many levels.
    #[inline]
    pub fn bar(self, trades: &Trades<'_>, rows: Range<usize>) -> Result<Option<Bar>, Overflow> {
        match self.tick {
            // A bar is large, and is not moved on its way where nothing is added to it.
            None => Bar::of(trades, rows, self.needs),
            Some(tick) => self.with_levels(trades, rows, tick),
        }
    }

    fn with_levels(
        self,
        trades: &Trades<'_>,
        rows: Range<usize>,
        tick: Tick,
    ) -> Result<Option<Bar>, Overflow> {
        let mut bar = Bar::of(trades, rows.clone(), self.needs)?;
        if let Some(bar) = &mut bar {
            bar.levels = Some(Box::new(Levels::of(&trades.slice(rows), tick)?));
        }
        Ok(bar)
    }

    /// The error of a sum that is too large at a trade.
    pub fn error(self, overflow: Overflow, row: u64) -> Error {
        match self.tick {
            Some(tick) if overflow == LEVELS_LIMIT => Error::TooManyLevels { row, tick },
            _ => Error::Overflow { sum: overflow.sum, limit: overflow.limit, row },
        }
    }
}
