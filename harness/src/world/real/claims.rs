//! The supervisor's own event stream: JSON lines, of which some kinds are claims that can be checked.

use serde::Deserialize;

use crate::history::{Claim, ClaimKind, Status};

/// A line; other kinds have other fields, which do not matter here.
#[derive(Deserialize)]
struct Line {
    event: String,
    #[serde(default)]
    pid: u32,
    code: Option<i32>,
    signal: Option<i32>,
    phase: Option<String>,
    pool: Option<String>,
}

/// What a line claims, if anything. A line that is not understood claims nothing.
pub fn claim(text: &str) -> Option<Claim> {
    let Line { event, pid, code, signal, phase, pool } = serde_json::from_str(text).ok()?;
    let kind = match event.as_str() {
        "ready" => ClaimKind::Ready,
        "giveup" => ClaimKind::GaveUp,
        "exit" => ClaimKind::Exited(code.map(Status::Code).or(signal.map(Status::Signal))?),
        "reload" => ClaimKind::of_reload(&phase?)?,
        _ => return None,
    };
    Some(Claim { pid, pool, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_kinds_are_claims() {
        let of = |text: &str| claim(text).map(|claim| (claim.pid, claim.kind));
        assert_eq!(of(r#"{"t":1.5,"event":"ready","slot":0,"pid":7}"#), Some((7, ClaimKind::Ready)));
        assert_eq!(of(r#"{"event":"exit","pid":7,"code":3}"#), Some((7, ClaimKind::Exited(Status::Code(3)))));
        assert_eq!(of(r#"{"event":"exit","pid":7,"signal":9}"#), Some((7, ClaimKind::Exited(Status::Signal(9)))));
        assert_eq!(of(r#"{"event":"giveup","restarts":10}"#), Some((0, ClaimKind::GaveUp)));
        assert_eq!(of(r#"{"event":"reload","phase":"done"}"#), Some((0, ClaimKind::Reloaded)));
        assert_eq!(of(r#"{"event":"reload","phase":"aborted"}"#), Some((0, ClaimKind::ReloadFailed)));
        assert_eq!(of(r#"{"event":"reload","phase":"began"}"#), None);
        assert_eq!(of(r#"{"event":"exit","pid":7}"#), None);
        assert_eq!(of(r#"{"event":"fork","pid":7}"#), None);
        assert_eq!(of("not json"), None);
    }
}
