//! A scenario as a whole.

use serde::{Deserialize, Serialize};

use super::{Beside, Life, Lives, Load, Pool, Signal, Span, Step, Trigger};

/// One scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: what must hold.
    pub title: String,
    /// Ids of the catalogue entries that it guards against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards_against: Vec<String>,
    /// Whether the steps wait for a full pool.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub start: Start,
    /// How the supervisor is started, beyond what is usual.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub launch: Launch,
    /// No other run of the same harness goes on beside it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub alone: bool,
    /// The pool that the supervisor is asked for.
    pub pool: Pool,
    /// What the workers do.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lives: Lives,
    /// Other pools of the same supervisor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// Load that runs from the first step (or from its `StartLoad` step if it says so).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<Load>,
    /// What happens, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What must hold beyond the invariants, which always must.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
    /// Other forms of the same scenario; each is a test of its own beside the plain one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// A step whose offset is swept over a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

/// What a supervisor is started with. Whatever it is, workers are to have what they are promised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// It is process 1 of a pid namespace, as in a container.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub init: bool,
    /// A service manager listens to what it says by sd_notify(3) (NOTIFY_SOCKET).
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub notify: bool,
    /// File mode creation mask, in octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<String>,
    /// Soft limit of open descriptors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nofile: Option<u64>,
    /// Signals that it is started with ignored, as nohup(1) does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignores: Vec<Signal>,
    /// Signals that it is started with blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Signal>,
    /// Descriptors beyond standard error that whoever started it left open.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub leaks: u32,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<(String, String)>,
}

/// Whether the baseline is a full pool or nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// The steps begin when the pool is full; if it never is, the run is inconclusive.
    #[default]
    Steady,
    /// The birth of the supervisor is the first edge; a start that fails is judged.
    AtOnce,
}

/// Something that must hold in this scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Expect {
    /// The supervisor gives up after exactly so many restarts, with such a status.
    GivesUp {
        /// How many restarts before.
        after_restarts: u32,
        /// Its exit status.
        status: StatusIs,
    },
    /// It never gives up.
    NeverGivesUp,
    /// The supervisor ends by itself or by command with such a status.
    Exits {
        /// Its exit status.
        status: StatusIs,
    },
    /// No process, socket or file of the subject is left after its end.
    NothingLeft {
        /// Counted from the supervisor's end.
        within: Span,
    },
    /// Every request of a load had the outcome OK.
    NothingLost {
        /// The load's name.
        load: String,
    },
    /// Connections of this load were cut by the drain deadline, not before and not (much) after.
    CutAtDeadline {
        /// The load's name.
        load: String,
    },
    /// Never fewer ready workers than this from the first step to the stop.
    ReadyAtLeast {
        /// How many.
        workers: u32,
    },
    /// The pool is full again this long after the last fault.
    FullAgain {
        /// Counted from the last fault or command.
        within: Span,
    },
    /// Of the workers that serve all the time, none answers many more requests of a load than another.
    Balanced {
        /// The load's name.
        load: String,
        /// So many more at most.
        within: u32,
    },
    /// So long after a value of a topic was published, or after it became ready, every subscriber has heard the newest
    /// value, and none hears an older one any more.
    Current {
        /// Which.
        topic: String,
        /// How soon.
        within: Span,
    },
    /// An operator who asked was answered so soon.
    Answered {
        /// How soon.
        within: Span,
    },
    /// So much more the supervisor uses at most than before the first step.
    Grows {
        /// The most memory that it ever had, in bytes.
        memory: u64,
        /// The descriptors that it has after the last step.
        descriptors: u32,
    },
    /// While a fault is on the supervisor takes so much of one processor at most.
    Spends {
        /// The share.
        percent: u32,
    },
    /// For each connection of the whole run, workers wake so often at most, all of them together.
    Wakes {
        /// Wake-ups for a connection, on average.
        at_most: u32,
    },
    /// So many births of workers in the whole run.
    Births {
        /// At least.
        #[serde(default, skip_serializing_if = "super::is_default")]
        min: u32,
        /// At most.
        max: u32,
    },
}

/// What an exit status must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusIs {
    /// 0.
    Zero,
    /// Any code but 0, and no signal.
    NonZero,
    /// This code.
    Code(i32),
}

/// Another form of the scenario: the fields it has replace those of the file, whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name; the test is `file::name`.
    pub name: String,
    /// Replaces the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Replaces `guards_against`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guards_against: Option<Vec<String>>,
    /// Replaces `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Replaces `launch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
    /// Replaces `alone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<bool>,
    /// Replaces `pool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Replaces `lives`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives: Option<Lives>,
    /// Replaces `beside`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Vec<Beside>>,
    /// Replaces `load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Vec<Load>>,
    /// Replaces `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// Replaces `expect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Vec<Expect>>,
}

/// A range of offsets for one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Index of the step, from 0.
    pub step: usize,
    /// The smallest offset.
    pub from: Span,
    /// The largest offset.
    pub to: Span,
    /// How many, ends included; at least 2.
    pub points: u32,
}

/// More points than this are no sweep but a typing error.
pub(super) const MOST_POINTS: u32 = 10_000;

impl Sweep {
    /// The offsets, evenly spaced from the smallest to the largest.
    pub fn offsets(&self) -> impl Iterator<Item = Span> {
        let gaps = self.points.saturating_sub(1).max(1);
        let gap = self.to.0.saturating_sub(self.from.0) / gaps;
        let from = self.from.0;
        (0..self.points.min(MOST_POINTS)).map(move |point| Span(from.saturating_add(gap.saturating_mul(point))))
    }
}

impl Scenario {
    /// The plain scenario, each variant, and the plain scenario at each offset of the sweep (`sweep_0`, …), with the
    /// name that it has beside the file's.
    pub fn forms(&self) -> Vec<(Option<String>, Scenario)> {
        let plain = Scenario { variants: Vec::new(), sweep: None, ..self.clone() };
        let mut forms = vec![(None, plain.clone())];
        forms.extend(self.variants.iter().map(|variant| (Some(variant.name.clone()), plain.with(variant))));
        let offsets = self.sweep.iter().flat_map(|sweep| sweep.offsets().map(|offset| (sweep.step, offset)));
        let swept = |(point, (step, offset))| (Some(format!("sweep_{point}")), plain.delayed(step, offset));
        forms.extend(offsets.enumerate().map(swept));
        forms
    }

    /// The same with one step's act so long after whatever it waits for.
    fn delayed(&self, index: usize, offset: Span) -> Scenario {
        let mut steps = self.steps.clone();
        if let Some(step) = steps.get_mut(index) {
            let waits = step.when.replace(Trigger::After(offset));
            step.within = step.within.max(Span(offset.0 + Step::default().within.0));
            if let Some(trigger) = waits.filter(|trigger| !matches!(trigger, Trigger::After(_))) {
                let wait =
                    Step { when: Some(trigger), within: self.steps[index].within, must: step.must, ..Step::default() };
                steps.insert(index, wait);
            }
        }
        Scenario { steps, ..self.clone() }
    }

    fn with(&self, variant: &Variant) -> Scenario {
        let variant = variant.clone();
        Scenario {
            title: variant.title.unwrap_or_else(|| self.title.clone()),
            guards_against: variant.guards_against.unwrap_or_else(|| self.guards_against.clone()),
            start: variant.start.unwrap_or(self.start),
            launch: variant.launch.unwrap_or_else(|| self.launch.clone()),
            alone: variant.alone.unwrap_or(self.alone),
            pool: variant.pool.unwrap_or_else(|| self.pool.clone()),
            lives: variant.lives.unwrap_or_else(|| self.lives.clone()),
            beside: variant.beside.unwrap_or_else(|| self.beside.clone()),
            load: variant.load.unwrap_or_else(|| self.load.clone()),
            steps: variant.steps.unwrap_or_else(|| self.steps.clone()),
            expect: variant.expect.unwrap_or_else(|| self.expect.clone()),
            ..self.clone()
        }
    }
}

impl Default for Lives {
    fn default() -> Self {
        Self { first: Vec::new(), generation: Default::default(), then: Life::Serve }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Act, Command, parse};

    #[test]
    fn a_sweep_is_a_form_for_each_offset() {
        let scenario = parse(
            r#"(
                title: "t",
                pool: (workers: 1),
                steps: [(do: Operate(Reload)), (when: Born, within: "1s", do: Operate(Stop))],
                variants: [(name: "v", steps: [(do: Operate(Stop))])],
                sweep: (step: 1, from: "0s", to: "2s", points: 3),
            )"#,
            "x.ron",
        );
        let forms = scenario.unwrap().forms();
        let names: Vec<_> = forms.iter().map(|(name, _)| name.as_deref().unwrap_or("")).collect();
        assert_eq!(names, ["", "v", "sweep_0", "sweep_1", "sweep_2"]);
        let last = &forms[4].1.steps;
        assert_eq!(last[1].when, Some(Trigger::Born));
        assert_eq!(last[1].act, None);
        assert_eq!(last[2].when, Some(Trigger::After(Span::millis(2000))));
        assert_eq!(last[2].act, Some(Act::Operate(Command::Stop)));
        assert!(forms.iter().all(|(_, form)| form.sweep.is_none() && form.variants.is_empty()));
    }
}
