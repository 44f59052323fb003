//! When does a bar end? A rule reads only the columns that it needs to find the trade that closes a
//! bar.
//!
//! A rule sees every trade once, in order. It remembers what it needs of the open bar between two
//! calls, so a batch may end anywhere. The values of a bar are summed in [`crate::bar`].
//!
//! | file | a bar ends where |
//! |---|---|
//! | [`range`] | the price is a fixed fraction, or a fixed amount, away from its open |
//! | [`high_low`] | its highest and lowest price are a fixed amount apart |
//! | [`cusum`] | the price has moved by a fixed fraction since the last such move |
//! | [`tick`] | it has a number of records |
//! | [`total`] | its trades, volume or turnover reach a limit |
//! | [`sided`] | what was bought and what was sold differ by a limit, or one of them reaches it |
//! | [`ewma`] | they reach what the trades before let expect |
//! | [`expression`] | a column of the caller says so, or its sum reaches a limit |

pub mod any;
pub mod cusum;
pub mod ewma;
pub mod expression;
pub mod flow;
mod guard;
pub mod high_low;
pub mod limit;
pub mod memory;
pub mod range;
pub mod sided;
mod text;
pub mod tick;
pub mod total;

pub use any::AnyRule;
pub use memory::Memory;
pub use range::{RangeRule, Threshold};

use crate::bar::Bar;
use crate::trades::{Role, Trades};

/// Finds the ends of bars.
pub trait Rule {
    /// The first row of `from..` that closes a bar.
    ///
    /// If no bar is open, the trade at `from` opens one. After `Some(row)` no bar is open and the
    /// next call begins at `row + 1`; after `None` every row was read, the bar is still open, and
    /// the next call begins at row 0 of the next batch. `from` is at most `trades.len`.
    ///
    /// Trades may be bad ones, which are refused afterwards, so no value may end in a panic or in
    /// a loop.
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize>;

    /// Forget the open bar, if there is one: the next trade opens a new bar. What outlives a bar
    /// is kept.
    fn cut_off(&mut self);

    /// Forget everything: the next trade is the first of a new chain.
    fn begin_chain(&mut self) {
        self.cut_off();
    }

    /// What does not follow from the open bar.
    fn memory(&self) -> Memory {
        Memory::Nothing
    }

    /// Continue with this open bar and this memory, `rows` trades after the first one; returns
    /// whether trades can lead there.
    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
        open.is_none() && *memory == Memory::Nothing && rows == 0
    }

    /// Whether the trades must have this column, beside those that every bar needs.
    fn requires(&self, _: Role) -> bool {
        false
    }
}

#[cfg(test)]
mod resumed;
#[cfg(test)]
mod tests;
