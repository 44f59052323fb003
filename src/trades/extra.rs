//! The columns that rules and a reset bring along.

use super::{Bits, Column};
use crate::session::{Kind, Session};
use std::fmt;
use std::ops::Range;

/// A column that a rule or a reset brings along.
#[derive(Clone, Copy, Debug)]
pub enum Extra<'a> {
    /// Conditions.
    Flags(Flags<'a>),
    /// Numbers.
    Numbers(Column<'a, f64>),
    /// Values whose changes begin a new chain.
    Sessions(Sessions<'a>),
}

/// A column of texts.
pub trait Texts: fmt::Debug + Sync {
    /// The text of a row, if it has one.
    fn text(&self, row: usize) -> Option<&str>;
}

/// A column whose changes begin a new chain. Null is a value.
#[derive(Clone, Copy, Debug)]
pub enum Sessions<'a> {
    /// Numbers, and what they mean.
    Numbers(Kind, Column<'a, i64>),
    /// Some rows of a column of texts.
    Texts {
        /// The column.
        texts: &'a dyn Texts,
        /// The first row.
        first: usize,
        /// Number of rows.
        len: usize,
    },
}

impl Sessions<'_> {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Session {
        match self {
            Self::Numbers(kind, column) => {
                column.get(row).map_or(Session::Null, |number| Session::Number(*kind, number))
            }
            Self::Texts { texts, first, .. } => {
                texts.text(first + row).map_or(Session::Null, |text| Session::Text(text.to_owned()))
            }
        }
    }

    /// The first row from the second on whose value differs from that of the first; the number of
    /// rows if none does.
    pub fn first_change(&self) -> usize {
        let differs = |len: usize, differs: &dyn Fn(usize) -> bool| {
            (1..len).find(|row| differs(*row)).unwrap_or(len)
        };
        match self {
            Self::Numbers(_, Column { values: [value, rest @ ..], valid: None, .. }) => {
                1 + rest.iter().position(|other| other != value).unwrap_or(rest.len())
            }
            Self::Numbers(_, column) => {
                differs(column.values.len(), &|row| column.get(row) != column.get(0))
            }
            Self::Texts { texts, first, len } => {
                let value = texts.text(*first);
                differs(*len, &|row| texts.text(first + row) != value)
            }
        }
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Numbers(kind, column) => Self::Numbers(*kind, column.slice(rows)),
            Self::Texts { texts, first, .. } => {
                Self::Texts { texts: *texts, first: first + rows.start, len: rows.len() }
            }
        }
    }
}

/// A column of conditions.
#[derive(Clone, Copy, Debug)]
pub struct Flags<'a> {
    /// Where the condition holds.
    pub set: Bits<'a>,
    /// Which rows are not null; `None` if all are.
    pub known: Option<Bits<'a>>,
}

impl Extra<'_> {
    /// Some rows of it.
    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Numbers(column) => Self::Numbers(column.slice(rows)),
            Self::Sessions(sessions) => Self::Sessions(sessions.slice(rows)),
            Self::Flags(Flags { set, known }) => Self::Flags(Flags {
                set: set.slice(rows.clone()),
                known: known.map(|known| known.slice(rows)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Some4([Option<&'static str>; 4]);

    impl Texts for Some4 {
        fn text(&self, row: usize) -> Option<&str> {
            self.0[row]
        }
    }

    #[test]
    fn a_change_is_the_first_value_that_differs_and_null_is_a_value() {
        let change = |numbers: &[i64], valid: Option<u8>| {
            let bytes = [valid.unwrap_or_default()];
            let valid = valid.map(|_| Bits::new(&bytes, 0, numbers.len()));
            let column = Column { valid, ..Column::new("session", numbers) };
            Sessions::Numbers(Kind::Whole, column).first_change()
        };

        assert_eq!(change(&[7, 7, 8, 7], None), 2);
        assert_eq!(change(&[7, 7, 7, 7], None), 4);
        assert_eq!(change(&[7], None), 1);
        assert_eq!(change(&[7, 7, 7, 7], Some(0b1011)), 2);
        assert_eq!(change(&[7, 8, 9, 7], Some(0b1000)), 3);
        assert_eq!(change(&[7, 7, 7, 8], Some(0b1111)), 3);
        assert_eq!(change(&[7, 7, 7, 7], Some(0b1111)), 4);
    }

    #[test]
    fn a_part_of_a_column_of_texts_has_its_own_rows() {
        let texts = Some4([Some("a"), Some("b"), Some("b"), None]);
        let whole = Sessions::Texts { texts: &texts, first: 0, len: 4 };
        let part = whole.slice(1..4);

        assert_eq!((whole.first_change(), part.first_change()), (1, 2));
        let text = Session::Text("b".to_owned());
        assert_eq!([part.get(0), part.get(1), part.get(2)], [text.clone(), text, Session::Null]);
        assert_eq!(part.slice(2..3).get(0), Session::Null);
        assert_eq!(part.slice(0..2).first_change(), 2);
    }
}
