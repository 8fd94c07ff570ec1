//! What a soak comes to: counts for each form, the goals, and the exit code.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::verdict::ExitCode;

use super::ledger::{Count, Ledger};

/// Of the first attempts at least so many percent must be conclusive.
const CONCLUSIVE_PERCENT: u32 = 95;

/// How many runs of a form are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The form.
    pub form: String,
    /// Whether it guards against an entry of priority P0.
    pub first: bool,
    /// How many.
    pub runs: u32,
}

/// The counts beside the goals.
#[derive(Debug)]
pub struct Tallied {
    rows: Vec<(Goal, Count)>,
    /// Runs in the file that are not counted.
    others: u32,
}

impl Tallied {
    /// The counts of these forms.
    pub fn new(goals: &[Goal], ledger: &Ledger) -> Self {
        let rows = goals.iter().map(|goal| (goal.clone(), ledger.of(&goal.form))).collect();
        Self { rows, others: ledger.others }
    }

    /// A line for each form, then what it comes to.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn print(&self, not_applicable: &BTreeMap<String, usize>, out: &mut dyn Write) -> io::Result<()> {
        let width = self.rows.iter().map(|(goal, _)| goal.form.len()).max().unwrap_or(0).max("form".len());
        writeln!(
            out,
            "{:width$}  {:>6}  {:>6}  {:>6}  {:>12}  {:>18}",
            "form", "runs", "goal", "failed", "inconclusive", "first inconclusive"
        )?;
        for (goal, count) in &self.rows {
            let Count { runs, failed, inconclusive, inconclusive_first } = count;
            writeln!(
                out,
                "{:width$}  {runs:6}  {:6}  {failed:6}  {inconclusive:12}  {inconclusive_first:18}",
                goal.form, goal.runs
            )?;
        }
        for (why, count) in not_applicable {
            writeln!(out, "{count} forms not applicable: {why}")?;
        }
        if self.others > 0 {
            writeln!(out, "{} runs of other commits or subjects are not counted", self.others)?;
        }
        let all = self.total();
        for (name, first) in [("P0", true), ("other", false)] {
            let of: Vec<_> = self.rows.iter().filter(|(goal, _)| goal.first == first).collect();
            let enough = of.iter().filter(|(goal, count)| count.runs >= goal.runs).count();
            let goal = of.iter().map(|(goal, _)| goal.runs).max().unwrap_or(0);
            writeln!(out, "{enough} of {} {name} forms have their {goal} runs", of.len())?;
        }
        let conclusive = all.runs - all.inconclusive_first;
        let percent = f64::from(conclusive) * 100.0 / f64::from(all.runs.max(1));
        writeln!(
            out,
            "{} runs, {} failed, {} inconclusive; {conclusive} first attempts conclusive ({percent:.1} %, at least {CONCLUSIVE_PERCENT} %)",
            all.runs, all.failed, all.inconclusive
        )
    }

    fn total(&self) -> Count {
        self.rows.iter().fold(Count::default(), |sum, (_, count)| Count {
            runs: sum.runs + count.runs,
            failed: sum.failed + count.failed,
            inconclusive: sum.inconclusive + count.inconclusive,
            inconclusive_first: sum.inconclusive_first + count.inconclusive_first,
        })
    }

    /// 1 if a run failed; 2 if too few first attempts were conclusive, if a run stayed inconclusive, or if a form has not
    /// enough runs yet to say anything; 4 without any run.
    pub fn code(&self) -> ExitCode {
        let all = self.total();
        let enough = self.rows.iter().all(|(goal, count)| count.runs >= goal.runs);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tallied(counts: &[Count]) -> Tallied {
        let goal = |first| Goal { form: "kill".into(), first, runs: 20 };
        let rows = counts.iter().enumerate().map(|(n, count)| (goal(n == 0), *count)).collect();
        Tallied { rows, others: 3 }
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
        let missing = BTreeMap::from([("not built: Upgrade".to_owned(), 2)]);
        tallied(&[GOOD, Count { runs: 7, ..GOOD }]).print(&missing, &mut out).expect("a vector");
        let said = String::from_utf8(out).expect("text");
        for line in [
            "2 forms not applicable: not built: Upgrade",
            "3 runs of other commits or subjects are not counted",
            "1 of 1 P0 forms have their 20 runs",
            "0 of 1 other forms have their 20 runs",
            "27 runs, 0 failed, 0 inconclusive; 25 first attempts conclusive (92.6 %, at least 95 %)",
        ] {
            assert!(said.lines().any(|is| is == line), "{line} is missing:\n{said}");
        }
    }
}
