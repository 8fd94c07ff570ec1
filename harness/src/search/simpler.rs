//! The scenarios that are a little simpler than a given one.

use std::collections::BTreeMap;

use crate::scenario::{Act, Beside, Exit, Life, LifeRecord, Lives, Load, Pool, Scenario, Span, Start, Step, Trigger};

/// Every scenario that has one thing less, the boldest cuts first. They need not be valid.
pub fn simpler(of: &Scenario) -> Vec<Scenario> {
    let mut out = Vec::new();
    out.extend(fewer_steps(&of.steps).into_iter().map(|steps| Scenario { steps, ..of.clone() }));
    out.extend(without_one(&of.load).into_iter().map(|load| Scenario { load, ..of.clone() }));
    out.extend(simpler_lives(&of.lives).into_iter().map(|lives| Scenario { lives, ..of.clone() }));
    out.extend(without_one(&of.beside).into_iter().map(|beside| Scenario { beside, ..of.clone() }));
    out.extend(changed(&of.beside, simpler_beside).into_iter().map(|beside| Scenario { beside, ..of.clone() }));
    out.extend(simpler_pools(&of.pool).into_iter().map(|pool| Scenario { pool, ..of.clone() }));
    out.push(Scenario { start: Start::Steady, ..of.clone() });
    out.extend(changed(&of.load, simpler_loads).into_iter().map(|load| Scenario { load, ..of.clone() }));
    out
}

/// The list without one of its members, and for more than two without either half.
fn without_one<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    if list.len() > 2 {
        let (front, back) = list.split_at(list.len() / 2);
        out.extend([back.to_vec(), front.to_vec()]);
    }
    out.extend((0..list.len()).map(|at| [&list[..at], &list[at + 1..]].concat()));
    out
}

/// The list with one of its members made simpler.
fn changed<T: Clone>(list: &[T], simpler: impl Fn(&T) -> Vec<T>) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    for (at, one) in list.iter().enumerate() {
        for changed in simpler(one) {
            let mut list = list.to_vec();
            list[at] = changed;
            out.push(list);
        }
    }
    out
}

fn fewer_steps(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut out = without_one(steps);
    // A body in the place of what it is the body of.
    for (at, step) in steps.iter().enumerate() {
        if let Some(Act::During { steps: body, .. } | Act::Repeat { steps: body, .. }) = &step.act {
            out.push([&steps[..at], body, &steps[at + 1..]].concat());
        }
    }
    out.extend(changed(steps, simpler_steps));
    out
}

fn simpler_steps(of: &Step) -> Vec<Step> {
    let mut out = vec![
        Step { act: None, name: None, ..of.clone() },
        Step { when: None, within: Step::default().within, must: false, ..of.clone() },
        Step { within: Step::default().within, ..of.clone() },
    ];
    if let Some(Trigger::Any(triggers) | Trigger::All(triggers)) = &of.when {
        out.extend(triggers.iter().map(|one| Step { when: Some(one.clone()), ..of.clone() }));
    }
    if let Some(act) = &of.act {
        out.extend(simpler_acts(act).into_iter().map(|act| Step { act: Some(act), ..of.clone() }));
    }
    out
}

fn simpler_acts(of: &Act) -> Vec<Act> {
    match of {
        Act::Signal { to, signal, .. } => {
            vec![Act::Signal { to: to.clone(), signal: *signal, times: 1, spacing: Span::ZERO }]
        }
        Act::Ask { who, to, .. } => vec![Act::Ask { who: who.clone(), to: to.clone(), spread: Span::ZERO }],
        Act::During { fault, span, steps } => {
            let body = |steps| Act::During { fault: fault.clone(), span: *span, steps };
            fewer_steps(steps).into_iter().map(body).collect()
        }
        Act::Repeat { times, steps } => {
            let body = |steps| Act::Repeat { times: *times, steps };
            let mut out: Vec<Act> = fewer_steps(steps).into_iter().map(body).collect();
            out.push(Act::Repeat { times: 2, steps: steps.clone() });
            out
        }
        Act::OneOf(acts) | Act::Together { acts, .. } => acts.clone(),
        Act::Kill(_) | Act::Operate(_) | Act::Config(_) | Act::StartLoad(_) | Act::StopLoad(_) | Act::Pause(_) => {
            Vec::new()
        }
    }
}

fn simpler_lives(of: &Lives) -> Vec<Lives> {
    let mut out = vec![
        Lives::default(),
        Lives { first: Vec::new(), ..of.clone() },
        Lives { generation: BTreeMap::new(), ..of.clone() },
        Lives { then: Life::Serve, ..of.clone() },
    ];
    // Only from the end: each place is the life of one worker.
    let shorter = of.first.len().saturating_sub(1);
    out.push(Lives { first: of.first[..shorter].to_vec(), ..of.clone() });
    out.extend(changed(&of.first, simpler_life).into_iter().map(|first| Lives { first, ..of.clone() }));
    out.extend(simpler_life(&of.then).into_iter().map(|then| Lives { then, ..of.clone() }));
    out
}

fn simpler_life(of: &Life) -> Vec<Life> {
    let mut out = vec![Life::Serve];
    match of {
        Life::Crash { at, code, after } => {
            out.push(Life::Crash { at: *at, code: *code, after: Span::ZERO });
            out.push(Life::Crash { at: *at, code: 1, after: *after });
        }
        Life::Record(record) => out.extend(simpler_records(record).into_iter().map(Life::Record)),
        _ => {}
    }
    out
}

fn simpler_records(of: &LifeRecord) -> Vec<LifeRecord> {
    vec![
        LifeRecord { boot: Span::ZERO, ..of.clone() },
        LifeRecord { never_ready: false, ..of.clone() },
        LifeRecord { exit: None, ..of.clone() },
        LifeRecord { exit: of.exit.map(|exit| Exit { code: 1, signal: None, ..exit }), ..of.clone() },
        LifeRecord { hang: None, ..of.clone() },
        LifeRecord { retire: Default::default(), ..of.clone() },
        LifeRecord { retire_after: None, ..of.clone() },
        LifeRecord { ignore_term: false, ..of.clone() },
        LifeRecord { slow_stop: Span::ZERO, ..of.clone() },
        LifeRecord { children: Vec::new(), ..of.clone() },
    ]
}

fn simpler_beside(of: &Beside) -> Vec<Beside> {
    let lives = simpler_lives(&of.lives).into_iter().map(|lives| Beside { lives, ..of.clone() });
    let pools = simpler_pools(&of.pool).into_iter().map(|pool| Beside { pool, ..of.clone() });
    lives.chain(pools).collect()
}

fn simpler_pools(of: &Pool) -> Vec<Pool> {
    let mut out: Vec<Pool> = (1..of.workers).map(|workers| Pool { workers, ..of.clone() }).collect();
    out.extend([
        Pool { limit: None, ..of.clone() },
        Pool { stable: None, ..of.clone() },
        Pool { ready_timeout: None, ..of.clone() },
        Pool { owns: Vec::new(), ..of.clone() },
        Pool { lame_duck: Span::ZERO, ..of.clone() },
        Pool { drain: Span::millis(5000), ..of.clone() },
        Pool { drain: Span::millis(1000), ..of.clone() },
    ]);
    // A limit needs delays of which it can be reached.
    if of.limit.is_none() {
        out.push(Pool { backoff: None, ..of.clone() });
    }
    out
}

fn simpler_loads(of: &Load) -> Vec<Load> {
    match of.clone() {
        Load::Probe { every, hold, name, on_demand } => vec![
            Load::Probe { every, hold, name: name.clone(), on_demand: false },
            Load::Probe { every, hold: Span::ZERO, name, on_demand },
        ],
        Load::Hold { connections, per_worker, hold, name, on_demand } => vec![
            Load::Hold { connections, per_worker, hold, name: name.clone(), on_demand: false },
            Load::Hold { connections: 1, per_worker, hold, name, on_demand },
        ],
        Load::Park { connections, per_worker, reuse, name, on_demand } => vec![
            Load::Park { connections, per_worker, reuse, name: name.clone(), on_demand: false },
            Load::Park { connections: 1, per_worker, reuse, name: name.clone(), on_demand },
            Load::Park { connections, per_worker, reuse: None, name, on_demand },
        ],
        other => vec![other],
    }
}
