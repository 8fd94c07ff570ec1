//! The supervisor's event stream, read as a harness reads it: lines of JSON that make claims.

use serde::Deserialize;

use crate::history::{Claim, ClaimKind, Status};

/// Cuts the stream into lines.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Whether anybody reads.
    read: bool,
    pending: Vec<u8>,
}

impl Claims {
    pub fn new(read: bool) -> Self {
        Self { read, pending: Vec::new() }
    }

    /// Takes what was written; returns the claims that are whole now.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Claim> {
        let mut claims = Vec::new();
        if !self.read {
            return claims;
        }
        self.pending.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) = self.pending[from..].iter().position(|&byte| byte == b'\n') {
            claims.extend(claim(&self.pending[from..from + length]));
            from += length + 1;
        }
        self.pending.drain(..from);
        claims
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    event: &'a str,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    code: Option<i32>,
    #[serde(default)]
    signal: Option<i32>,
    #[serde(default)]
    phase: Option<&'a str>,
    #[serde(default)]
    pool: Option<&'a str>,
}

/// Only these lines are claims; the others needn't be taken apart.
const CLAIMING: [&[u8]; 4] = [b"ready", b"exit", b"giveup", b"reload"];

fn claim(line: &[u8]) -> Option<Claim> {
    if !CLAIMING.iter().any(|word| line.windows(word.len()).any(|part| part == *word)) {
        return None;
    }
    let line: Line = serde_json::from_slice(line).ok()?;
    let kind = match (line.event, line.code, line.signal) {
        ("ready", ..) => ClaimKind::Ready,
        ("giveup", ..) => ClaimKind::GaveUp,
        ("reload", ..) => ClaimKind::of_reload(line.phase?)?,
        ("exit", Some(code), _) => ClaimKind::Exited(Status::Code(code)),
        ("exit", None, Some(signal)) => ClaimKind::Exited(Status::Signal(signal)),
        _ => return None,
    };
    Some(Claim { pid: line.pid, pool: line.pool.map(str::to_owned), kind })
}
