//! Runs mutants in simulation and prints which invariant sees which: `kill-matrix [SEEDS [NAME…]]`. Exits 1 if one is not
//! caught by its invariant with every seed, if anything fails beside its documented consequences or one of them does
//! not, or if anything fails for the unmutated supervisor.

use std::collections::BTreeSet;
use std::process::ExitCode;

use mutants::real::by_chance;
use mutants::{ALL, Mutant, Row, find, row};

/// Seeds, if none are asked for.
const SEEDS: u64 = 20;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seeds = arguments.next().map_or(Ok(SEEDS), |seeds| seeds.parse());
    let names: Vec<String> = arguments.collect();
    let (Ok(seeds), true) = (seeds, names.iter().all(|name| find(name).is_some())) else {
        eprintln!("usage: kill-matrix [SEEDS [NAME…]]");
        return ExitCode::from(64);
    };
    let wanted = |mutant: &&Mutant| names.is_empty() || names.iter().any(|name| name == mutant.name);
    let rows: Result<Vec<Row>, String> = ALL.iter().filter(wanted).map(|mutant| row(mutant, seeds)).collect();
    match rows {
        Ok(rows) => {
            print(&rows);
            if !names.is_empty() {
                rows.iter().for_each(explain);
            }
            if rows.iter().all(Row::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(65)
        }
    }
}

/// What is wrong with it and what was seen of that; the reasons are those of the first seed that showed them.
fn explain(row: &Row) {
    println!("\n{}: {}", row.mutant.name, row.mutant.sentence);
    for (id, because) in &row.because {
        println!("  {id}: {because}");
    }
    for (id, why) in row.mutant.consequences {
        println!("  {id} is a consequence: {why}");
    }
    for id in row.failed.keys() {
        if let Some(why) = by_chance(row.mutant, id) {
            println!("  {id} follows by chance: {why}");
        }
    }
}

/// One line for each mutant, one column for each invariant that any of them fails. `##` is the one that has to fail, `+`
/// a consequence, `~` one that follows by chance, `!!` none of them.
fn print(rows: &[Row]) {
    let mut columns: BTreeSet<&str> = rows.iter().map(|row| row.mutant.caught_by).collect();
    columns.extend(rows.iter().flat_map(|row| row.failed.keys().map(String::as_str)));
    let short = |id: &str| id.trim_start_matches("INV-").to_lowercase();
    let width = |id: &str| short(id).len().max(9) + 1;
    let head: Vec<String> = columns.iter().map(|id| format!("{:>1$}", short(id), width(id))).collect();
    println!("{:34}{}", "", head.concat());
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|id| format!("{:>1$}", cell(row, id), width(id))).collect();
        println!("{:34}{}   {}", row.mutant.name, cells.concat(), verdict(row));
    }
    let caught = rows.iter().filter(|row| row.is_caught()).count();
    println!("{caught} of {} caught", rows.len());
}

fn cell(row: &Row, id: &str) -> String {
    match row.failed.get(id) {
        None if id == row.mutant.caught_by || row.mutant.has_consequence(id) => "missed".to_owned(),
        None => "·".to_owned(),
        Some(count) if *count < row.seeds => format!("{}{count}/{}", mark(row, id), row.seeds),
        Some(_) => mark(row, id).to_owned(),
    }
}

fn mark(row: &Row, id: &str) -> &'static str {
    if id == row.mutant.caught_by {
        "##"
    } else if row.mutant.has_consequence(id) {
        "+"
    } else if by_chance(row.mutant, id).is_some() {
        "~"
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
