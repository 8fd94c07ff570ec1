//! Where in a range of offsets something fails.

use std::collections::BTreeMap;

use crate::scenario::Span;

/// What came out at one offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The offset.
    pub offset: Span,
    /// How many runs there were.
    pub runs: u32,
    /// In how many something failed.
    pub failed: u32,
    /// How many stayed inconclusive.
    pub inconclusive: u32,
    /// What failed, and why in the first run in which it did.
    pub because: BTreeMap<String, String>,
}

/// Neighbouring offsets at which something fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first of them.
    pub from: Span,
    /// The last of them.
    pub to: Span,
    /// The last offset before it at which nothing failed; `None`: it begins with the range.
    pub after: Option<Span>,
    /// The first offset behind it at which nothing failed; `None`: it goes on to the end of the range.
    pub before: Option<Span>,
    /// How many offsets it has.
    pub points: usize,
    /// In how many runs of how many something failed.
    pub failed: u32,
    /// All runs in it.
    pub runs: u32,
    /// What failed, and why at the first offset.
    pub because: BTreeMap<String, String>,
}

/// The windows of a sweep, whose points are in the order of their offsets.
pub fn windows(points: &[Point]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    let mut last_good = None;
    let mut open = false;
    for point in points {
        if point.failed == 0 {
            if let Some(window) = windows.last_mut().filter(|_| open) {
                window.before = Some(point.offset);
            }
            (open, last_good) = (false, Some(point.offset));
            continue;
        }
        if !open {
            let (from, to, after) = (point.offset, point.offset, last_good);
            windows.push(Window {
                from,
                to,
                after,
                before: None,
                points: 0,
                failed: 0,
                runs: 0,
                because: BTreeMap::new(),
            });
            open = true;
        }
        if let Some(window) = windows.last_mut() {
            window.to = point.offset;
            window.points += 1;
            window.failed += point.failed;
            window.runs += point.runs;
            for (id, why) in &point.because {
                window.because.entry(id.clone()).or_insert_with(|| why.clone());
            }
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(failed: &[u32]) -> Vec<Point> {
        let point = |(n, failed): (u64, &u32)| Point {
            offset: Span::millis(n * 10),
            runs: 5,
            failed: *failed,
            because: (0..*failed).take(1).map(|_| ("INV-ONCE".to_owned(), format!("at {n}"))).collect(),
            ..Point::default()
        };
        (0..).zip(failed).map(point).collect()
    }

    #[test]
    fn neighbours_are_one_window_and_its_edges_are_where_nothing_failed() {
        let windows = windows(&points(&[0, 0, 1, 5, 0, 0, 2]));
        assert_eq!(windows.len(), 2);
        let first = &windows[0];
        assert_eq!((first.from, first.to), (Span::millis(20), Span::millis(30)));
        assert_eq!((first.after, first.before), (Some(Span::millis(10)), Some(Span::millis(40))));
        assert_eq!((first.points, first.failed, first.runs), (2, 6, 10));
        assert_eq!(first.because["INV-ONCE"], "at 2");
        assert_eq!((windows[1].from, windows[1].before), (Span::millis(60), None));
    }

    #[test]
    fn nothing_that_fails_is_no_window_and_everything_that_fails_has_no_edges() {
        assert_eq!(windows(&points(&[0, 0])), []);
        let all = windows(&points(&[1, 1]));
        assert_eq!((all.len(), all[0].after, all[0].before), (1, None, None));
    }
}
