//! The grammar of a scenario file (RON), its validation and its explanation.

mod absent;
#[cfg(test)]
mod arbitrary_tests;
mod beside;
mod built;
mod catalogue;
mod command;
mod explain;
mod find;
mod life;
mod load;
mod model;
mod output;
mod parse;
mod pool;
mod span;
mod step;
mod validate;
mod write;

pub(crate) use absent::is_default;

pub use beside::{Beside, MAIN};
pub use built::{constructs, not_simulated};
pub use catalogue::{Entry, catalogue, entry};
pub use command::Command;
pub use explain::explain;
pub use find::find;
pub use life::{Child, Exit, Life, LifeRecord, Lives, Output, Phase, Retirement};
pub use load::{Bulk, Harm, Load};
pub use model::{Expect, Launch, Scenario, Start, StatusIs, Sweep, Variant};
pub use output::{OutputWay, Reader, Stream};
pub use parse::{parse, validate};
pub use pool::{Backoff, Handoff, Identity, Limit, NOTIFY_FD, Owns, Pool, Ready, Rolling};
pub use span::Span;
pub use step::{Act, Ask, Attempt, Fault, FileFault, Saying, Signal, State, Step, Target, Trigger};
pub use write::to_ron;
