//! One report, several forms.

mod conform;
mod figures;
mod json;
mod model;
mod terminal;

pub use conform::{Judged, conform};
pub use figures::{Figures, Latency, figures};
pub use json::json;
pub use model::{Attempt, Report, Run};
pub use terminal::{Style, finding_lines, human, run_block, summary};
