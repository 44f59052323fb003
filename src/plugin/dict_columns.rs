//! The columns that dicts of trades are written into.

use crate::trades::{Bits, Column};

/// A column of values, some of which may be missing.
#[derive(Debug, Default)]
pub struct Values<T> {
    values: Vec<T>,
    valid: Packed,
}

/// Booleans, eight to a byte.
#[derive(Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    len: usize,
    unset: usize,
}

impl<T: Copy + Default> Values<T> {
    /// An empty column with room for so many rows.
    pub fn for_rows(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), valid: Packed::default() }
    }

    /// Add a value, which may be missing.
    pub fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    /// The column, under this name.
    pub fn column<'a>(&'a self, name: &'a str) -> Column<'a, T> {
        Column { name, values: &self.values, valid: self.valid.nulls() }
    }
}

impl Packed {
    /// Add a Boolean.
    pub fn push(&mut self, set: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(set) << (self.len % 8);
        }
        self.len += 1;
        self.unset += usize::from(!set);
    }

    /// The bits.
    pub fn bits(&self) -> Bits<'_> {
        Bits::new(&self.bytes, 0, self.len)
    }

    /// The bits, or `None` if all are set.
    pub fn nulls(&self) -> Option<Bits<'_>> {
        (self.unset > 0).then(|| self.bits())
    }
}
