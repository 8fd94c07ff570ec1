//! RON as all our files are written: options without `Some`, unknown names are errors, errors have a place.

mod dialect;
mod error;
mod finding;
mod layout;
mod tree;

pub use dialect::{dialect, read, read_part};
pub use finding::{Checker, Finding};
pub use layout::layout;
pub use tree::{Node, Path, Seg, tree};
