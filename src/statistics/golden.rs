//! Bars of ten trades, and series in which a statistic has a value that is known in closed form.

use crate::bar::Bar;
use crate::columns::{Compute, Group, OUTPUTS, Output};
use crate::needs::Needs;
use crate::trades::{Bits, Column, Sides, TimeUnit, Trades};
use std::f64::consts::LN_2;

/// Time in ms, price, quantity, whether the aggressor sold.
type Row = (i64, f64, f64, bool);

const TEN: [Row; 10] = [
    (0, 100.0, 1.0, false),
    (1_000, 100.5, 2.0, false),
    (1_500, 100.2, 1.0, true),
    (3_000, 101.0, 3.0, false),
    (3_000, 101.1, 1.0, false),
    (4_000, 100.8, 2.0, true),
    (4_500, 100.9, 1.0, false),
    (6_000, 100.6, 4.0, true),
    (8_000, 100.0, 2.0, true),
    (9_000, 100.3, 1.0, false),
];

fn statistics() -> impl Iterator<Item = &'static Output> {
    OUTPUTS.iter().filter(|output| output.group == Group::Intra)
}

/// The bar of these trades, made of pieces of so many.
fn bar_of(rows: &[Row], piece: usize) -> Bar {
    let needs = statistics().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    let times: Vec<_> = rows.iter().map(|row| row.0).collect();
    let prices: Vec<_> = rows.iter().map(|row| row.1).collect();
    let quantities: Vec<_> = rows.iter().map(|row| row.2).collect();
    let mut sold = vec![0_u8; rows.len().div_ceil(8)];
    rows.iter().enumerate().for_each(|(row, of)| sold[row / 8] |= u8::from(of.3) << (row % 8));
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &times)),
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: Some(Sides { sold: Bits::new(&sold, 0, rows.len()), known: None }),
        ..Trades::new(rows.len(), TimeUnit::Milliseconds)
    };
    let pieces = (0..rows.len()).step_by(piece);
    let mut bar: Option<Bar> = None;
    for piece in pieces.map(|start| trades.slice(start..rows.len().min(start + piece))) {
        let next = Bar::of(&piece, 0..piece.len, needs).unwrap().unwrap();
        if let Some(bar) = &mut bar {
            bar.merge(&next).unwrap();
        } else {
            bar = Some(next);
        }
        bar.as_mut().unwrap().follow(&piece, 0..piece.len);
    }
    bar.unwrap()
}

#[allow(clippy::cast_precision_loss)]
fn value(name: &str, bar: &Bar) -> Option<f64> {
    let output = statistics().find(|output| output.name == format!("intra_{name}")).unwrap();
    match output.compute {
        Compute::Float(compute) => compute(bar),
        Compute::Int(compute) => compute(bar).map(|value| value as f64),
        _ => panic!("{name} is no statistic"),
    }
}

fn assert_near(name: &str, got: Option<f64>, expected: Option<f64>) {
    let is_near = match (got, expected) {
        (Some(got), Some(expected)) => (got - expected).abs() <= 1e-12 * expected.abs(),
        (got, expected) => got.is_none() && expected.is_none(),
    };
    assert!(is_near, "{name}: {got:?}, expected {expected:?}");
}

#[test]
#[rustfmt::skip]
fn every_statistic_of_ten_trades_is_its_formula() {
    let expected = [
        ("vwap_position", Some(3.0 / 5.0), Some(6.0 / 11.0), None),
        ("kaufman_er", Some(5.0 / 8.0), Some(11.0 / 13.0), None),
        ("realized_volatility", Some(0.009_882_076_526_978_692), Some(0.007_362_161_902_745_991_6), None),
        ("garman_klass_vol", Some(0.003_355_278_104_882_614), Some(0.003_688_976_961_772_464), Some(0.0)),
        ("max_drawdown", Some(0.3 / 100.5), Some(1.1 / 101.1), Some(0.0)),
        ("max_run_up", Some(0.01), Some(0.1 / 100.8), Some(0.0)),
        ("burstiness", Some(-0.420_204_102_886_728_77), Some(-0.381_966_011_250_105_15), None),
        ("volume_skew", Some(0.493_382_200_218_158_65), Some(0.912_870_929_175_276_7), None),
        ("volume_kurt", Some(-1.371_900_826_446_280_9), Some(-0.5), None),
        ("largest_trade_share", Some(3.0 / 7.0), Some(2.0 / 5.0), Some(1.0)),
        ("tick_rule_ofi", Some(2.0 / 3.0), Some(-7.0 / 9.0), None),
        ("kyle_lambda_ols", Some(3.7 / 14.0), Some(3.1 / 25.0), None),
        ("amihud", Some(0.01 / 704.2), Some((1.1 / 101.1) / 1006.0), Some(0.0)),
        ("roll_spread", Some(1.326_649_916_142_16), Some(0.163_299_316_185_545_2), None),
        ("direction_changes", Some(2.0), Some(2.0), Some(0.0)),
        ("uptick_count", Some(2.0), Some(1.0), Some(0.0)),
        ("downtick_count", Some(1.0), Some(3.0), Some(0.0)),
        ("time_above_open", Some(2.0 / 3.0), Some(0.0), None),
        ("delta", Some(5.0), Some(-6.0), Some(1.0)),
        ("max_delta", Some(5.0), Some(1.0), Some(1.0)),
        ("min_delta", Some(0.0), Some(-6.0), Some(0.0)),
        ("variance_ratio", None, None, None),
        ("permutation_entropy", None, None, None),
    ];
    assert_eq!(expected.len(), statistics().count());
    for piece in 1..6 {
        let bars = [&TEN[..4], &TEN[4..9], &TEN[9..]].map(|rows| bar_of(rows, piece));
        for (name, first, second, open) in expected {
            for (bar, expected) in bars.iter().zip([first, second, open]) {
                assert_near(name, value(name, bar), expected);
            }
        }
    }
}

#[test]
fn what_only_windows_have_is_its_formula() {
    for piece in 1..6 {
        let bar = bar_of(&TEN[4..9], piece);

        assert_eq!(super::intensity(&bar), Some(1.0));
        assert_eq!(super::count_imbalance(&bar), Some(-1.0 / 5.0));
        assert_near("price_range", super::price_range(&bar), Some(1.1 / 101.1));
        assert_near("simple_return", super::simple_return(&bar), Some(-1.1 / 101.1));
    }
    assert_eq!(super::intensity(&bar_of(&TEN[..4], 4)), Some(4.0 / 3.0));
    assert_eq!(super::intensity(&bar_of(&TEN[3..5], 2)), None);
}

/// The statistic of trades at these prices, a second apart.
fn of_prices(name: &str, prices: impl Iterator<Item = f64>) -> Option<f64> {
    let rows: Vec<Row> = (0..).zip(prices).map(|(row, price)| (row, price, 1.0, false)).collect();
    let values = [1, 7, 64, rows.len()].map(|piece| value(name, &bar_of(&rows, piece)));
    assert!(values.iter().all(|value| *value == values[0]), "{name}: {values:?}");
    values[0]
}

#[test]
fn series_of_known_statistics_have_them() {
    let three = || [100.0, 101.0, 102.0].into_iter().cycle().take(60);
    assert_near(
        "permutation_entropy",
        of_prices("permutation_entropy", three()),
        Some(0.612_982_215_163_572_3),
    );
    let ratio = of_prices("variance_ratio", three());
    assert_near("variance_ratio", ratio, Some(0.123_357_465_091_299_68));

    let two = || [100.0, 101.0].into_iter().cycle().take(21);
    assert_eq!(of_prices("variance_ratio", two()), Some(0.0));
    assert_near("roll_spread", of_prices("roll_spread", two()), Some(2.051_956_704_170_308));

    let squares = || (0..22).map(|i| 100.0 + f64::from(i * i));
    assert_near("variance_ratio", of_prices("variance_ratio", squares()), Some(65.0 / 11.0));
    assert_eq!(of_prices("roll_spread", squares()), None);
}

#[test]
fn the_largest_values_have_statistics() {
    let (low, high) = (1e-8, 9.2e10);
    let rows: Vec<Row> = (0..300_i64)
        .map(|row| {
            let (price, quantity) = if row % 3 == 0 { (low, 1e-3) } else { (high, 9.2e10) };
            (row * (i64::MAX / 300_000), price, quantity, row % 2 == 0)
        })
        .collect();
    let needs = |name: &str| statistics().any(|output| output.name.ends_with(name));
    let priced = |names: &[&str]| names.iter().all(|name| needs(name));
    assert!(priced(&["volume_kurt", "variance_ratio", "realized_volatility"]));
    // The turnover of such trades is beyond its integer, so that a bar has few of them.
    let sums: Vec<Row> = rows.iter().map(|row| (row.0, row.1, row.2 / 1e4, row.3)).collect();
    for piece in [1, 64, 300] {
        let bar = bar_of(&sums, piece);
        for output in statistics() {
            let value = value(output.name.trim_start_matches("intra_"), &bar);
            assert!(value.is_none_or(f64::is_finite), "{}: {value:?}", output.name);
        }
    }
}

#[test]
fn garman_klass_vol_of_prices_that_differ_in_the_last_unit_is_a_number() {
    // Their quotients round to 1 + 2^-52 upwards and to 1 - 3 * 2^-53 downwards.
    let falling = [(0, 30_000_000.000_000_01, 1.0, true), (1, 30_000_000.0, 1.0, true)];
    let volatility = value("garman_klass_vol", &bar_of(&falling, 2));
    let change = 1e-8 / 30_000_000.0_f64;
    assert_near("garman_klass_vol", volatility, Some(change * (1.5 - 2.0 * LN_2).sqrt()));
    // The quotient of the least and the greatest price rounds to 0 above -1.
    let crash = [(0, 9e10, 1.0, true), (1, 1e-8, 1.0, true)];
    let logarithm = 9e18_f64.ln();
    let volatility = value("garman_klass_vol", &bar_of(&crash, 2));
    assert_near("garman_klass_vol", volatility, Some(logarithm * (1.5 - 2.0 * LN_2).sqrt()));
}
