//! The only fold: trades go in, bars come out, the open bar is kept between batches.
//!
//! ```text
//!            admit                 next_close              merge                    emit
//! batch ──► block ──► the good ──► the nearest ──► piece ──► every open bar ──► the bars that
//!                     rows of it   cut of any rule           adds it             ended there
//! ```
//!
//! Several rules may run over the same trades: the piece between two neighbouring cuts of any of
//! them is summed once and merged into the open bar of each. A bad row ends the fold after the rows
//! before it. The result does not depend on how trades are cut into batches: [`Check`] checks the
//! border of two batches like any two rows, a rule remembers its open bar, and sums of pieces
//! merge.
//!
//! A change of the fields that are kept between batches is a change of the checkpoint.

use crate::bar::Bar;
use crate::check::{Check, Fault};
use crate::error::Error;
use crate::levels::Tick;
use crate::lookback::buckets::Filled;
use crate::lookback::past::Kept;
use crate::lookback::{Before, Lookback};
use crate::needs::Needs;
use crate::reset::Reset;
use crate::rule::Rule;
use crate::session::Session;
use crate::sums::Overflow;
use crate::trades::{Extra, TimeUnit, Trades};
use std::ops::Range;

mod max_gap;
mod on_threads;
mod piece;

pub use max_gap::MaxGap;
use piece::Piece;

/// How many rows are checked, cut and summed together, so that they are read from memory once.
const BLOCK: usize = 4096;

/// Folds trades into the bars of one rule, or of several over the same trades.
#[derive(Clone, Debug)]
pub struct Builder<R> {
    chains: Vec<Chain<R>>,
    check: Check,
    piece: Piece,
    reset: Option<Reset>,
    /// The end of the period of the last trade, once it was computed.
    until: Option<i64>,
    /// The value of the last trade, if a column says where chains begin.
    session: Option<Session>,
    max_gap: Option<MaxGap>,
    /// What looks at the trades before each bar, if something does.
    lookback: Option<Box<Lookback>>,
}

/// One rule and its open bar.
#[derive(Clone, Debug)]
struct Chain<R> {
    rule: R,
    open: Option<Bar>,
    /// The row of the current trades at which the bar ends, if it ends among them.
    cut: Option<usize>,
}

/// A bar that has ended, or is still open after the last trade.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// What it holds.
    pub bar: Bar,
    /// The number of its rule.
    pub chain: usize,
    /// The trade at which it ended, counted from the first trade of the first batch.
    pub row: u64,
    /// Whether its rule closed it, at its own last trade. If not, a period ended, and `row` is the
    /// first trade of the next period; or the bar is still open, and `row` is the number of trades.
    pub complete: bool,
}

impl<R: Rule> Builder<R> {
    /// A builder that has seen no trade.
    ///
    /// ```
    /// use rangebar_polars::builder::Builder;
    /// use rangebar_polars::needs::Needs;
    /// use rangebar_polars::rule::{RangeRule, Threshold};
    /// use rangebar_polars::trades::{Column, TimeUnit, Trades};
    ///
    /// let trades = Trades {
    ///     timestamp: Some(Column::new("timestamp", &[0, 1000, 2000])),
    ///     price: Some(Column::new("price", &[50_000.0, 50_125.0, 50_500.0])),
    ///     quantity: Some(Column::new("quantity", &[1.0, 1.0, 1.0])),
    ///     ..Trades::new(3, TimeUnit::Milliseconds)
    /// };
    /// let rule = RangeRule::new(Threshold::new(250)?, true);
    /// let mut builder = Builder::new([rule], Needs::PRICE);
    /// let mut closes = Vec::new();
    /// builder.push(&trades, &mut |ended, _| closes.push(ended.bar.price.close))?;
    /// assert_eq!(closes, [50_125.0]);
    /// assert_eq!(builder.open_bars().next().unwrap().1.price.open, 50_500.0);
    /// # Ok::<(), rangebar_polars::error::Error>(())
    /// ```
    pub fn new(rules: impl IntoIterator<Item = R>, needs: Needs) -> Self {
        let chains = rules.into_iter().map(|rule| Chain { rule, open: None, cut: None }).collect();
        Self {
            chains,
            check: Check::default(),
            piece: Piece { needs, tick: None },
            reset: None,
            until: None,
            session: None,
            max_gap: None,
            lookback: None,
        }
    }

    /// The same builder, but the first trade after every such border begins a new chain. `session`
    /// is the value of the last trade so far, if a column says where the borders are.
    #[must_use]
    pub fn reset_at(self, reset: Option<Reset>, session: Option<Session>) -> Self {
        Self { reset, until: None, session, ..self }
    }

    /// The same builder, but a trade that is later than this after the one before does not join the
    /// open bar.
    #[must_use]
    pub fn cut_off_after(self, max_gap: Option<MaxGap>) -> Self {
        Self { max_gap, ..self }
    }

    /// The same builder, but bars have the levels of this tick, if it is given.
    #[must_use]
    pub fn with_levels(self, tick: Option<Tick>) -> Self {
        Self { piece: Piece { tick, ..self.piece }, ..self }
    }

    /// The same builder, but each bar comes with the values of what came before it.
    #[must_use]
    pub fn looking_back(self, lookback: Option<Lookback>) -> Self {
        Self { lookback: lookback.map(Box::new), ..self }
    }

    /// A builder of rules that continue after the same earlier trades: each knows the bar that is
    /// open.
    pub fn resume(
        chains: impl IntoIterator<Item = (R, Option<Bar>)>,
        check: Check,
        needs: Needs,
    ) -> Self {
        let chains = chains.into_iter().map(|(rule, open)| Chain { rule, open, cut: None });
        Self { chains: chains.collect(), check, ..Self::new([], needs) }
    }

    /// What is known of the trades so far.
    pub const fn check(&self) -> &Check {
        &self.check
    }

    /// Trades seen so far.
    pub const fn rows(&self) -> u64 {
        self.check.rows()
    }

    /// The value of the last trade, if a column says where chains begin.
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The rules, each with the bar that is open.
    pub fn chains(&self) -> impl Iterator<Item = (&R, Option<&Bar>)> {
        self.chains.iter().map(|chain| (&chain.rule, chain.open.as_ref()))
    }

    /// The bars that are still open, with the number of their rule.
    pub fn open_bars(&self) -> impl Iterator<Item = (usize, &Bar)> {
        self.chains().enumerate().filter_map(|(number, (_, bar))| Some((number, bar?)))
    }

    /// The values of what came before the open bar of a rule.
    pub fn before(&self, chain: usize) -> &Before {
        before(self.lookback.as_deref(), chain)
    }

    /// The buckets of volume that the trades have filled.
    pub fn filled(&self) -> Filled {
        self.lookback.as_ref().map_or_else(Filled::default, |lookback| lookback.filled())
    }

    /// The trades, at times of this unit, that are kept for the windows of later bars.
    pub fn kept(&self, unit: TimeUnit) -> Kept {
        self.lookback.as_ref().map_or_else(Kept::default, |lookback| lookback.kept(unit))
    }

    /// Fold a batch. Bars are emitted in the order in which they end, each with the values of what
    /// came before it; bars that end at the same trade, in the order of the rules.
    ///
    /// # Errors
    /// The first bad row. Bars that ended before it have been emitted; the builder must not be used
    /// after that.
    pub fn push(
        &mut self,
        trades: &Trades<'_>,
        emit: &mut impl FnMut(Ended, &Before),
    ) -> Result<(), Error> {
        let batch = Batch { first_row: self.check.rows(), trades };
        for start in (0..trades.len).step_by(BLOCK) {
            let block = trades.slice(start..trades.len.min(start + BLOCK));
            let first_row = self.check.rows();
            let before = self.check.last().map(|last| last.time);
            match self.check.admit(&block) {
                Ok(()) => self.fold_stretches(&block, first_row, before, batch, emit)?,
                Err(Fault { row, error }) => {
                    let good = block.slice(0..row);
                    self.fold_stretches(&good, first_row, before, batch, emit)?;
                    return Err(error);
                }
            }
        }
        if let Some(lookback) = &mut self.lookback {
            lookback.keep(trades, batch.first_row);
        }
        Ok(())
    }

    /// Fold checked trades of a batch from border to border of periods and gaps. The first of them
    /// is trade `first_row` of all, and the trade before it was at the time `before`.
    fn fold_stretches(
        &mut self,
        trades: &Trades<'_>,
        first_row: u64,
        before: Option<i64>,
        batch: Batch<'_>,
        emit: &mut impl FnMut(Ended, &Before),
    ) -> Result<(), Error> {
        let (mut from, mut before) = (0, before);
        while from < trades.len {
            let mut to = trades.len;
            let row = first_row + from as u64;
            if let Some(reset) = self.reset {
                let (is_border, rows) = self.period(reset, &trades.slice(from..to), before);
                if is_border {
                    self.cut_off(row, Rule::begin_chain, emit);
                    if let Some(lookback) = &mut self.lookback {
                        lookback.begin_at(row);
                    }
                }
                to = from + rows;
            }
            if let Some(gap) = self.max_gap {
                let times = &trades.times()[from..to];
                if before.is_some_and(|before| gap.is_between(before, times[0], trades.unit)) {
                    self.cut_off(row, Rule::cut_off, emit);
                }
                let is_gap = |pair: &[i64]| gap.is_between(pair[0], pair[1], trades.unit);
                to = times.windows(2).position(is_gap).map_or(to, |row| from + row + 1);
            }
            self.fold(&trades.slice(from..to), row, batch, emit)?;
            before = trades.times().get(to - 1).copied();
            from = to;
        }
        Ok(())
    }

    /// Whether the first of these trades is in another period than the trade before it, which was
    /// at the time `before`; and how many of them are in the period of the first.
    fn period(&mut self, reset: Reset, trades: &Trades<'_>, before: Option<i64>) -> (bool, usize) {
        if let Reset::Column { place } = reset {
            let Some(Extra::Sessions(sessions)) = trades.extra(place) else {
                return (false, trades.len);
            };
            let before = self.session.replace(sessions.get(0));
            let is_border = before.is_some() && before != self.session;
            return (is_border, sessions.first_change());
        }
        let times = trades.times();
        let end = |time| reset.end(time, trades.unit);
        self.until = self.until.or_else(|| before.and_then(end));
        let is_border = self.until.is_some_and(|until| times[0] >= until);
        if is_border {
            self.until = None;
        }
        self.until = self.until.or_else(|| end(times[0]));
        let rows = self.until.map(|until| times.partition_point(|time| *time < until));
        (is_border, rows.unwrap_or(trades.len))
    }

    /// End every open bar before the trade `row`.
    fn cut_off(
        &mut self,
        row: u64,
        forget: impl Fn(&mut R),
        emit: &mut impl FnMut(Ended, &Before),
    ) {
        let lookback = self.lookback.as_deref();
        for (number, chain) in self.chains.iter_mut().enumerate() {
            forget(&mut chain.rule);
            if let Some(bar) = chain.open.take() {
                let ended = Ended { bar, chain: number, row, complete: false };
                emit(ended, before(lookback, number));
            }
        }
    }

    /// Fold trades of one period.
    fn fold(
        &mut self,
        trades: &Trades<'_>,
        first_row: u64,
        batch: Batch<'_>,
        emit: &mut impl FnMut(Ended, &Before),
    ) -> Result<(), Error> {
        for chain in &mut self.chains {
            chain.cut = chain.rule.next_close(trades, 0);
        }
        let mut from = 0;
        while from < trades.len {
            let cut = self.chains.iter().filter_map(|chain| chain.cut).min();
            let to = cut.map_or(trades.len, |cut| cut + 1);
            self.look_back(first_row + from as u64, batch)?;
            self.absorb(trades, from..to, first_row)?;
            if self.piece.needs.contains(Needs::TIME_ABOVE) {
                let open = self.chains.iter_mut().filter_map(|chain| chain.open.as_mut());
                open.for_each(|bar| bar.follow(trades, from..to));
            }
            from = to;
            let lookback = self.lookback.as_deref();
            for (number, chain) in self.chains.iter_mut().enumerate() {
                if cut.is_none() || chain.cut != cut {
                    continue;
                }
                chain.cut = chain.rule.next_close(trades, to);
                if let Some(bar) = chain.open.take() {
                    let row = first_row + to as u64 - 1;
                    let ended = Ended { bar, chain: number, row, complete: true };
                    emit(ended, before(lookback, number));
                }
            }
        }
        Ok(())
    }

    /// Form the values of what came before each bar that opens with a trade of the batch.
    fn look_back(&mut self, row: u64, batch: Batch<'_>) -> Result<(), Error> {
        let Some(lookback) = &mut self.lookback else { return Ok(()) };
        let mut opening = self.chains.iter().enumerate().filter(|(_, chain)| chain.open.is_none());
        opening
            .try_for_each(|(number, _)| lookback.open(number, row, batch.trades, batch.first_row))
    }

    /// Sum a piece once and merge it into every open bar; `first_row` is that of the trades.
    fn absorb(
        &mut self,
        trades: &Trades<'_>,
        rows: Range<usize>,
        first_row: u64,
    ) -> Result<(), Error> {
        let of = self.piece;
        let mut piece = of.bar(trades, rows.clone());
        if let ([Chain { open: open @ None, .. }], Ok(piece)) = (&mut *self.chains, &mut piece) {
            // Most pieces are the only one of a bar, and need no copy.
            *open = piece.take();
            return Ok(());
        }
        let faults = self.chains.iter_mut().filter_map(|chain| {
            let overflow = chain.merge(piece.as_ref()).err()?;
            // A failed merge does not change the open bar, so the trades can be added one by one.
            let mut chain = Chain { rule: (), open: chain.open.clone(), cut: None };
            let one = |row: usize| of.bar(trades, row..row + 1);
            let fault =
                rows.clone().find_map(|row| Some((row, chain.merge(one(row).as_ref()).err()?)));
            Some(fault.unwrap_or((rows.start, overflow)))
        });
        match faults.min_by_key(|(row, _)| *row) {
            None => Ok(()),
            Some((row, overflow)) => Err(of.error(overflow, first_row + row as u64)),
        }
    }
}

/// A batch, and the number of its first trade.
#[derive(Clone, Copy, Debug)]
struct Batch<'a> {
    trades: &'a Trades<'a>,
    first_row: u64,
}

/// The values of what came before the open bar of a rule.
fn before(lookback: Option<&Lookback>, chain: usize) -> &Before {
    lookback.map_or(&[], |lookback| lookback.of_open(chain))
}

impl<R> Chain<R> {
    fn merge(&mut self, piece: Result<&Option<Bar>, &Overflow>) -> Result<(), Overflow> {
        match (&mut self.open, piece.map_err(|overflow| *overflow)?) {
            (Some(open), Some(piece)) => open.merge(piece)?,
            (open @ None, piece) => open.clone_from(piece),
            (Some(_), None) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
