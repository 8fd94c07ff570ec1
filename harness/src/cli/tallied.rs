//! What a soak comes to: counts for each form, the goals, and the exit code.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::verdict::ExitCode;

use super::goals::{Goal, Of};
use super::ledger::{Count, Ledger};

/// Of the first attempts at least so many percent must be conclusive.
const CONCLUSIVE_PERCENT: u32 = 95;

/// Runs beside how many are wanted.
#[derive(Debug)]
struct Row {
    name: String,
    wanted: u32,
    count: Count,
}

impl Row {
    fn is_enough(&self) -> bool {
        self.count.runs >= self.wanted
    }
}

/// The counts beside the goals.
#[derive(Debug)]
pub struct Tallied {
    forms: Vec<Row>,
    goals: Vec<(Goal, Row)>,
    /// Runs in the file that are not counted.
    others: u32,
}

impl Tallied {
    /// The counts of these forms, of which so many runs are wanted, and of these goals.
    pub fn new(forms: impl IntoIterator<Item = (String, u32)>, goals: &[Goal], ledger: &Ledger) -> Self {
        let form = |(name, wanted): (String, u32)| Row { count: ledger.of(&name), name, wanted };
        let row = |goal: &Goal| {
            let counts = goal.forms.iter().map(|form| ledger.of(form));
            Row { name: goal.name.clone(), wanted: goal.runs, count: counts.sum() }
        };
        let goals = goals.iter().map(|goal| (goal.clone(), row(goal))).collect();
        Self { forms: forms.into_iter().map(form).collect(), goals, others: ledger.others }
    }

    /// A line for each form, each scenario and each entry of the catalogue, then what it comes to.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn print(&self, not_applicable: &BTreeMap<String, usize>, out: &mut dyn Write) -> io::Result<()> {
        let goals = |of| self.goals.iter().filter(move |(goal, _)| goal.of == of);
        table("form", self.forms.iter(), out)?;
        table("scenario", goals(Of::Scenario).map(|(_, row)| row), out)?;
        table("entry", goals(Of::Entry).map(|(_, row)| row), out)?;
        for (why, count) in not_applicable {
            writeln!(out, "{count} forms not applicable: {why}")?;
        }
        if self.others > 0 {
            writeln!(out, "{} runs of other builds, subjects or scenarios are not counted", self.others)?;
        }
        for (of, what) in [(Of::Scenario, "scenarios"), (Of::Entry, "entries")] {
            for (name, first) in [("P0", true), ("other", false)] {
                let rows: Vec<&Row> = goals(of).filter(|(goal, _)| goal.first == first).map(|(_, row)| row).collect();
                let enough = rows.iter().filter(|row| row.is_enough()).count();
                let wanted = rows.iter().map(|row| row.wanted).max().unwrap_or(0);
                writeln!(out, "{enough} of {} {name} {what} have their {wanted} runs", rows.len())?;
            }
        }
        let all = self.total();
        let conclusive = all.runs - all.inconclusive_first;
        let percent = f64::from(conclusive) * 100.0 / f64::from(all.runs.max(1));
        writeln!(
            out,
            "{} runs, {} failed, {} inconclusive; {conclusive} first attempts conclusive ({percent:.1} %, at least {CONCLUSIVE_PERCENT} %)",
            all.runs, all.failed, all.inconclusive
        )
    }

    fn total(&self) -> Count {
        self.forms.iter().map(|row| row.count).sum()
    }

    /// 1 if a run failed; 2 if too few first attempts were conclusive, if a run stayed inconclusive, or if a scenario or
    /// an entry has not enough runs yet to say anything; 4 without any run.
    pub fn code(&self) -> ExitCode {
        let all = self.total();
        let enough = self.goals.iter().all(|(_, row)| row.is_enough());
        if all.failed > 0 {
            ExitCode::Failed
        } else if all.runs == 0 {
            ExitCode::NothingJudged
        } else if (all.runs - all.inconclusive_first) * 100 < all.runs * CONCLUSIVE_PERCENT
            || all.inconclusive > 0
            || !enough
        {
            ExitCode::Inconclusive
        } else {
            ExitCode::Ok
        }
    }
}

/// A line for each row, below the names of the columns.
fn table<'a>(of: &str, rows: impl Iterator<Item = &'a Row> + Clone, out: &mut dyn Write) -> io::Result<()> {
    let width = rows.clone().map(|row| row.name.len()).max().unwrap_or(0).max(of.len());
    let (doubt, first) = ("inconclusive", "first inconclusive");
    writeln!(out, "{of:width$}  {:>6}  {:>6}  {:>6}  {doubt:>12}  {first:>18}", "runs", "wanted", "failed")?;
    for Row { name, wanted, count } in rows {
        let Count { runs, failed, inconclusive, inconclusive_first } = count;
        writeln!(out, "{name:width$}  {runs:6}  {wanted:6}  {failed:6}  {inconclusive:12}  {inconclusive_first:18}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Of two scenarios with one form each, the first of which is the first to matter.
    fn tallied(counts: &[Count]) -> Tallied {
        let rows = counts.iter().map(|count| Row { name: "kill".into(), wanted: 20, count: *count });
        let goal = |first| Goal { of: Of::Scenario, name: "kill".into(), first, runs: 20, forms: BTreeSet::new() };
        let goals = rows.clone().enumerate().map(|(n, row)| (goal(n == 0), row)).collect();
        Tallied { forms: rows.collect(), goals, others: 3 }
    }

    const GOOD: Count = Count { runs: 20, failed: 0, inconclusive: 0, inconclusive_first: 1 };

    #[test]
    fn a_failure_counts_more_than_doubt_and_doubt_more_than_nothing() {
        assert_eq!(tallied(&[]).code(), ExitCode::NothingJudged);
        assert_eq!(tallied(&[GOOD, GOOD]).code(), ExitCode::Ok, "19 of 20 first attempts are 95 %");
        assert_eq!(tallied(&[GOOD, Count { inconclusive_first: 2, ..GOOD }]).code(), ExitCode::Inconclusive);
        assert_eq!(tallied(&[Count { inconclusive: 1, ..GOOD }]).code(), ExitCode::Inconclusive);
        assert_eq!(tallied(&[GOOD, Count { failed: 1, ..GOOD }]).code(), ExitCode::Failed);
        assert_eq!(tallied(&[Count { runs: 19, inconclusive_first: 0, ..GOOD }]).code(), ExitCode::Inconclusive);
    }

    #[test]
    fn the_end_says_what_is_missing() {
        let mut out = Vec::new();
        let missing = BTreeMap::from([("not simulated: Limit".to_owned(), 2)]);
        tallied(&[GOOD, Count { runs: 7, ..GOOD }]).print(&missing, &mut out).expect("a vector");
        let said = String::from_utf8(out).expect("text");
        for line in [
            "2 forms not applicable: not simulated: Limit",
            "3 runs of other builds, subjects or scenarios are not counted",
            "1 of 1 P0 scenarios have their 20 runs",
            "0 of 1 other scenarios have their 20 runs",
            "0 of 0 P0 entries have their 0 runs",
            "27 runs, 0 failed, 0 inconclusive; 25 first attempts conclusive (92.6 %, at least 95 %)",
        ] {
            assert!(said.lines().any(|is| is == line), "{line} is missing:\n{said}");
        }
    }
}
