//! The guard of the opening time: no trade of that time closes the bar.

/// Which trades may close the open bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guard {
    prevents: bool,
    /// The time of the first trade of the open bar.
    open_time: Option<i64>,
}

impl Guard {
    /// No bar is open. With `prevents`, no trade of the opening time may close one.
    pub(super) const fn new(prevents: bool) -> Self {
        Self { prevents, open_time: None }
    }

    pub(super) const fn prevents(self) -> bool {
        self.prevents
    }

    /// Open a bar with a trade of this time, unless one is open.
    pub(super) fn open(&mut self, time: i64) {
        self.open_time.get_or_insert(time);
    }

    pub(super) const fn close(&mut self) {
        self.open_time = None;
    }

    /// Whether a trade of this time may close the open bar.
    #[inline]
    pub(super) fn lets(self, time: i64) -> bool {
        !self.prevents || self.open_time != Some(time)
    }

    /// The first row from `row` on that may close the open bar; the number of rows if none may.
    pub(super) fn first_let(self, times: &[i64], row: usize) -> usize {
        match times.get(row) {
            Some(time) if !self.lets(*time) => {
                row + times[row..].partition_point(|other| other == time)
            }
            _ => row,
        }
    }
}
