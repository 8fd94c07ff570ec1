//! How long it makes sense to try again for want of memory.

/// How often in a row there may be none before it counts as a failure.
pub const MOST: u32 = 8;

/// How often in a row there was no memory for a transfer.
#[derive(Debug, Default)]
pub struct Shortage(u32);

impl Shortage {
    /// Notes one more; whether it makes sense to try again.
    pub fn is_bearable(&mut self) -> bool {
        self.0 += 1;
        self.0 < MOST
    }

    /// A transfer succeeded.
    pub fn end(&mut self) {
        self.0 = 0;
    }
}
