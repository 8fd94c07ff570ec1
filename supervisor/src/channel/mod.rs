//! What workers speak: pure encoding and decoding, one file per convention.

mod cluster;
mod connection;
mod launchers;
mod lines;
mod newline;
mod node;
mod notify;
mod outbox;
mod primary;
mod robin;
mod topics;
mod words;

pub use cluster::{ClusterMessage, Family, Query, QueryAnswer, disconnect, may_leave, new_connection, query_answer};
pub use connection::{Answer, answer, offer};
pub use launchers::swallows_channel;
pub use lines::{LINE_LIMIT, Line, LineBuffer};
pub use newline::says_ready;
pub use node::{ACK, HandleKind, Internal, NACK, envelope, internal};
pub use notify::{Notice, notices};
pub use outbox::{Confirm, Full, Outbox};
pub use primary::{Need, Primary, Socket};
pub use robin::{Robin, Settled, UNSEEN};
pub use topics::{Hub, Refusal, TopicLimits, TopicView, TopicWord, refused};
pub use words::{Message, NotAMessage, decode, encode};
