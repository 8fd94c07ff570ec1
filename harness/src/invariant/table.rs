//! The invariants by name.

use crate::verdict::Verdict;

use super::case::Case;
use super::{
    conserve, contain, converge, detect, drain, env, floor, generation, giveup, intensity, isolate, once, output, own,
    reap, serial, stationary, truth,
};

/// One invariant.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// Its id: `INV-FLOOR`.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What exactly is demanded.
    pub definition: &'static str,
    /// The lines of a profile that it is judged against; what it says if they are absent.
    pub needs: &'static str,
    /// What of a history it reads; where that was not observed it has nothing to say.
    pub looks_at: &'static str,
    /// Whether each of several pools is judged by it; else it is about the supervisor as a whole, or about what only the
    /// first one has.
    pub of_each_pool: bool,
    /// Judges one run.
    pub judge: fn(&Case<'_>) -> Verdict,
}

/// All that are built, in the order of a report.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        id: "INV-CONVERGE",
        title: "left in peace, the pool becomes what it should be",
        definition: "Whenever nothing is done to the subject (no fault is active, no command is unfinished, no script \
            makes a worker leave), then after `converge` and the longest delay that the policy allows there are exactly \
            as many ready workers as wanted, every other worker that is alive is on its way out, and it stays so until \
            the next disturbance. If the run ended before that time was over and the pool was not right, nothing is said.",
        needs: "converge; absent: undeclared",
        looks_at: "births, deaths and readiness of workers, orders, faults",
        of_each_pool: true,
        judge: converge::judge,
    },
    Invariant {
        id: "INV-ONCE",
        title: "one replacement for each departure",
        definition: "Whatever the order in which an announcement, the end of a channel and an exit arrive, a worker frees \
            its place once. So the workers that are alive and are not leaving never outnumber the pool for longer than \
            it takes an order to reach a worker; while a rolling restart is going on, `surge` more are allowed, or as many \
            as the scenario's `reload` asks for. Who is told to leave has been leaving for the `rest` of the profile by then.",
        needs: "surge; absent: undeclared; rest; absent: none",
        looks_at: "births and deaths of workers, and what makes them leave",
        of_each_pool: true,
        judge: once::judge,
    },
    Invariant {
        id: "INV-FLOOR",
        title: "enough workers are ready, and probes are answered",
        definition: "At every instant from the first step to the end, the ready workers and the excused gaps together are \
            at least the pool less `max_unavailable`. A gap is excused when a fault or a script made a worker leave, for \
            as long as the policy delays its replacement and the replacement takes to boot (`boot`); a replacement whose \
            own script keeps it from being ready prolongs it. A worker that the supervisor itself told to leave \
            excuses nothing, so a two-phase retirement and a rolling restart never go below the pool, unless the scenario's \
            `reload` asks for it by a surge of 0: then so many may be missing as it may see to at once. When the delay \
            is over, booting and ready workers must reach the pool already. A probe that meets no gap is answered within `reply`; \
            one that meets a gap and still waits at the end has not done so for longer than that since the pool was full again.",
        needs: "max_unavailable, reply; both absent: undeclared",
        looks_at: "readiness and deaths of workers, orders and faults, each connection of a probe",
        of_each_pool: true,
        judge: floor::judge,
    },
    Invariant {
        id: "INV-CONSERVE",
        title: "no connection is lost",
        definition: "Every connection that was established is answered. Excused are: those of a worker that a fault or a \
            script ended while they were open; one connection that nobody had noted for each worker that was killed \
            (it may just have been accepted, unless that worker was frozen); those that a drain deadline cut although they needed longer; those \
            opened after the order to stop, or still queueing then. A refused connection is never excused while the \
            subject claims to hold its listener; one without any answer is excused only while nobody could serve. And nothing is multiplied: what a worker has \
            taken no other is given, unless the first is dead.",
        needs: "universal; holds_listener makes it stricter",
        looks_at: "each connection and who accepted it, deaths of workers, orders and faults",
        of_each_pool: false,
        judge: conserve::judge,
    },
    Invariant {
        id: "INV-DRAIN",
        title: "what a retiring worker holds is finished, within bounds",
        definition: "A worker that announced or was told to leave is gone when the drain deadline and `kill_slack` are \
            over, whatever it or its clients do. What it was answering is not closed before its end or the deadline. \
            Idle connections delay nothing. Nobody who connects after it stopped accepting is served by it, and nobody who connects \
            after it was told to leave is passed to it.",
        needs: "drain, kill_slack; drain absent: undeclared",
        looks_at: "when each worker was told to leave and ended, and each connection that it held",
        of_each_pool: true,
        judge: drain::judge,
    },
    Invariant {
        id: "INV-INTENSITY",
        title: "restarts are limited and spaced",
        definition: "In every window of the limit's length there are at most as many restarts as it allows. Initial \
            starts, rolling restarts and replacements of workers that announced after a stable run cost nothing. No \
            restart comes before the delay that the failures of its place have earned, and none much later; as nobody \
            can tell from outside who replaces whom, it is violated only if every way to pair them violates it.",
        needs: "limit, delay; both absent: undeclared",
        looks_at: "births and deaths of workers, orders and faults",
        of_each_pool: true,
        judge: intensity::judge,
    },
    Invariant {
        id: "INV-GIVEUP",
        title: "it gives up when it must, and only then",
        definition: "When more restarts are needed in a window than the limit allows, the supervisor ends within `give_up` \
            and the drain, with the declared status. A start that fails, because the program is missing for instance, is one. \
            If they never are, it does not give up.",
        needs: "limit, give_up, give_up_status; limit absent: undeclared",
        looks_at: "births and deaths of workers, the end of the supervisor and its status",
        of_each_pool: true,
        judge: giveup::judge,
    },
    Invariant {
        id: "INV-REAP",
        title: "no zombies",
        definition: "A dead child of the supervisor leaves the process table within `reap`, while the supervisor runs. So does \
            a dead process whose parent has ended, if the supervisor is process 1. Time for which the supervisor was frozen does not count.",
        needs: "universal; reap, absent: 250 ms",
        looks_at: "deaths of children and when each left the process table",
        of_each_pool: true,
        judge: reap::judge,
    },
    Invariant {
        id: "INV-CONTAIN",
        title: "nothing outlives the supervisor",
        definition: "Within `orphans` of the supervisor's end (after a kill, when the workers had their drain as well) no \
            process that it started is left and its addresses are free. What a worker started ends with the worker.",
        needs: "universal after a stop; on_supervisor_death after a kill",
        looks_at: "the end of the supervisor, every process that it started and that those started, and its addresses",
        of_each_pool: true,
        judge: contain::judge,
    },
    Invariant {
        id: "INV-SERIAL",
        title: "commands take effect in order, and a stop is final",
        definition: "After the first order to stop nobody is started, and the supervisor ends by the drain deadline and \
            `kill_slack`, whatever else it is told; after a second order it does not wait for the drain. Of rolling restarts \
            one runs and at most one waits; none is carried out twice, and the last one ordered is. An order to replace one worker starts its \
            successor at once, unless that is on its way. An order to which nothing was said, or which was refused while \
            somebody of that pool came or went or a fault was active, counts as given or as not given, whichever is right.",
        needs: "universal for the stop; drain for the second one; rolling_reload for the rest",
        looks_at: "orders, births and ends of workers, the end of the supervisor; a reload that was abandoned by its events alone",
        of_each_pool: true,
        judge: serial::judge,
    },
    Invariant {
        id: "INV-GENERATION",
        title: "a reload is carried out as a whole or not at all",
        definition: "After a reload everybody who stays runs from the configuration that was in place then; if no pool can \
            serve with that one, everybody runs from the one before. Left in peace there is never a mixture. Who is started \
            later, for whatever reason, is started from what serves, and a reload that failed does not spoil the next.",
        needs: "rolling_reload; absent: undeclared",
        looks_at: "which configuration each worker runs from, orders to reload and whether they were to succeed",
        of_each_pool: true,
        judge: generation::judge,
    },
    Invariant {
        id: "INV-DETECT",
        title: "a worker that hangs is found, and no other is taken for one",
        definition: "A ready worker that does nothing any more is dead when the time for which a worker may be silent and \
            `kill_slack` are over, counted afresh if its supervisor was suspended meanwhile. A worker that says that it makes \
            progress, that was kept from it for less than half of that time, or whose supervisor was suspended, is not \
            killed. Where a ready timeout is asked for, the same holds of a worker that is not ready when it is over, and of \
            one that it is not over for, or not yet because of its own word. Where a `handoff_timeout` is asked for, one that \
            never takes what it is passed is dead when that is over.",
        needs: "watchdog; absent: undeclared",
        looks_at: "signs of life of each worker and its death, suspensions",
        of_each_pool: true,
        judge: detect::judge,
    },
    Invariant {
        id: "INV-STATIONARY",
        title: "nothing is kept of what is over, nothing is said without end, and at rest nothing is used",
        definition: "With a full pool and nobody leaving, when many workers have been started since it last was so, the \
            supervisor has no more descriptors and threads than then, but for a few that it may open once. In the \
            second half of what it does its memory does not grow by more than a fixed amount, however many workers are \
            started and connections passed on. From one look to the next it writes no more lines than what happened gives \
            reason for. From the last step to the stop it takes no larger share of a processor than `idle_cpu`, in percent.",
        needs: "universal; idle_cpu for the share of a processor",
        looks_at: "descriptors, threads and time of a processor of the supervisor whenever the pool is full; its memory, and how \
            many lines it has written",
        of_each_pool: false,
        judge: stationary::judge,
    },
    Invariant {
        id: "INV-OUTPUT",
        title: "what workers write comes out, and nobody waits for it",
        definition: "The lines that a worker has written before its death come out once, in their order, whole, and under \
            its own name where they have one. Where the profile says that they may be lost, no write of a worker takes \
            longer than `block`, whoever does not read; lines are missing only from the time while nobody read or the \
            disk was full and `recovers` after it, and where they are missing it is told how many. A log file that was moved away is left alone `recovers` after the order \
            to open another. Where it says that a \
            worker waits, nothing is missing. Excused are lines that a supervisor held when it was ended by force.",
        needs: "outputs; absent: undeclared",
        looks_at: "every line that a worker wrote, when, and every line that came out",
        of_each_pool: false,
        judge: output::judge,
    },
    Invariant {
        id: "INV-ISOLATE",
        title: "nothing that a worker does ends the supervisor, or keeps its operator from it",
        definition: "The supervisor is the same process from start to end, unless a command, a fault aimed at it, or a \
            give-up ends it, or a signal by its default action that came within `handlers` of its birth, and with which \
            neither blocked nor ignored it was started. Where it has a control socket and its first worker is ready: whoever asks there \
            how everybody is gets an answer within `control`, and nobody who orders something is turned away without a word, but for \
            the time of a fault that hinders it.",
        needs: "universal; handlers, absent: no signal comes too early; control",
        looks_at: "the birth and the end of the supervisor, orders and faults, what operators hear",
        of_each_pool: false,
        judge: isolate::judge,
    },
    Invariant {
        id: "INV-ENV",
        title: "workers are started with what they are to have, and nothing else",
        definition: "At its first instruction a worker has the users, groups, capabilities, umask, limits, working directory and \
            environment variables that its supervisor was started with, or what the `identity` of its pool says in their place, \
            no signal blocked or ignored (SIGPIPE apart, which \
            runtimes ignore themselves), and standard input, output and error alone, but for what `environment` \
            declares: descriptors that are passed, variables that are added, a process group of its own.",
        needs: "environment; absent: undeclared",
        looks_at: "what each worker finds at its first instruction",
        of_each_pool: true,
        judge: env::judge,
    },
    Invariant {
        id: "INV-OWN",
        title: "what only one may have has one owner, and strangers are left in peace",
        definition: "While a supervisor runs, the listening socket of its address, its control socket, its other sockets and its \
            pid file are the same from look to look: the inode of the socket and of the file, and the text. A second one that \
            is started beside it ends within 5 s with the status `second_start`, and changes none of them. What is somebody \
            else's is not removed. Only its owner may write to the control socket. What nobody alive has, a socket without a \
            listener or a pid file whatever it says, keeps \
            nobody from starting. A process that has nothing to do with the subject, in its process group or with a pid that \
            was a worker's, gets no signal.",
        needs: "universal; second_start, absent: any but 0; holds_listener for the address",
        looks_at: "inodes of sockets and files at each look, other supervisors and bystanders, the signals that these get",
        of_each_pool: false,
        judge: own::judge,
    },
    Invariant {
        id: "INV-TRUTH",
        title: "what it says is so",
        definition: "The exit status tells a stop from a give-up as declared. Where the supervisor's own events are \
            attached: no worker is called ready before it is, and none is said to have ended otherwise than it did. A pid file names the \
            supervisor as soon as one of its workers is ready. A service manager (NOTIFY_SOCKET) is told by the supervisor alone, \
            and within 500 ms: READY=1 with its pid when the pool is full, not before; RELOADING=1 with the instant of a \
            reload, and READY=1 after it; STOPPING=1 before it ends by its own or by order, and not otherwise; and WATCHDOG=1 in every \
            interval that it is started with (WATCHDOG_USEC). An operator who asks on the control socket is told of every worker that serves \
            and of none whose death was to be known, and an order is called done when its successor serves (of a whole pool, when nobody serves \
            who was there before).",
        needs: "stop_status, give_up_status; notify where a scenario listens",
        looks_at: "the exit status, the events of the supervisor if they are attached, its pid file, and what it tells a service manager \
            and operators",
        of_each_pool: false,
        judge: truth::judge,
    },
];

/// One by its id, with or without `INV-`, in any case.
pub fn find(id: &str) -> Option<&'static Invariant> {
    let bare = |id: &str| id.to_ascii_uppercase().trim_start_matches("INV-").to_owned();
    INVARIANTS.iter().find(|one| bare(one.id) == bare(id))
}
