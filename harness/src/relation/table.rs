//! The relations by name.

use super::{clock, slow};

/// One relation, as `harness list` and `harness explain` have it.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Its id: `META-CLOCK`.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What exactly is demanded.
    pub definition: &'static str,
    /// The lines of a profile that it needs.
    pub needs: &'static str,
    /// What of the two histories it reads.
    pub looks_at: &'static str,
}

/// All that are built.
pub const RELATIONS: &[Relation] = &[
    Relation {
        id: clock::ID,
        title: "nobody depends on the wall clock",
        definition: "A form whose steps set the wall clock is run a second time with the same seed and with steps of no length. \
            Every invariant and expectation comes out the same, and every delay before a restart, every drain that was cut \
            and the time until a give-up is as long as without, measured on the monotonic clock, but for the measuring error \
            of both runs. In simulation the two histories are equal, event by event.",
        needs: "nothing: the subject is compared with itself",
        looks_at: "the verdicts of both runs, the births and ends of workers, when they were told to leave, and the end of the supervisor; \
            in simulation every event",
    },
    Relation {
        id: slow::ID,
        title: "nobody is punished for time in which nobody ran",
        definition: "A form that stops the supervisor and all its workers for a while is run a second time with the same seed \
            and a pause instead. Every invariant and expectation comes out the same; there are as many restarts and workers \
            that were cut; and every delay before a restart, every drain that was cut and the time until a give-up is as long as \
            without, or longer by as much as everybody was stopped at most, but for the measuring error of both runs. Who is \
            stopped by a signal can't know for how long: where the time that a worker had to leave or to get ready passed \
            meanwhile, a difference says nothing.",
        needs: "nothing: the subject is compared with itself",
        looks_at: "the verdicts of both runs, the births and ends of workers, when they were told to leave, and the end of the supervisor",
    },
];
