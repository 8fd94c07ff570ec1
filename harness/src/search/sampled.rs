//! Lives of the real supervisor in each of which a system call fails: a sample, spread evenly over the calls and the errnos.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::director::Random;
use crate::history::History;
use crate::world::Plan;
use crate::world::real::{self, Strike, Trace, Traced};

use super::ending::{A_WHILE, Ending, FOR_EVER, Life, Struck, ending, unfit};
use super::kernel_calls::{Errno, FIRST, KERNEL_CALLS, KernelCall, kernel_call};

/// A real supervisor that makes more calls than this in a second spins. A tracer lets it make some 20 000 at the most.
const CALLS_PER_SECOND: u64 = 5_000;

/// What is to fail. As text: `sendmsg:EPIPE:17`, `sendmsg:ENOBUFS:17..19`, `sendmsg:ENOBUFS:17+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which call.
    pub call: &'static KernelCall,
    /// How.
    pub errno: Errno,
    /// The first of the supervisor's own that fails, from 1.
    pub nth: u32,
    /// How many do; [`u64::MAX`] is all that follow.
    pub times: u64,
}

/// A life without a failure, to which others are compared.
#[derive(Clone, Debug)]
pub struct Undisturbed(Traced);

/// What became of a life with a failure.
#[derive(Clone, Debug)]
pub enum Sampled {
    /// It was over before the call was made.
    Missed,
    /// It ended so. `told`: the supervisor named the errno.
    Lived {
        /// How it ended.
        ending: Ending,
        /// Whether the supervisor named the errno.
        told: bool,
        /// All that happened.
        history: Box<History>,
    },
}

impl Undisturbed {
    /// Lives it. An `Err` says why such a life can't be had here or tells nothing, in words.
    ///
    /// # Errors
    /// See above.
    pub fn live(plan: &Plan) -> Result<Self, String> {
        if plan.scenario.launch.init {
            return Err("process 1 of a namespace can't be stopped before it begins".to_owned());
        }
        real::can_trace()?;
        let trace = Trace { first: FIRST.to_owned(), strike: None };
        let _pass = real::enter(&plan.scenario);
        let (history, traced) = real::run_traced(plan, trace).map_err(|why| why.to_string())?;
        match unfit(&life(plan, &history, &traced, total(&traced))) {
            Some(why) => Err(why),
            None => Ok(Self(traced)),
        }
    }

    /// How many calls it made, by the kernel's names.
    pub fn calls(&self) -> &BTreeMap<String, u64> {
        &self.0.calls
    }
}

/// Lives with this failure.
///
/// # Errors
/// Why there is no history of it, in words.
pub fn live(plan: &Plan, undisturbed: &Undisturbed, case: Case) -> Result<Sampled, String> {
    let before = undisturbed.0.before.get(case.call.name).map_or(0, |&count| u32::try_from(count).unwrap_or(0));
    let strike = Strike {
        call: case.call.name.to_owned(),
        of: case.call.names(),
        errno: case.errno.name.to_owned(),
        nth: before + case.nth,
        times: u32::try_from(case.times).ok(),
    };
    let trace = Trace { first: FIRST.to_owned(), strike: Some(strike) };
    let _pass = real::enter(&plan.scenario);
    let (history, traced) = real::run_traced(plan, trace).map_err(|why| why.to_string())?;
    if traced.failed == 0 {
        return Ok(Sampled::Missed);
    }
    let struck =
        Struck { calls: case.call.of.to_vec(), times: case.times, errno: (case.errno.number, case.errno.name) };
    let ending = ending(&life(plan, &history, &traced, total(&undisturbed.0)), &struck);
    Ok(Sampled::Lived { ending, told: struck.is_named(&traced.said), history: Box::new(history) })
}

fn total(traced: &Traced) -> u64 {
    traced.calls.values().sum()
}

fn life<'a>(plan: &'a Plan, history: &'a History, traced: &'a Traced, usual: u64) -> Life<'a> {
    let slack = Duration::from_nanos(history.header.slack_ns);
    Life { plan, history, slack, said: &traced.said, calls: total(traced), usual, pace: CALLS_PER_SECOND }
}

/// So many cases for lives in which these calls are made: each with the index of its life. One of each call, then another of
/// each and so on; and of a call each way to fail, in turn.
pub fn sample(lives: &[&BTreeMap<String, u64>], runs: usize, seed: u64) -> Vec<(usize, Case)> {
    let mut random = Random::new(seed);
    let made = |call: &KernelCall| {
        let of = |(index, calls): (usize, &&BTreeMap<String, u64>)| Some((index, *calls.get(call.name)?));
        lives.iter().enumerate().filter_map(of).collect::<Vec<_>>()
    };
    let calls: Vec<_> =
        KERNEL_CALLS.iter().map(|call| (call, made(call))).filter(|(_, made)| !made.is_empty()).collect();
    let count = calls.len();
    let calls = random.draw(calls, count);
    let calls: Vec<_> = calls.into_iter().map(|(call, made)| (call, made, ways(call, &mut random))).collect();
    let rounds = 0..runs.div_ceil(count.max(1));
    let mut cases = Vec::new();
    for round in rounds {
        for (call, made, ways) in &calls {
            let (life, count) = made[random.index(made.len())];
            let (errno, times) = ways[round % ways.len()];
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let nth = u32::try_from(random.index(count) + 1).unwrap_or(u32::MAX);
            cases.push((life, Case { call, errno, nth, times }));
        }
    }
    cases.truncate(runs);
    cases
}

/// Each errno, for as long as its cause may last; in any order.
fn ways(call: &KernelCall, random: &mut Random) -> Vec<(Errno, u64)> {
    let lengths = |errno: &Errno| if errno.lasting { &[1, A_WHILE, FOR_EVER][..] } else { &[1][..] };
    let all: Vec<_> =
        call.errnos.iter().flat_map(|errno| lengths(errno).iter().map(|&times| (*errno, times))).collect();
    let count = all.len();
    random.draw(all, count)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, errno, nth, times } = self;
        write!(f, "{}:{}:{nth}", call.name, errno.name)?;
        match *times {
            FOR_EVER => write!(f, "+"),
            1 => Ok(()),
            times => write!(f, "..{}", u64::from(*nth) + times - 1),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [call, errno, when] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err(
                "expected CALL:ERRNO:WHEN, as in `sendmsg:EPIPE:17`, `clone:EAGAIN:3..5` or `write:ENOSPC:9+`".into()
            );
        };
        let call = kernel_call(call).ok_or_else(|| {
            let names: Vec<_> = KERNEL_CALLS.iter().map(|call| call.name).collect();
            format!("the call `{call}` is not made to fail; expected one of {}", names.join(", "))
        })?;
        let errno = call.errnos.iter().find(|one| one.name == errno).copied().ok_or_else(|| {
            let names: Vec<_> = call.errnos.iter().map(|one| one.name).collect();
            format!("{} does not fail with `{errno}`; expected one of {}", call.name, names.join(", "))
        })?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|&number| number > 0);
        let read = match (when.strip_suffix('+'), when.split_once("..")) {
            (Some(from), _) => number(from).map(|nth| (nth, FOR_EVER)),
            (None, Some((from, to))) => number(from)
                .zip(number(to))
                .filter(|(from, to)| from <= to)
                .map(|(from, to)| (from, u64::from(to - from) + 1)),
            (None, None) => number(when).map(|nth| (nth, 1)),
        };
        let (nth, times) = read
            .ok_or_else(|| format!("`{when}` tells no calls; expected numbers from 1 as in `17`, `17..19`, `17+`"))?;
        Ok(Self { call, errno, nth, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives() -> [BTreeMap<String, u64>; 2] {
        let life = |calls: &[(&str, u64)]| calls.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        [life(&[("ppoll", 500), ("clone", 6), ("close", 9)]), life(&[("ppoll", 40), ("accept4", 90)])]
    }

    #[test]
    fn a_sample_is_spread_evenly_over_calls_and_then_over_their_errnos_and_repeats_with_its_seed() {
        let lives = lives();
        let lives: Vec<_> = lives.iter().collect();
        let cases = sample(&lives, 60, 1);
        assert_eq!((cases.len(), sample(&lives, 60, 1) == cases, sample(&lives, 60, 2) == cases), (60, true, false));
        for name in ["ppoll", "clone", "accept4"] {
            let of: Vec<_> = cases.iter().filter(|(_, case)| case.call.name == name).collect();
            assert_eq!(of.len(), 20, "{name}");
            for errno in kernel_call(name).expect("in the table").errnos {
                assert!(of.iter().any(|(_, case)| case.errno == *errno), "{name} {errno:?}");
            }
            for (life, case) in of {
                assert!((1..=lives[*life][name]).contains(&u64::from(case.nth)), "{case}");
                assert!(case.times == 1 || case.errno.lasting, "{case}");
            }
        }
        assert_eq!(sample(&[], 5, 1), []);
    }

    #[test]
    fn a_case_is_read_as_it_is_written_and_what_is_wrong_with_one_is_said() {
        for text in ["sendmsg:EPIPE:17", "clone:EAGAIN:3..5", "write:ENOSPC:9+"] {
            assert_eq!(text.parse::<Case>().map(|case| case.to_string()).as_deref(), Ok(text));
        }
        for (text, says) in [
            ("sendmsg", "expected CALL:ERRNO:WHEN"),
            ("fork:EAGAIN:1", "expected one of ppoll, "),
            ("clone:EIO:1", "expected one of EAGAIN, ENOMEM"),
            ("clone:EAGAIN:0", "`0` tells no calls"),
            ("clone:EAGAIN:5..3", "`5..3` tells no calls"),
        ] {
            let wrong = text.parse::<Case>().expect_err(text);
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
    }
}
