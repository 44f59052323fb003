//! Packed booleans.

use std::ops::Range;

/// Booleans packed eight to a byte, the lowest bit first, starting at a bit offset (Arrow's
/// layout).
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    offset: usize,
    len: usize,
}

impl<'a> Bits<'a> {
    /// The `len` bits of `bytes` from bit `offset` on.
    ///
    /// # Panics
    /// If `bytes` holds fewer.
    pub fn new(bytes: &'a [u8], offset: usize, len: usize) -> Self {
        assert!(bytes.len() * 8 >= offset + len, "{len} bits from {offset} on need more bytes");
        Self { bytes, offset, len }
    }

    /// Number of bits.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `row`.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        let bit = self.offset + row;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// Up to 64 bits from `row` on, the first one lowest; zeros after the end.
    #[inline]
    pub fn word(&self, row: usize) -> u64 {
        let (first, shift) = ((self.offset + row) / 8, (self.offset + row) % 8);
        let mut bytes = [0; 16];
        let tail = &self.bytes[first.min(self.bytes.len())..];
        let known = tail.len().min(9);
        bytes[..known].copy_from_slice(&tail[..known]);
        #[allow(clippy::cast_possible_truncation)]
        let word = (u128::from_le_bytes(bytes) >> shift) as u64;
        match self.len.saturating_sub(row) {
            left if left < 64 => word & ((1 << left) - 1),
            _ => word,
        }
    }

    /// Whether a bit is set.
    pub fn any(&self) -> bool {
        (0..self.len).step_by(64).any(|row| self.word(row) != 0)
    }

    /// Whether all bits are set.
    pub fn all(&self) -> bool {
        let is_full = |row: usize| self.word(row).count_ones() as usize == 64.min(self.len - row);
        (0..self.len).step_by(64).all(is_full)
    }

    /// The bits of `rows`.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        debug_assert!(rows.end <= self.len);
        Self { offset: self.offset + rows.start, len: rows.len(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_read_the_same_one_by_one_and_by_the_word_from_any_offset() {
        let bytes: Vec<u8> = (0..40u32).map(|i| (i * 37 % 251) as u8).collect();
        for offset in 0..20 {
            let bits = Bits::new(&bytes, offset, 320 - offset - 3);
            for row in 0..bits.len() {
                let expected = (row..bits.len().min(row + 64))
                    .fold(0, |word, bit| word | u64::from(bits.get(bit)) << (bit - row));
                assert_eq!(bits.word(row), expected, "offset {offset} row {row}");
            }
        }
    }

    #[test]
    fn some_bits_are_all_any_or_none_of_them() {
        let bytes = [0xff_u8; 20];
        for len in [1, 63, 64, 65, 150] {
            let mut one_less = bytes;
            one_less[(len - 1) / 8] &= !(1 << ((len - 1) % 8));
            let (full, less) = (Bits::new(&bytes, 0, len), Bits::new(&one_less, 0, len));

            assert!(full.all() && full.any() && !full.is_empty());
            assert!(!less.all());
            assert_eq!(less.any(), len > 1);
            assert!(!less.slice(len - 1..len).any() && !full.slice(0..0).any());
        }
        assert!(Bits::new(&bytes, 3, 0).is_empty());
    }
}
