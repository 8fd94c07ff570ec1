use serde_json::json;

use super::*;
use crate::list::Mutant;
use crate::places::places;

/// The mutants of a source: what kind, which part of it (of those that look so, the first), and what is there instead.
fn woven(source: &str, mutants: &[(&str, &str, &str)]) -> Woven {
    let mutant = |(genre, part, replacement): &(&str, &str, &str)| -> Mutant {
        let start = source.find(part).unwrap_or_else(|| panic!("no {part:?} in the source"));
        let place = |byte: usize| {
            let line = source[..byte].lines().count().max(1);
            let column = source[..byte].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            json!({"line": line, "column": column})
        };
        let span = json!({"start": place(start), "end": place(start + part.len())});
        let name = format!("{genre} {part}");
        let all = json!({"name": name, "file": "a.rs", "genre": genre, "span": span, "replacement": replacement});
        serde_json::from_value(all).unwrap_or_else(|why| panic!("{why}"))
    };
    let mutants: Vec<Mutant> = mutants.iter().map(mutant).collect();
    let numbered: Vec<(Id, &Mutant)> = (1..).zip(&mutants).collect();
    weave(source, &places(source, &numbered).unwrap_or_else(|why| panic!("{why}")))
}

#[track_caller]
fn assert_woven(source: &str, mutants: &[(&str, &str, &str)], expected: &str) {
    let text = woven(source, mutants).text;
    assert_eq!(text, expected);
    syn::parse_file(&text).unwrap_or_else(|why| panic!("{text} is no Rust: {why}"));
}

#[test]
fn a_source_without_mutants_stays_as_it_is() {
    assert_woven("fn a() -> bool { 1 < 2 }\n", &[], "fn a() -> bool { 1 < 2 }\n");
}

#[test]
fn a_function_may_give_one_of_several_values_at_once() {
    assert_woven(
        "fn a() -> bool { let é = b(); é }\n",
        &[("FnValue", "let é = b(); é", "true"), ("FnValue", "let é = b(); é", "false")],
        "fn a() -> bool { if crate::broken(1) { return true; } if crate::broken(2) { return false; } let é = b(); é }\n",
    );
}

#[test]
fn operators_are_switched_with_their_operands_those_inside_others_too() {
    assert_woven(
        "fn a() { c && !d }\n",
        &[("BinaryOperator", "&&", "||"), ("UnaryOperator", "!", "")],
        "fn a() { (if crate::broken(1) { c || (if crate::broken(2) { d } else { !d }) } else { c && (if crate::broken(2) { d } else { !d }) }) }\n",
    );
}

#[test]
fn an_arm_is_taken_away_by_its_guard() {
    assert_woven(
        "fn a() { match b { 1 => c(), _ => {} } }\n",
        &[("MatchArm", "1 => c(),", "")],
        "fn a() { match b { 1 if true && !crate::broken(1) => c(), _ => {} } }\n",
    );
    assert_woven(
        "fn a() { match b { 1 if d => c(), _ => {} } }\n",
        &[("MatchArm", "1 if d => c(),", ""), ("MatchArmGuard", "d", "true"), ("MatchArmGuard", "d", "false")],
        "fn a() { match b { 1 if !crate::broken(1) && !crate::broken(3) && (crate::broken(2) || d) => c(), _ => {} } }\n",
    );
}

#[test]
fn a_field_is_taken_from_the_base() {
    assert_woven(
        "fn a() { B { c: 1, ..d } }\n",
        &[("StructField", "c: 1,", "")],
        "fn a() { (if crate::broken(1) { B {  ..d } } else { B { c: 1, ..d } }) }\n",
    );
}

#[test]
fn a_chain_with_let_is_left_as_it_is() {
    let source = "fn a() { if let Some(b) = c && b {} }\n";
    assert_woven(source, &[("BinaryOperator", "&&", "||")], source);
}

#[test]
fn what_is_wrong_is_due_to_the_innermost() {
    let woven = woven("fn a() { b + c * d }\n", &[("BinaryOperator", "+", "-"), ("BinaryOperator", "*", "/")]);
    let at = |part: &str| {
        let start = woven.text.find(part).unwrap_or_else(|| panic!("no {part:?} in {}", woven.text));
        woven.blamed(&(start..start + part.len())).to_vec()
    };
    assert_eq!(at("c / d"), [2]);
    assert_eq!(at("b - "), [1]);
    assert_eq!(at("fn a"), Vec::<Id>::new());
}
