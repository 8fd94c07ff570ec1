//! What one input explains of what follows from it.

use crate::core::WorkerId;

/// What the input that is being taken explains.
#[derive(Debug, Default)]
pub struct Cause {
    /// The slot whose restart costs nothing.
    pub free: Option<u32>,
    /// Slots closed or opened.
    pub scale: bool,
    /// The operator wants this slot's worker replaced.
    pub restart: Option<u32>,
    /// The slot whose worker became ready.
    pub ready: Option<u32>,
    /// The worker that ended.
    pub ended: Option<WorkerId>,
    /// The worker that hangs at once.
    pub hangs: Option<WorkerId>,
}
