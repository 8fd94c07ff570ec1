//! One report, several forms.

mod conform;
<<<<<<< HEAD
mod figures;
=======
mod html;
>>>>>>> main
mod json;
mod junit;
mod matrix;
mod model;
mod terminal;

pub use conform::{Judged, conform};
<<<<<<< HEAD
pub use figures::{Figures, Latency, figures};
=======
pub use html::html;
>>>>>>> main
pub use json::json;
pub use junit::junit;
pub use matrix::matrix;
pub use model::{Attempt, Report, Run};
pub use terminal::{Style, finding_lines, human, run_block, summary};
