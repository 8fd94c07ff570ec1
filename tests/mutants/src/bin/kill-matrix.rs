//! Runs every mutant in simulation and prints which invariant sees it: `kill-matrix [SEEDS]`. Exits 1 if one is not
//! caught by its invariant with every seed, if something else fails than its documented consequences, or if anything
//! fails for the unmutated supervisor.

use std::collections::BTreeSet;
use std::process::ExitCode;

use mutants::{ALL, Row, row};

/// Seeds, if none are asked for.
const SEEDS: u64 = 20;

fn main() -> ExitCode {
    let seeds = match std::env::args().nth(1).map(|seeds| seeds.parse()) {
        None => SEEDS,
        Some(Ok(seeds)) => seeds,
        Some(Err(_)) => {
            eprintln!("usage: kill-matrix [SEEDS]");
            return ExitCode::from(64);
        }
    };
    let rows: Result<Vec<Row>, String> = ALL.iter().map(|mutant| row(mutant, seeds)).collect();
    match rows {
        Ok(rows) => {
            print(&rows);
            if rows.iter().all(Row::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(65)
        }
    }
}

/// One line for each mutant, one column for each invariant that any of them fails. `##` is the one that has to fail, `+`
/// a consequence, `!!` neither.
fn print(rows: &[Row]) {
    let mut columns: BTreeSet<&str> = rows.iter().map(|row| row.mutant.caught_by).collect();
    columns.extend(rows.iter().flat_map(|row| row.failed.keys().map(String::as_str)));
    let short = |id: &str| id.trim_start_matches("INV-").to_lowercase();
    let head: Vec<String> = columns.iter().map(|id| format!("{:>9}", short(id))).collect();
    println!("{:34}{}", "", head.concat());
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|id| format!("{:>9}", cell(row, id))).collect();
        println!("{:34}{}   {}", row.mutant.name, cells.concat(), verdict(row));
    }
    let caught = rows.iter().filter(|row| row.is_caught()).count();
    println!("{caught} of {} caught", rows.len());
}

fn cell(row: &Row, id: &str) -> String {
    match row.failed.get(id) {
        None if id == row.mutant.caught_by => "missed".to_owned(),
        None => "·".to_owned(),
        Some(count) if *count < row.seeds => format!("{}{count}/{}", mark(row, id), row.seeds),
        Some(_) => mark(row, id).to_owned(),
    }
}

fn mark(row: &Row, id: &str) -> &'static str {
    if id == row.mutant.caught_by {
        "##"
    } else if row.mutant.consequences.contains(&id) {
        "+"
    } else {
        "!!"
    }
}

fn verdict(row: &Row) -> String {
    if row.identity.is_empty() {
        return row.mutant.scenario.to_owned();
    }
    let failed: Vec<&str> = row.identity.iter().map(String::as_str).collect();
    format!("{} (unmutated: {})", row.mutant.scenario, failed.join(", "))
}
