//! The state of a run against the definitions of its sums, where the quick paths end.

use super::*;
use crate::bar::Bar;
use crate::columns::OUTPUTS;
use crate::fixed::to_fixed;
use crate::needs::Needs;
use crate::trades::{Bits, Column, TimeUnit};
use crate::wide::Wide;
use proptest::prelude::*;

/// Numbers on both sides of the limits below which sums are quick, and small ones.
fn around(bits: &'static [u32]) -> impl Strategy<Value = f64> {
    let small = (1..1_000_000_i64).boxed();
    let near = (prop::sample::select(bits), -3_i64..3).prop_map(|(bits, off)| (1 << bits) + off);
    #[allow(clippy::cast_precision_loss)]
    prop_oneof![8 => small, 1 => near].prop_map(|units| units as f64 / 1e8)
}

fn rows() -> impl Strategy<Value = Vec<(f64, f64, i64, bool, bool)>> {
    let waits = prop_oneof![8 => 0..5_i64, 1 => (1_i64 << 32) - 3..(1 << 32) + 3];
    let row =
        (around(&[51, 52, 57, 62]), around(&[30, 51, 57, 60]), waits, any::<bool>(), any::<bool>());
    prop::collection::vec(row, 1..200)
}

fn run_of(trades: &Trades<'_>, cuts: &[usize]) -> Run {
    let needs = OUTPUTS.iter().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    let mut whole: Option<Bar> = None;
    for pair in cuts.windows(2) {
        let Some(part) = Bar::of(trades, pair[0]..pair[1], needs).unwrap() else { continue };
        match &mut whole {
            Some(whole) => whole.merge(&part).unwrap(),
            none => *none = Some(part),
        }
        whole.as_mut().unwrap().follow(trades, pair[0]..pair[1]);
    }
    *whole.unwrap().run.unwrap()
}

/// The sum of products of numbers.
fn sum<const N: usize>(products: impl Iterator<Item = [i64; N]>) -> Wide {
    let one = Wide::from(1_i64);
    products.fold(Wide::default(), |sum, factors| {
        sum + factors.into_iter().fold(one, |product, factor| product * factor.into())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 400 }))]

    #[test]
    fn sums_of_any_size_are_those_of_their_definitions(rows in rows(), cut in 0..200_usize) {
        let mut time = 0;
        let times: Vec<_> = rows.iter().map(|row| { time += row.2; time }).collect();
        let prices: Vec<_> = rows.iter().map(|row| row.0).collect();
        let quantities: Vec<_> = rows.iter().map(|row| row.1).collect();
        let packed = |bit: &dyn Fn(usize) -> bool| -> Vec<u8> {
            let byte = |byte| (0..8).fold(0, |bits, at| {
                let row = 8 * byte + at;
                bits | u8::from(row < rows.len() && bit(row)) << at
            });
            (0..rows.len().div_ceil(8)).map(byte).collect()
        };
        let (sold, known) = (packed(&|row| rows[row].3), packed(&|row| rows[row].4));
        let bits = |bytes| Bits::new(bytes, 0, rows.len());
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &times)),
            price: Some(Column::new("price", &prices)),
            quantity: Some(Column::new("quantity", &quantities)),
            is_buyer_maker: Some(Sides { sold: bits(&sold), known: Some(bits(&known)) }),
            ..Trades::new(rows.len(), TimeUnit::Nanoseconds)
        };
        let cut = cut.min(rows.len());

        let run = run_of(&trades, &[0, cut, rows.len()]);

        prop_assert_eq!(&run, &run_of(&trades, &[0, rows.len()]));
        let p: Vec<_> = prices.iter().map(|price| to_fixed(*price)).collect();
        let q: Vec<_> = quantities.iter().map(|quantity| to_fixed(*quantity)).collect();
        let s: Vec<_> = rows.iter().zip(&q).map(|(row, quantity)| match (row.4, row.3) {
            (false, _) => 0,
            (true, sold) => if sold { -quantity } else { *quantity },
        }).collect();
        let x: Vec<_> = p.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let ten: Vec<_> = p.iter().zip(p.iter().skip(10)).map(|(early, late)| late - early).collect();
        let square = |of: &i64| [*of, *of];

        let sizes = run.sizes.unwrap();
        prop_assert_eq!(Some(&sizes.largest), q.iter().max());
        prop_assert_eq!(sizes.squares, sum(q.iter().map(square)));
        prop_assert_eq!(sizes.cubes, sum(q.iter().map(|q| [*q; 3])));
        prop_assert_eq!(sizes.fourths, sum(q.iter().map(|q| [*q; 4])));
        prop_assert_eq!(Wide::from(run.distance.unwrap().sum), sum(x.iter().map(|x| [x.abs()])));
        let lags = run.lags.unwrap();
        prop_assert_eq!(lags.squares, sum(x.iter().map(square)));
        prop_assert_eq!(Wide::from(lags.sum_of_ten), sum(ten.iter().map(|change| [*change])));
        prop_assert_eq!(lags.squares_of_ten, sum(ten.iter().map(square)));
        prop_assert_eq!(run.products.unwrap().sum, sum(x.windows(2).map(|x| [x[0], x[1]])));
        let flows = run.flows.unwrap();
        prop_assert_eq!(flows.products, sum(x.iter().zip(&s[1..]).map(|(x, s)| [*x, *s])));
        prop_assert_eq!(flows.squares, sum(s[1..].iter().map(square)));
        prop_assert_eq!(
            Wide::from(run.intervals.unwrap().squares),
            sum(rows[1..].iter().map(|row| square(&row.2)))
        );
        let directions = run.directions.unwrap();
        let (mut last, mut volumes) = (0, [Wide::default(); 3]);
        for (row, quantity) in q.iter().enumerate() {
            let change = if row == 0 { 0 } else { x[row - 1].signum() };
            last = if change == 0 { last } else { change };
            let place = usize::try_from(last + 1).unwrap();
            volumes[place] += Wide::from(*quantity);
        }
        let found = [directions.down, directions.before, directions.up].map(Wide::from);
        prop_assert_eq!(found, volumes);
        let waits = |row: usize| if p[row] > p[0] { times[row + 1] - times[row] } else { 0 };
        let above: i64 = (0..rows.len() - 1).map(waits).sum();
        prop_assert_eq!(run.time_above.unwrap().above, above.cast_unsigned());
    }
}
