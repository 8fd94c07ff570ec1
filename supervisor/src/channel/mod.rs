//! What workers speak: pure encoding and decoding, one file per convention.

mod lines;
mod notify;
mod words;

pub use lines::{LINE_LIMIT, Line, LineBuffer};
pub use notify::notification;
pub use words::{NotAMessage, decode, encode};
