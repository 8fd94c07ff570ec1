//! Medians, and what is printed of them.

use std::time::Duration;

/// The middle one.
pub fn median<T: Copy + PartialOrd>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    values[values.len() / 2]
}

/// The least.
pub fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Microseconds.
pub fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

/// Prints a figure beside its bar; says whether that is met.
pub fn verdict(part: &str, figure: f64, bar: f64, unit: &str, how: &str) -> bool {
    let met = figure <= bar;
    let word = if met { "met" } else { "MISSED" };
    println!("{part:8} {figure:>9.3} {unit:14} bar {bar} {word}; {how}");
    met
}
