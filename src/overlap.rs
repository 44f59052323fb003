//! Which trades at the begin of a batch were counted already?
//!
//! After a reconnect, a venue sends trades again. Ids say which, if they rise with time: the trades
//! up to the last known id were counted, and the first one above it is new. Where an id and a time
//! contradict each other, or an id is unknown, nothing is guessed.

use crate::check::Check;
use crate::error::Error;
use crate::trades::Trades;

/// How many of the first trades were counted already, at most all of them.
///
/// `check` knows the trades that were counted, and `column` is the name of the ids.
///
/// # Errors
/// A trade before the first new one that has no id, or whose id says that it was counted and whose
/// time says that it was not; or trades that were counted without any id.
pub fn counted(check: &Check, trades: &Trades<'_>, column: &str) -> Result<usize, Error> {
    let Some(last) = check.last() else { return Ok(0) };
    let Some(last_id) = check.last_id() else {
        return Err(Error::OverlapUnknown { column: column.to_owned() });
    };
    for row in 0..trades.len {
        let time = trades.timestamp.and_then(|times| times.get(row));
        match trades.agg_trade_id.and_then(|ids| ids.get(row)) {
            Some(id) if id > last_id => return Ok(row),
            Some(id) => {
                if let Some(time) = time.filter(|time| *time > last.time) {
                    return Err(Error::OverlapLater {
                        column: column.to_owned(),
                        id,
                        last_id,
                        time,
                        last_time: last.time,
                        unit: trades.unit,
                    });
                }
            }
            None => return Err(Error::OverlapNull { column: column.to_owned(), last_id }),
        }
    }
    Ok(trades.len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Last;
    use crate::trades::{Bits, Column, TimeUnit};

    const CHECK: Check = Check::at(3, Some(Last { time: 5, id: Some(8) }), Some(8));

    fn counted_of(check: &Check, times: &[i64], ids: &[i64], known: u8) -> Result<usize, Error> {
        let known = [known];
        let valid = Some(Bits::new(&known, 0, ids.len()));
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", times)),
            agg_trade_id: Some(Column { valid, ..Column::new("id", ids) }),
            ..Trades::new(times.len(), TimeUnit::Milliseconds)
        };
        counted(check, &trades, "id")
    }

    #[test]
    fn trades_up_to_the_last_id_were_counted_in_whatever_order_they_come() {
        for (ids, expected) in [([7, 8, 9], 2), ([8, 6, 7], 3), ([9, 8, 7], 0)] {
            assert_eq!(counted_of(&CHECK, &[4, 5, 5], &ids, 0b111), Ok(expected));
        }
    }

    #[test]
    fn the_first_trades_of_a_chain_were_not_counted() {
        assert_eq!(counted_of(&Check::default(), &[4, 5], &[1, 2], 0b00), Ok(0));
    }

    #[test]
    fn what_ids_do_not_show_is_an_error() {
        let unknown = Check::at(3, Some(Last { time: 5, id: None }), None);
        let column = || "id".to_owned();
        assert_eq!(
            counted_of(&unknown, &[5], &[9], 1),
            Err(Error::OverlapUnknown { column: column() })
        );
        assert_eq!(
            counted_of(&CHECK, &[4, 5], &[7, 0], 0b01),
            Err(Error::OverlapNull { column: column(), last_id: 8 })
        );
        let later = Error::OverlapLater {
            column: column(),
            id: 8,
            last_id: 8,
            time: 6,
            last_time: 5,
            unit: TimeUnit::Milliseconds,
        };
        assert_eq!(counted_of(&CHECK, &[6], &[8], 1), Err(later));
    }
}
