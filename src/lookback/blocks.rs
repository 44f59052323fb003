//! The sums of the blocks of trades that a window has whole.
//!
//! Windows only move forward, so blocks are a queue of two stacks. The front has, for each block,
//! the sums from it to the end of the front; the back has those of each block, and of all of it. So
//! the sums of all blocks are two that merge, and each block is merged a few times in all, however
//! many windows have it.

use crate::bar::Bar;
use crate::sums::Overflow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// How many rows a block has.
pub(super) const BLOCK: u64 = 128;

/// The sums of blocks that follow one another.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// The number of the first block.
    start: u64,
    /// For each of the first blocks, the sums from it to the last of them.
    front: VecDeque<Arc<Bar>>,
    /// The sums of each block that follows.
    back: Vec<Arc<Bar>>,
    /// The sums of all of these.
    total: Option<Arc<Bar>>,
}

impl Blocks {
    /// The blocks that are whole within rows.
    pub fn within(rows: &Range<u64>) -> Range<u64> {
        rows.start.div_ceil(BLOCK)..rows.end / BLOCK
    }

    /// The rows of a block.
    pub fn rows(block: u64) -> Range<u64> {
        block * BLOCK..(block + 1) * BLOCK
    }

    /// Move on to these blocks, of which none is before the first of the last call.
    ///
    /// # Errors
    /// A sum that is beyond its integer; the blocks must not be used after that.
    pub fn advance(
        &mut self,
        blocks: Range<u64>,
        sum: impl Fn(u64) -> Result<Option<Bar>, Overflow>,
    ) -> Result<(), Overflow> {
        let middle = self.start + self.front.len() as u64;
        let end = middle + self.back.len() as u64;
        if blocks.start >= end {
            *self = Self::default();
        } else if blocks.start > middle {
            self.turn(blocks.start - middle)?;
        } else {
            // At most as many as there are.
            self.front.drain(..usize::try_from(blocks.start - self.start).unwrap_or(usize::MAX));
        }
        self.start = blocks.start;
        for block in end.max(blocks.start)..blocks.end {
            let Some(bar) = sum(block)? else { continue };
            match &mut self.total {
                Some(total) => Arc::make_mut(total).merge(&bar)?,
                none => *none = Some(Arc::new(bar.clone())),
            }
            self.back.push(Arc::new(bar));
        }
        Ok(())
    }

    /// Make the front of the back, without its first blocks.
    fn turn(&mut self, without: u64) -> Result<(), Overflow> {
        self.front.clear();
        self.total = None;
        // At most as many as there are.
        let without = usize::try_from(without).unwrap_or(usize::MAX);
        for bar in self.back.drain(..).skip(without).rev() {
            let joined = match self.front.front() {
                None => bar,
                Some(next) => {
                    let mut own = Arc::unwrap_or_clone(bar);
                    own.merge(next)?;
                    Arc::new(own)
                }
            };
            self.front.push_front(joined);
        }
        Ok(())
    }

    /// The sums of all blocks, in two parts or fewer.
    pub fn parts(&self) -> impl Iterator<Item = &Bar> {
        self.front.front().into_iter().chain(&self.total).map(AsRef::as_ref)
    }
}
