//! The report for programs.

use std::io::{self, Write};

use super::Report;

/// Writes the report as one JSON document and a line feed.
pub fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
