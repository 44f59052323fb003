//! The texts of rules: one rule has one text.
//!
//! ```text
//! KIND[-PARAMETER]...[-gate|-nogate]
//! ```
//!
//! The guard of the opening time is written where it is not that of the kind by default.

use crate::error::Error;
use crate::rule::any::AnyRule;
use crate::rule::cusum::CusumRule;
use crate::rule::ewma::{EwmaRule, Spans};
use crate::rule::expression::{SumRule, WhenRule};
use crate::rule::flow::{Flow, SideBy, Weight};
use crate::rule::high_low::HighLowRule;
use crate::rule::limit::Limit;
use crate::rule::range::{Move, RangeRule, Threshold};
use crate::rule::sided::{Sided, SidedRule};
use crate::rule::tick::TickRule;
use crate::rule::total::{Total, TotalRule};
use std::fmt;
use std::str::FromStr;

/// The longest text of a rule, in bytes.
pub const MAX_TEXT: usize = 128;
/// The end of a text with the guard of the opening time, where the kind has none by default.
const GUARDED: &str = "-gate";
/// The end of a text without it, where the kind has it by default.
const UNGUARDED: &str = "-nogate";

/// Whether rules of this kind have the guard of the opening time unless they say otherwise.
fn has_guard_by_default(kind: &str) -> bool {
    matches!(kind, "range" | "pricerange" | "highlow")
}

/// A whole number from 1 on, without a zero in front.
fn count(text: &str) -> Option<u64> {
    let value: i64 = text.parse().ok()?;
    (value > 0 && value.to_string() == text).then_some(value.unsigned_abs())
}

/// A finite number above 0, in its shortest text.
fn number(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && value > 0.0 && value.to_string() == text).then_some(value)
}

/// The name of an expression: letters of ASCII, digits and `_`, and no word of the grammar.
fn name(text: &str) -> Option<String> {
    let is_name = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(text, "gate" | "nogate");
    is_name.then(|| text.to_owned())
}

fn flow(weight: &str, side: &str) -> Option<Flow> {
    let weight = Weight::ALL.into_iter().find(|known| known.name() == weight)?;
    let by = SideBy::ALL.into_iter().find(|known| known.name() == side)?;
    Some(Flow::new(weight, by))
}

/// A limit in units of a weight.
fn sided_limit(weight: Weight, text: &str) -> Option<i128> {
    match weight {
        Weight::Tick => count(text).map(i128::from),
        Weight::Volume => text.parse::<Limit>().ok().map(Limit::units),
        Weight::Dollar => text.parse::<Limit>().ok().map(Limit::turnover_units),
    }
}

fn sided_limit_text(weight: Weight, limit: i128) -> String {
    let limit = match weight {
        Weight::Tick => return limit.to_string(),
        Weight::Volume => Limit::of_units(limit),
        Weight::Dollar => Limit::of_turnover_units(limit),
    };
    limit.map(|limit| limit.to_string()).unwrap_or_default()
}

fn sided(kind: &str) -> Option<Sided> {
    Sided::ALL.into_iter().find(|sided| sided.name() == kind)
}

fn spans([expected, bars, ticks, min, max, warm_up]: [&str; 6]) -> Option<Spans> {
    let spans = Spans {
        expected: count(expected)?,
        bars: if bars == "none" { None } else { Some(count(bars)?) },
        ticks: count(ticks)?,
        min: count(min)?,
        max: count(max)?,
        warm_up: count(warm_up)?,
    };
    spans.are_in_order().then_some(spans)
}

/// The rule of this kind with these parameters, if there is one.
fn rule(kind: &str, parameters: &[&str], guard: bool) -> Option<AnyRule> {
    let threshold = |text| Threshold::new(count(text)?.cast_signed()).ok();
    let limit = |text: &str| text.parse::<Limit>().ok();
    Some(match (kind, parameters) {
        ("range", [text]) => AnyRule::Range(RangeRule::new(threshold(text)?, guard)),
        ("pricerange", [text]) => AnyRule::Range(RangeRule::of_amount(limit(text)?, guard)),
        ("highlow", [text]) => AnyRule::HighLow(HighLowRule::new(limit(text)?, guard)),
        ("cusum", [text]) => AnyRule::Cusum(CusumRule::new(threshold(text)?, guard)),
        ("tick", [text]) => AnyRule::Tick(TickRule::new(count(text)?, guard)),
        ("trade", [text]) => AnyRule::Total(TotalRule::new(Total::Trades(count(text)?), guard)),
        ("volume", [text]) => AnyRule::Total(TotalRule::new(Total::Volume(limit(text)?), guard)),
        ("dollar", [text]) => AnyRule::Total(TotalRule::new(Total::Turnover(limit(text)?), guard)),
        ("imbalance" | "run" | "runlength", [weight, side, text]) => {
            let flow = flow(weight, side)?;
            let limit = sided_limit(flow.weight, text)?;
            AnyRule::Sided(SidedRule::new(sided(kind)?, flow, limit, guard))
        }
        ("ewmaimbalance" | "ewmarun", [weight, side, numbers @ ..]) => {
            let (flow, spans) = (flow(weight, side)?, spans(numbers.try_into().ok()?)?);
            AnyRule::Ewma(EwmaRule::new(sided(kind.strip_prefix("ewma")?)?, flow, spans, guard))
        }
        ("when", []) => AnyRule::When(WhenRule::new(None, 0, guard)),
        ("when", [text]) => AnyRule::When(WhenRule::new(Some(name(text)?), 0, guard)),
        ("sum", [text]) => AnyRule::Sum(SumRule::new(None, 0, number(text)?, guard)),
        ("sum", [text, limit]) => {
            AnyRule::Sum(SumRule::new(Some(name(text)?), 0, number(limit)?, guard))
        }
        _ => return None,
    })
}

impl FromStr for AnyRule {
    type Err = Error;

    /// # Errors
    /// [`Error::RuleText`] for the text of no rule.
    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::RuleText { got: text.to_owned() };
        let (body, guard) = match (text.strip_suffix(GUARDED), text.strip_suffix(UNGUARDED)) {
            (Some(body), _) => (body, Some(true)),
            (_, Some(body)) => (body, Some(false)),
            _ => (text, None),
        };
        let mut parts = body.split('-');
        let kind = parts.next().unwrap_or_default();
        let guard = guard.unwrap_or_else(|| has_guard_by_default(kind));
        let rule = rule(kind, &parts.collect::<Vec<_>>(), guard).ok_or_else(unknown)?;
        if text.len() <= MAX_TEXT && rule.to_string() == text { Ok(rule) } else { Err(unknown()) }
    }
}

impl fmt::Display for AnyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = |flow: &Flow| format!("{}-{}", flow.weight.name(), flow.by.name());
        let named = |name: &Option<String>| {
            name.as_ref().map_or_else(String::new, |name| format!("-{name}"))
        };
        let text = match self {
            Self::Range(rule) => match rule.by() {
                Move::Fraction(threshold) => format!("range-{}", threshold.decimal_bps()),
                Move::Amount(limit) => format!("pricerange-{limit}"),
            },
            Self::HighLow(rule) => format!("highlow-{}", rule.limit()),
            Self::Cusum(rule) => format!("cusum-{}", rule.threshold().decimal_bps()),
            Self::Tick(rule) => format!("tick-{}", rule.records()),
            Self::Total(rule) => match rule.of() {
                Total::Trades(trades) => format!("trade-{trades}"),
                Total::Volume(limit) => format!("volume-{limit}"),
                Total::Turnover(limit) => format!("dollar-{limit}"),
            },
            Self::Sided(rule) => {
                let limit = sided_limit_text(rule.flow().weight, rule.limit());
                format!("{}-{}-{limit}", rule.of().name(), flow(rule.flow()))
            }
            Self::Ewma(rule) => {
                let Spans { expected, bars, ticks, min, max, warm_up } = rule.spans();
                let bars = bars.map_or_else(|| "none".to_owned(), |bars| bars.to_string());
                let (kind, flow) = (rule.of().name(), flow(rule.flow()));
                format!("ewma{kind}-{flow}-{expected}-{bars}-{ticks}-{min}-{max}-{warm_up}")
            }
            Self::When(rule) => format!("when{}", named(&rule.name)),
            Self::Sum(rule) => format!("sum{}-{}", named(&rule.name), rule.limit),
        };
        let kind = text.split('-').next().unwrap_or_default();
        let guard = match (self.prevents_same_timestamp_close(), has_guard_by_default(kind)) {
            (true, false) => GUARDED,
            (false, true) => UNGUARDED,
            _ => "",
        };
        write!(f, "{text}{guard}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_one_text() {
        for text in [
            "range-250",
            "range-250-nogate",
            "pricerange-5",
            "pricerange-0.25-nogate",
            "highlow-5",
            "cusum-250",
            "cusum-250-gate",
            "tick-1000",
            "trade-1000",
            "volume-10",
            "volume-0.3-gate",
            "dollar-1000000",
            "imbalance-tick-maker-20",
            "imbalance-volume-tickrule-0.5",
            "run-dollar-maker-1000000",
            "runlength-tick-tickrule-10-gate",
            "ewmaimbalance-tick-maker-1000-none-10000-100-10000-1000",
            "ewmarun-volume-tickrule-4-3-7-1-8-4",
            "when",
            "when-spread",
            "when-spread-gate",
            "sum-1",
            "sum-spread-0.0001",
        ] {
            let rule: AnyRule = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in [
            "",
            "range",
            "range-0",
            "range-0250",
            "range-100001",
            "range-250-gate",
            "range-250-nogate-nogate",
            "highlow-1.50",
            "volume-10-nogate",
            "tick-0",
            "tick-9223372036854775808",
            "tick-1.5",
            "imbalance-tick-maker-0.5",
            "imbalance-shares-maker-5",
            "run-tick-seller-5",
            "ewmarun-tick-maker-4-3-7-5-8-4",
            "ewmaimbalance-tick-maker-4-3-7-1-8",
            "ewmarunlength-tick-maker-4-3-7-1-8-4",
            "when-gate-gate",
            "when-a b",
            "when-",
            "sum-1.0",
            "sum-1e5",
            "sum-inf",
            "sum--1",
            "Range-250",
        ] {
            let result = text.parse::<AnyRule>();
            assert_eq!(result, Err(Error::RuleText { got: text.to_owned() }), "{text}");
        }
        let long = format!("when-{}", "a".repeat(MAX_TEXT));
        assert!(long.parse::<AnyRule>().is_err());
    }
}
