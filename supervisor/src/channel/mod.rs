//! What workers speak: pure encoding and decoding, one file per convention.

mod cluster;
mod connection;
mod lines;
mod node;
mod notify;
mod outbox;
mod primary;
mod robin;
mod words;

pub use cluster::{ClusterMessage, Family, Query, QueryAnswer, disconnect, may_leave, new_connection, query_answer};
pub use connection::{Answer, answer, offer};
pub use lines::{LINE_LIMIT, Line, LineBuffer};
pub use node::{ACK, HandleKind, Internal, NACK, envelope, internal, swallows_channel};
pub use notify::notification;
pub use outbox::{Full, Outbox};
pub use primary::{Need, Primary, Socket};
pub use robin::{QUEUE, REST, Robin, Settled};
pub use words::{NotAMessage, decode, encode};
