//! What a process was started with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The execution environment of a process at its first instruction, as it sees it itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Open descriptors by number, and what they refer to (`socket`, `pipe`, or a path).
    pub descriptors: BTreeMap<i32, String>,
    /// Real, effective, saved and file-system user.
    pub user: Vec<u32>,
    /// The same of the group.
    pub group: Vec<u32>,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities, as a mask.
    pub capabilities: u64,
    /// File mode creation mask.
    pub umask: u32,
    /// Working directory.
    pub directory: String,
    /// Soft and hard limits by name; absent is without limit.
    pub limits: BTreeMap<String, (Option<u64>, Option<u64>)>,
    /// Blocked signals: bit n - 1 for signal n.
    pub blocked: u64,
    /// Ignored signals.
    pub ignored: u64,
    /// Whether it leads a process group of its own.
    pub leads_group: bool,
    /// Environment variables, and a hash of each value.
    pub variables: BTreeMap<String, u32>,
}
