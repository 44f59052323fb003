//! Rows and borders that are good or bad.

#![allow(clippy::cast_precision_loss)] // few rows

use super::*;
use crate::trades::{Bits, TimeUnit};
use proptest::option;
use proptest::prelude::*;

fn trades<'a>(times: &'a [i64], ids: &'a [i64], quantities: &'a [f64]) -> Trades<'a> {
    Trades {
        timestamp: Some(Column::new("timestamp", times)),
        quantity: Some(Column::new("quantity", quantities)),
        agg_trade_id: Some(Column::new("agg_trade_id", ids)),
        ..Trades::new(times.len(), TimeUnit::Milliseconds)
    }
}

#[test]
fn the_border_of_two_batches_is_checked_like_two_rows() {
    let whole = Check::default().admit(&trades(&[5, 4], &[1, 2], &[1.0; 2]));
    let mut check = Check::default();
    check.admit(&trades(&[5], &[1], &[1.0])).unwrap();
    let parts = check.admit(&trades(&[4], &[2], &[1.0]));

    let (unit, previous, current) = (TimeUnit::Milliseconds, 5, 4);
    let error = Error::Unsorted { row: 1, previous, current, unit };
    assert_eq!(whole, Err(Fault { row: 1, error: error.clone() }));
    assert_eq!(parts, Err(Fault { row: 0, error }));
}

proptest! {
    #[test]
    fn a_check_of_later_rows_begins_where_that_of_the_rows_before_ends(
        rows in prop::collection::vec((0..2_i64, option::of(0..2_i64), any::<bool>()), 1..20),
        cuts in prop::collection::vec(0..20_usize, 2),
    ) {
        let (mut time, mut id) = (0, 0);
        let (mut times, mut ids, mut known, mut quantities) = (vec![], vec![], vec![0; 3], vec![]);
        for (row, &(wait, step, is_lost)) in rows.iter().enumerate() {
            time += wait;
            id += step.map_or(0, |step| step + 1);
            times.push(time);
            ids.push(id);
            known[row / 8] |= u8::from(step.is_some()) << (row % 8);
            quantities.push(if is_lost { 1e-9 / (row + 1) as f64 } else { 1.0 });
        }
        let valid = Some(Bits::new(&known, 0, rows.len()));
        let trades = Trades {
            agg_trade_id: Some(Column { valid, ..Column::new("agg_trade_id", &ids) }),
            ..trades(&times, &ids, &quantities)
        };
        let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&rows.len())).collect();
        cuts.sort_unstable();
        let (from, to, rest) = (cuts[0], cuts[1], cuts[0]..rows.len());
        let mut whole = Check::default();
        whole.admit(&trades.slice(0..from)).unwrap();
        let mut first = whole.clone();
        // As on threads: the second does not wait for the first.
        let mut second = whole.after(&trades.slice(rest.clone()), to - from);

        first.admit(&trades.slice(from..to)).unwrap();
        second.admit(&trades.slice(to..rows.len())).unwrap();
        whole.admit(&trades.slice(rest)).unwrap();

        prop_assert_eq!(first.followed_by(&second), whole);
    }
}

#[test]
fn a_border_is_good_if_times_rise_or_ids_do() {
    for (time, id, has_ids) in (0..18).map(|case| (4 + case % 3, case / 3 % 3, case < 9)) {
        let admit = |check: &mut Check, time: i64, id: i64| {
            let (times, ids) = ([time], [id]);
            let mut trades = trades(&times, &ids, &[1.0]);
            trades.agg_trade_id = trades.agg_trade_id.filter(|_| has_ids);
            check.admit(&trades)
        };
        let mut check = Check::default();
        admit(&mut check, 5, 1).unwrap();

        let is_good = time > 5 || time == 5 && (!has_ids || id > 1);
        assert_eq!(admit(&mut check, time, id).is_ok(), is_good, "{time} {id} {has_ids}");
    }
}

#[test]
fn a_bad_price_or_quantity_is_the_error_of_its_row() {
    let fault = |price: f64, quantity: f64| {
        let (prices, quantities) = ([1.0, price], [1.0, quantity]);
        let trades = Trades {
            price: Some(Column::new("price", &prices)),
            ..trades(&[1, 1], &[1, 2], &quantities)
        };
        Check::default().admit(&trades).map_err(|fault| (fault.row, fault.error))
    };
    let largest = (LIMIT / SCALE).next_down();
    let (price, quantity) = (|| "price".to_owned(), || "quantity".to_owned());

    assert_eq!(fault(largest, largest), Ok(()));
    assert_eq!(fault(5e-9, 0.0), Ok(()));
    for value in [0.0, -1.0, f64::INFINITY] {
        let error = Error::Price { column: price(), row: 1, value };
        assert_eq!(fault(value, 1.0), Err((1, error)));
    }
    for value in [-1e-9, f64::INFINITY] {
        let error = Error::Quantity { column: quantity(), row: 1, value };
        assert_eq!(fault(1.0, value), Err((1, error)));
    }
    let value = LIMIT / SCALE;
    let error = |column| Error::TooLarge { column, row: 1, value };
    assert_eq!(fault(value, 1.0), Err((1, error(price()))));
    assert_eq!(fault(1.0, value), Err((1, error(quantity()))));
    let (value, column) = (4.9e-9, price());
    let error = Error::PriceTooSmall { column, row: 1, value };
    assert_eq!(fault(value, 1.0), Err((1, error)));
}

#[test]
fn a_number_that_no_sum_may_have_is_the_error_of_its_row() {
    let known = [0b0000_1101];
    let admit = |numbers: &[f64], times: &[i64]| {
        let valid = Some(Bits::new(&known, 0, numbers.len()));
        let column = Column { valid, ..Column::new("n", numbers) };
        let other = Column::new("other", &[0.0, 0.0, 0.0, f64::NAN][..numbers.len()]);
        let extras = [Extra::Numbers(other), Extra::Numbers(column)];
        let trades = Trades { extras: &extras, ..trades(times, &[1, 2, 3, 4], &[1.0; 4]) };
        let mut check = Check::at(10, None, None);
        check.admit(&trades).map_err(|fault| (fault.row, fault.error))
    };
    let number = |column: &str, row: usize, value| {
        let column = column.to_owned();
        Err((row, Error::Number { column, row: 10 + row as u64, value }))
    };
    let times = [1, 2, 3, 4];

    // The second is null.
    for value in [1.1e288, -1.1e288, f64::INFINITY] {
        assert_eq!(admit(&[1e288, f64::NAN, value, 0.0], &times), number("n", 2, value));
    }
    let last = admit(&[1e288, f64::NAN, -1e288, 0.0], &times).unwrap_err();
    assert_eq!((last.0, last.1.to_string().contains("other")), (3, true));
    // Another fault of the row, or of one before, comes first; one after it does not.
    let unsorted = |fault| matches!(fault, Err((_, Error::Unsorted { .. })));
    assert!(unsorted(admit(&[0.0, 0.0, 2e288, 0.0], &[1, 2, 1, 4])));
    assert_eq!(admit(&[0.0, 0.0, 2e288, 0.0], &[1, 2, 3, 1]), number("n", 2, 2e288));
}

#[test]
fn ids_must_rise_while_the_time_stays_the_same() {
    let admit = |times: &[i64]| Check::default().admit(&trades(times, &[7, 7], &[1.0; 2]));

    assert_eq!(admit(&[1, 2]), Ok(()));
    assert!(matches!(admit(&[1, 1]), Err(Fault { row: 1, error: Error::Repeated { .. } })));
}

#[test]
fn trades_beyond_the_most_of_a_chain_are_refused() {
    let mut check = Check::at(MAX_ROWS - 1, None, None);

    let fault = check.admit(&trades(&[1, 2, 3], &[1, 2, 3], &[1.0; 3])).unwrap_err();

    assert_eq!(fault, Fault { row: 1, error: Error::TooMany { row: MAX_ROWS } });
    assert_eq!(
        fault.error.to_string(),
        "there are too many trades at row 4611686018427387904: expected at most \
         4611686018427387904 in a chain of bars (begin a new one)"
    );
    assert_eq!(check.admit(&trades(&[1], &[1], &[1.0])), Ok(()));
    assert_eq!(check.rows(), MAX_ROWS);
}

#[test]
fn a_refused_batch_leaves_the_check_as_it_was() {
    let mut check = Check::default();
    check.admit(&trades(&[5], &[1], &[1.0])).unwrap();
    let before = check.clone();

    check.admit(&trades(&[6, 7], &[2, 3], &[1.0, f64::NAN])).unwrap_err();

    assert_eq!(check, before);
}

#[test]
fn the_first_quantity_that_counts_as_zero_is_remembered() {
    let mut check = Check::default();
    check.admit(&trades(&[5], &[1], &[0.0])).unwrap();
    // Half a unit counts as one.
    check.admit(&trades(&[5], &[2], &[5e-9])).unwrap();
    assert_eq!(check.lost(), None);

    check.admit(&trades(&[6, 7], &[3, 4], &[4e-9, 3e-9])).unwrap();

    assert_eq!(check.lost(), Some(Lost { row: 2, quantity: 4e-9 }));
    assert_eq!((check.rows(), check.last_id()), (4, Some(4)));
}
