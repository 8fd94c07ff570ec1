//! One history as a picture: a page that needs nothing beside itself.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::history::{Conn, History, Outcome, Timeline, Worker};
use crate::time::Time;
use crate::verdict::Verdict;

use super::Judged;
use super::junit::escaped;

/// Where the lanes begin, and how wide they are, in pixels.
const LEFT: f64 = 190.0;
const WIDTH: f64 = 1200.0;
const LANE: f64 = 20.0;
/// So many connections are drawn at most; a picture with more is slow and shows no more.
const DRAWN: usize = 4000;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:1.5em}svg{font:11px system-ui,sans-serif;background:#fff}\
.boot{fill:#f0c36d}.serve{fill:#7fb77e}.leave{fill:#8fb3d9}.supervisor{fill:#999}.frozen{fill:#5b5ea6}.fault{fill:#c9a0dc}\
.ok{fill:#2d6a4f}.lost{fill:#d00000}.mark{stroke:#555;stroke-dasharray:2 3}.fail{stroke:#d00000;stroke-width:2}\
.tick{stroke:#ddd}table{border-collapse:collapse;margin-top:1em}td{padding:.15em .8em;vertical-align:top}\
tr.Fail td{background:#ffd6d6}tr.Inconclusive td{background:#fff3c4}tr.quiet td{color:#777}";

/// Writes the page: lanes for the supervisor, the faults and each worker, a dot for each connection at its end in the
/// lane of the worker that had it, lines for steps and for violations, and what every invariant says.
///
/// # Errors
/// Whatever the writer says.
pub fn html(history: &History, findings: &[Judged], out: &mut dyn Write) -> io::Result<()> {
    let header = &history.header;
    let title =
        escaped(&format!("{} on {} ({}, seed {})", header.scenario_name, header.subject, header.world, header.seed));
    let picture = Picture::of(history, findings);
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>")?;
    writeln!(out, "<style>{STYLE}</style></head><body>\n<h1>{title}</h1>")?;
    writeln!(out, "{}", picture.svg)?;
    writeln!(
        out,
        "<p>Workers: <b style=\"color:#c09030\">booting</b>, <b style=\"color:#4f8f4e\">serving</b>, \
         <b style=\"color:#5f83a9\">leaving</b>. Dots are connections at their end, red ones were lost. Dashed lines are \
         steps, red lines violations. Point at anything to read more.</p>"
    )?;
    writeln!(out, "<table>")?;
    findings.iter().try_for_each(|judged| row(judged, out))?;
    writeln!(
        out,
        "</table>\n<details><summary>Scenario</summary><pre>{}</pre></details>",
        escaped(&header.scenario).replace("&#10;", "\n")
    )?;
    writeln!(out, "</body></html>")
}

fn row(judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    let (class, word, text) = match &judged.finding.verdict {
        Verdict::Pass { measured } => ("Pass", "pass", measured.clone()),
        Verdict::Fail { at, because, expected, actual } => {
            ("Fail", "FAIL", format!("at {at}: {because}; expected {expected}; actual {actual}"))
        }
        Verdict::Inconclusive { why } => ("Inconclusive", "????", why.clone()),
        Verdict::NotApplicable { why } => ("quiet", "n/a", why.clone()),
        Verdict::Undeclared => ("quiet", "--", "the subject's profile promises nothing".to_owned()),
    };
    let id = escaped(&judged.finding.id);
    writeln!(out, "<tr class=\"{class}\"><td>{word}</td><td>{id}</td><td>{}</td></tr>", escaped(&text))
}

/// The drawing, lane by lane.
struct Picture {
    svg: String,
    from: Time,
    span: f64,
}

impl Picture {
    fn of(history: &History, findings: &[Judged]) -> Self {
        let line = Timeline::read(history);
        let from = history.events.iter().map(|event| event.when.earliest()).min().unwrap_or_default();
        let span = (line.until.since(from).as_nanos() as f64).max(1.0);
        let mut picture = Self { svg: String::new(), from, span };
        let lanes = line.workers.len() + line.faults.len() + line.supervisors.len() + 1;
        let height = LANE * (lanes as f64 + 3.0);
        _ = write!(picture.svg, "<svg width=\"{}\" height=\"{height}\">", LEFT + WIDTH + 20.0);
        picture.axis(height);
        let mut y = LANE * 1.5;
        for one in &line.supervisors {
            picture.lane(y, &format!("supervisor {}", one.proc.pid));
            let end = one.exited.map_or(line.until, |(at, _)| at);
            let told = one.exited.map_or(String::new(), |(at, status)| format!(", ended at {at}: {status:?}"));
            picture.bar(y, "supervisor", one.born, end, &format!("born at {}{told}", one.born));
            y += LANE;
        }
        for fault in &line.faults {
            picture.lane(y, &shortened(fault.fault));
            let class = if fault.fault.starts_with("Freeze") { "frozen" } else { "fault" };
            picture.bar(y, class, fault.from, fault.until.min(line.until), fault.fault);
            y += LANE;
        }
        let first = y;
        for (index, worker) in line.workers.iter().enumerate() {
            picture.worker(y, index, worker, line.until);
            y += LANE;
        }
        picture.lane(y, "nobody's");
        let every = line.connections.len().div_ceil(DRAWN).max(1);
        // Whatever was lost is drawn, of the others as many as fit.
        let drawn = line.connections.iter().enumerate();
        for (_, conn) in drawn.filter(|(index, conn)| index % every == 0 || conn.record.outcome != Outcome::Ok) {
            picture.connection(conn.owner.map_or(y, |owner| first + LANE * owner as f64), conn);
        }
        for (at, _, said) in &line.steps {
            picture.mark("mark", *at, height, said);
        }
        for judged in findings {
            if let Verdict::Fail { at, because, .. } = &judged.finding.verdict {
                picture.mark("fail", *at, height, &format!("{}: {because}", judged.finding.id));
            }
        }
        picture.svg.push_str("</svg>");
        picture
    }

    /// Where an instant is.
    fn x(&self, at: Time) -> f64 {
        LEFT + (at.since(self.from).as_nanos() as f64 / self.span).min(1.0) * WIDTH
    }

    /// A line every tenth of the run.
    fn axis(&mut self, height: f64) {
        for tenth in 0..=10 {
            let x = LEFT + WIDTH * f64::from(tenth) / 10.0;
            let millis = self.span * f64::from(tenth) / 10.0 / 1e6;
            _ = write!(self.svg, "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"14\" y2=\"{height}\"/>");
            _ = write!(self.svg, "<text x=\"{x:.1}\" y=\"11\" text-anchor=\"middle\">{millis:.0} ms</text>");
        }
    }

    fn lane(&mut self, y: f64, name: &str) {
        _ = write!(self.svg, "<text x=\"4\" y=\"{:.1}\">{}</text>", y + LANE * 0.7, escaped(name));
    }

    fn bar(&mut self, y: f64, class: &str, from: Time, until: Time, said: &str) {
        let (x, end) = (self.x(from), self.x(until));
        _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            y + 2.0,
            (end - x).max(1.0),
            LANE - 4.0,
            escaped(said)
        );
    }

    fn worker(&mut self, y: f64, index: usize, worker: &Worker, until: Time) {
        self.lane(y, &format!("{}: pid {}, generation {}", index + 1, worker.proc.pid, worker.generation));
        let (born, died) = (worker.born.latest(), worker.dead_for_sure().min(until));
        let ended = worker.status.map_or(String::new(), |status| format!(", ended {status:?}"));
        let said = format!("worker {} (pid {}){ended}", index + 1, worker.proc.pid);
        let ready = worker.ready.unwrap_or(died).min(died);
        let left = worker.retires().unwrap_or(died).clamp(ready, died.max(ready));
        self.bar(y, "boot", born, ready, &format!("{said}: booting from {born}"));
        if worker.ready.is_some() {
            self.bar(y, "serve", ready, left, &format!("{said}: ready at {ready}"));
        }
        if worker.retires().is_some() {
            self.bar(y, "leave", left, died, &format!("{said}: leaving from {left}"));
        }
    }

    fn connection(&mut self, y: f64, conn: &Conn<'_>) {
        let record = conn.record;
        let class = if matches!(record.outcome, Outcome::Ok | Outcome::Dropped) { "ok" } else { "lost" };
        let radius = if class == "ok" { 1.5 } else { 4.0 };
        _ = write!(
            self.svg,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>connection {} of {}: {:?}, tried at {}, ended at {}</title></circle>",
            self.x(record.ended),
            y + LANE / 2.0,
            record.id,
            escaped(&record.load),
            record.outcome,
            record.tried,
            record.ended
        );
    }

    fn mark(&mut self, class: &str, at: Time, height: f64, said: &str) {
        let x = self.x(at);
        _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"14\" y2=\"{height}\"><title>{}</title></line>",
            escaped(&format!("{at}: {said}"))
        );
    }
}

/// As much of a name as fits beside a lane.
fn shortened(name: &str) -> String {
    const FITS: usize = 28;
    if name.chars().count() <= FITS { name.to_owned() } else { name.chars().take(FITS - 1).chain(['…']).collect() }
}
