//! The sums of the blocks of trades that a window has whole.
//!
//! Windows only move forward, so blocks are a queue of two stacks. The front has, for each block,
//! the sums from it to the end of the front; the back has those of each block, and of all of it. So
//! the sums of all blocks are two that merge, and each block is merged a few times in all, however
//! many windows have it. A block ends where a window ended, so that only the first trades of a
//! window are summed anew.

use crate::bar::Bar;
use crate::sums::Overflow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Fewer rows than these are added to the block before.
const LEAST: u64 = 128;
/// The most rows that are summed together: a window that begins within them sums the others anew,
/// and a block costs as much as some dozen rows.
const MOST: u64 = 1_024;

/// The sums of blocks that follow one another.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// For each of the first blocks, its first row, and the sums from it to the last of them.
    front: VecDeque<(u64, Arc<Bar>)>,
    /// The first row of each block that follows, and its sums.
    back: Vec<(u64, Arc<Bar>)>,
    /// The sums of all of these.
    total: Option<Arc<Bar>>,
    /// The row after the last block.
    end: u64,
}

impl Blocks {
    /// Move on to a window of these rows, which begins and ends no earlier than the one before.
    ///
    /// # Errors
    /// A sum that is beyond its integer; the blocks must not be used after that.
    pub fn advance(
        &mut self,
        rows: &Range<u64>,
        sum: impl Fn(Range<u64>) -> Result<Option<Bar>, Overflow>,
    ) -> Result<(), Overflow> {
        if self.end <= rows.start {
            *self = Self { end: rows.start, ..Self::default() };
        }
        let gone = self.front.partition_point(|(start, _)| *start < rows.start);
        self.front.drain(..gone);
        let gone = self.back.partition_point(|(start, _)| *start < rows.start);
        if gone > 0 {
            self.turn(gone)?;
        }
        while self.end < rows.end {
            let (start, end) = (self.end, rows.end.min(self.end + MOST));
            self.end = end;
            let Some(bar) = sum(start..end)? else { continue };
            match &mut self.total {
                Some(total) => Arc::make_mut(total).merge(&bar)?,
                none => *none = Some(Arc::new(bar.clone())),
            }
            match self.back.last_mut() {
                Some((first, last)) if start - *first < LEAST => Arc::make_mut(last).merge(&bar)?,
                _ => self.back.push((start, Arc::new(bar))),
            }
        }
        Ok(())
    }

    /// Make the front of the back, without its first blocks. The front is empty: its blocks are
    /// before them.
    fn turn(&mut self, without: usize) -> Result<(), Overflow> {
        self.total = None;
        for (start, bar) in self.back.drain(..).skip(without).rev() {
            let joined = match self.front.front() {
                None => bar,
                Some((_, next)) => {
                    let mut own = Arc::unwrap_or_clone(bar);
                    own.merge(next)?;
                    Arc::new(own)
                }
            };
            self.front.push_front((start, joined));
        }
        Ok(())
    }

    /// The first row of all blocks.
    pub fn start(&self) -> u64 {
        let first = self.front.front().or_else(|| self.back.first());
        first.map_or(self.end, |(start, _)| *start)
    }

    /// The sums of all blocks, in two parts or fewer.
    pub fn parts(&self) -> impl Iterator<Item = &Bar> {
        let front = self.front.front().map(|(_, sums)| sums);
        front.into_iter().chain(&self.total).map(AsRef::as_ref)
    }
}
