//! A hash of rows: equal for equal rows in equal order, in any batches.
//!
//! It detects rows that were damaged or exchanged by accident. XXH3 is not a cryptographic hash:
//! other rows with the same hash can be made on purpose.

use crate::trades::Bits;
use xxhash_rust::xxh3::Xxh3;

/// The size of the buffer for the bytes of rows, which are hashed in the same byte order on all
/// machines.
const BUFFER_BYTES: usize = 8192;

/// A hash of rows that come batch by batch.
///
/// It depends on the names and kinds of the columns, on their values, and on the order of columns
/// and rows. Floats are compared by their bits: 0.0 and -0.0 differ, as do two NaN with different
/// bits.
#[derive(Clone, Default)]
pub struct RowHash {
    columns: Vec<ColumnHash>,
}

/// A hash of the values of one column.
#[derive(Clone)]
pub struct ColumnHash {
    name: String,
    kind: String,
    rows: u64,
    values: Xxh3,
    nulls: Xxh3,
}

impl RowHash {
    /// A hash of no rows; `columns` are the names of the columns and the kinds of their values.
    pub fn new(columns: impl IntoIterator<Item = (String, String)>) -> Self {
        let columns = columns.into_iter().map(|(name, kind)| ColumnHash::new(name, kind));
        Self { columns: columns.collect() }
    }

    /// The columns; the caller must add the same rows to each.
    pub fn columns(&mut self) -> &mut [ColumnHash] {
        &mut self.columns
    }

    /// Whether another hash has columns with the same names and kinds.
    pub fn has_columns_of(&self, other: &Self) -> bool {
        let named = |column: &ColumnHash| (column.name.clone(), column.kind.clone());
        self.columns.iter().map(named).eq(other.columns.iter().map(named))
    }

    /// The hash of the rows so far.
    pub fn digest(&self) -> u128 {
        let mut whole = Xxh3::new();
        for column in &self.columns {
            whole.update(&column.digest().to_le_bytes());
        }
        whole.digest128()
    }

    /// The names, and the hash of each column of the rows so far.
    pub fn digests(&self) -> impl Iterator<Item = (&str, u128)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.digest()))
    }
}

impl ColumnHash {
    fn new(name: String, kind: String) -> Self {
        Self { name, kind, rows: 0, values: Xxh3::new(), nulls: Xxh3::new() }
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Add numbers, each as its bytes; those without a bit in `valid` are null.
    pub fn push_numbers<T: Copy, const BYTES: usize>(
        &mut self,
        values: &[T],
        valid: Option<Bits<'_>>,
        to_bytes: impl Fn(T) -> [u8; BYTES],
    ) {
        let mut buffer = [0; BUFFER_BYTES];
        for (part, values) in values.chunks(BUFFER_BYTES / BYTES).enumerate() {
            let bytes = &mut buffer[..values.len() * BYTES];
            for (number, value) in bytes.chunks_exact_mut(BYTES).zip(values) {
                number.copy_from_slice(&to_bytes(*value));
            }
            if let Some(valid) = valid {
                let first = part * (BUFFER_BYTES / BYTES);
                for row in nulls_of(valid.slice(first..first + values.len())) {
                    bytes[row * BYTES..(row + 1) * BYTES].fill(0);
                    self.nulls.update(&(self.rows + row as u64).to_le_bytes());
                }
            }
            self.values.update(bytes);
            self.rows += values.len() as u64;
        }
    }

    /// Add booleans; those without a bit in `valid` are null.
    pub fn push_booleans(&mut self, values: Bits<'_>, valid: Option<Bits<'_>>) {
        let mut buffer = [0; BUFFER_BYTES];
        for first in (0..values.len()).step_by(BUFFER_BYTES) {
            let len = BUFFER_BYTES.min(values.len() - first);
            let bytes = &mut buffer[..len];
            for (part, bytes) in bytes.chunks_mut(64).enumerate() {
                let word = values.word(first + part * 64);
                for (bit, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from(word >> bit & 1 == 1);
                }
            }
            if let Some(valid) = valid {
                for row in nulls_of(valid.slice(first..first + len)) {
                    bytes[row] = 0;
                    self.nulls.update(&(self.rows + row as u64).to_le_bytes());
                }
            }
            self.values.update(bytes);
            self.rows += len as u64;
        }
    }

    /// The hash of name, kind, number of rows, values (0 for null) and the rows that are null.
    /// Texts are preceded by their lengths, so that no two columns give the same bytes.
    fn digest(&self) -> u128 {
        let mut hash = Xxh3::new();
        for text in [&self.name, &self.kind] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(&self.rows.to_le_bytes());
        hash.update(&self.values.digest128().to_le_bytes());
        hash.update(&self.nulls.digest128().to_le_bytes());
        hash.digest128()
    }
}

/// The rows that are null.
fn nulls_of(valid: Bits<'_>) -> impl Iterator<Item = usize> {
    (0..valid.len()).step_by(64).flat_map(move |first| {
        let len = (valid.len() - first).min(64);
        let mut nulls = !valid.word(first) & (u64::MAX >> (64 - len));
        std::iter::from_fn(move || {
            let bit = nulls.trailing_zeros() as usize;
            (nulls != 0).then(|| {
                nulls &= nulls - 1;
                first + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(parts: &[&[(Option<i64>, Option<bool>)]]) -> u128 {
        let mut hash = RowHash::new([
            ("id".to_string(), "Int64".to_string()),
            ("side".to_string(), "Boolean".to_string()),
        ]);
        for rows in parts {
            // The value under a null must not matter, so it differs each time.
            let under = rows.len().cast_signed();
            let ids: Vec<i64> =
                rows.iter().map(|(id, _)| id.unwrap_or(under.try_into().unwrap_or(7))).collect();
            let known = packed(rows.iter().map(|(id, _)| id.is_some()));
            let sides = packed(rows.iter().map(|(_, side)| side.unwrap_or(rows.len() % 2 == 0)));
            let known_sides = packed(rows.iter().map(|(_, side)| side.is_some()));
            let bits = |bytes| Bits::new(bytes, 3, rows.len());
            let [id, side] = hash.columns() else { return 0 };
            id.push_numbers(&ids, Some(bits(&known)), i64::to_le_bytes);
            side.push_booleans(bits(&sides), Some(bits(&known_sides)));
        }
        hash.digest()
    }

    /// The values as bits, starting at the fourth bit.
    fn packed(values: impl Iterator<Item = bool>) -> Vec<u8> {
        let mut bytes = vec![0; 1];
        for (row, value) in values.enumerate() {
            bytes.resize((row + 3) / 8 + 1, 0);
            bytes[(row + 3) / 8] |= u8::from(value) << ((row + 3) % 8);
        }
        bytes
    }

    fn rows() -> Vec<(Option<i64>, Option<bool>)> {
        let id = |n: i64| (n % 7 != 3).then_some(n * n - 900);
        let side = |n: i64| (n % 5 != 1).then_some(n % 3 == 0);
        (0..20_000).map(|n| (id(n), side(n))).collect()
    }

    #[test]
    fn any_batches_give_the_same_hash() {
        let rows = rows();
        let whole = hash_of(&[&rows]);
        for size in [1, 3, 63, 64, 65, 1_023, 1_024, 8_191, 8_193] {
            let parts: Vec<_> = rows.chunks(size).collect();
            assert_eq!(hash_of(&parts), whole, "batches of {size}");
        }
        assert_eq!(hash_of(&[&[], &rows[..5], &[], &rows[5..]]), whole);
    }

    #[test]
    fn any_other_value_or_null_gives_another_hash() {
        let rows = rows();
        let mut known = vec![hash_of(&[&rows]), hash_of(&[&rows[1..]]), hash_of(&[])];
        for row in [0, 1, 62, 63, 64, 1_023, 1_024, 8_191, 8_192, 19_999] {
            let with = |value| {
                let mut other = rows.clone();
                other[row] = value;
                hash_of(&[&other])
            };
            let (id, side) = rows[row];
            known.push(with((id.map_or(Some(0), |_| None), side)));
            known.push(with((Some(id.unwrap_or(0) ^ 1 << 40), side)));
            known.push(with((id, side.map_or(Some(false), |_| None))));
            known.push(with((id, side.map_or(Some(true), |side| Some(!side)))));
        }
        let count = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), count);
    }

    #[test]
    fn names_kinds_and_their_borders_count() {
        let hash = |columns: &[(&str, &str)]| {
            let own = |(name, kind): &(&str, &str)| ((*name).to_string(), (*kind).to_string());
            RowHash::new(columns.iter().map(own)).digest()
        };
        let hashes = [
            hash(&[]),
            hash(&[("a", "b")]),
            hash(&[("b", "a")]),
            hash(&[("ab", "")]),
            hash(&[("", "ab")]),
            hash(&[("a", "b"), ("c", "d")]),
            hash(&[("c", "d"), ("a", "b")]),
        ];
        for (n, hash) in hashes.iter().enumerate() {
            assert!(!hashes[n + 1..].contains(hash), "{n}");
        }
    }
}
