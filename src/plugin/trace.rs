//! Which bar each trade of a batch belongs to, as the number of the trade that opened the bar.
//!
//! That number identifies a bar of one threshold and never changes: it is known while the bar is
//! still open, and no other bar has it.

/// The bars of the trades of one batch, for each threshold.
#[derive(Clone, Debug)]
pub struct Trace {
    /// By key and threshold: the opening trade of the bar that was open before the batch.
    opened: Vec<Vec<i64>>,
    /// By threshold: the opening trade of each row's bar.
    bars: Vec<Vec<i64>>,
    chains: usize,
}

/// The rows of a batch that are the trades of one key.
#[derive(Clone, Copy, Debug)]
pub struct KeyRows<'a> {
    /// The number of the key.
    pub key: usize,
    /// How many trades of the key were before these.
    pub before: u64,
    /// How many trades of all keys were before the batch.
    pub first_row: u64,
    /// How many rows of the batch are before these.
    pub offset: usize,
    /// Their rows, counted from `offset`; `None` if no other row is between them.
    pub rows: Option<&'a [u32]>,
}

impl KeyRows<'_> {
    /// The row of the batch that holds trade number `trade` of the key.
    pub fn row(&self, trade: u64) -> usize {
        // Rows of one batch fit `usize`.
        let at = usize::try_from(trade.saturating_sub(self.before)).unwrap_or(usize::MAX);
        self.offset + self.rows.map_or(at, |rows| rows.get(at).map_or(0, |row| *row as usize))
    }
}

impl Trace {
    /// A trace for this many thresholds.
    pub const fn new(chains: usize) -> Self {
        Self { opened: Vec::new(), bars: Vec::new(), chains }
    }

    /// Begin a batch of `len` rows.
    pub fn begin(&mut self, len: usize) {
        self.bars = vec![vec![0; len]; self.chains];
    }

    /// Record the bar of a key that has `rows` trades and ends before trade number `end` of the
    /// key, or is still open there; returns the number of the trade that opened it.
    pub fn note(&mut self, place: KeyRows<'_>, chain: usize, end: u64, rows: i64) -> i64 {
        if self.opened.len() <= place.key {
            self.opened.resize(place.key + 1, vec![0; self.chains]);
        }
        let start = end - rows.unsigned_abs();
        let opened = &mut self.opened[place.key][chain];
        if start >= place.before {
            *opened = (place.first_row + place.row(start) as u64).cast_signed();
        }
        for trade in start.max(place.before)..end {
            self.bars[chain][place.row(trade)] = *opened;
        }
        *opened
    }

    /// The trade that opened the open bar of a key.
    pub fn opened(&self, key: usize, chain: usize) -> i64 {
        self.opened.get(key).map_or(0, |opened| opened[chain])
    }

    /// For each threshold, the opening trade of the bar of each row of the batch.
    pub fn take(&mut self) -> Vec<Vec<i64>> {
        std::mem::take(&mut self.bars)
    }
}
