//! What workers speak: pure encoding and decoding, one file per convention.

mod lines;
mod newline;
mod notify;
mod topics;
mod words;

pub use lines::{LINE_LIMIT, Line, LineBuffer};
pub use newline::says_ready;
pub use notify::{Notice, notices};
pub use topics::{Hub, Refusal, TopicLimits, TopicView, TopicWord, refused};
pub use words::{Message, NotAMessage, decode, encode};
