//! One report, several forms.

mod conform;
mod figures;
mod html;
mod json;
mod junit;
mod matrix;
mod model;
mod terminal;

pub use conform::{Judged, conform};
pub use figures::{Figures, Latency, figures};
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use matrix::matrix;
pub use model::{Attempt, Report, Run};
pub use terminal::{SUITE, Style, finding_lines, human, run_block, summary};
