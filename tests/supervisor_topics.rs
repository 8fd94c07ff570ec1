//! The real supervisor: what workers share. Each worker is a shell script that passes on what the test writes into its pipe
//! `say.PID`, and keeps what it hears in `heard.PID`.

mod supervisor_support;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use supervisor_support::{Running, events_in, pid, wait_until};

/// `cat` reads the channel in the background, so that it can be stopped alone.
const WORKER: &str = r#"mkfifo say.$$; cat <&$NODE_CHANNEL_FD >heard.$$ & echo $! >reader.$$
    echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec cat <>say.$$ >&$NODE_CHANNEL_FD"#;

/// One worker, as the test sees it.
struct Worker<'a> {
    run: &'a Running,
    pid: i32,
    say: File,
}

impl<'a> Worker<'a> {
    /// The `n`-th that became ready, from 0.
    fn nth(run: &'a Running, n: usize) -> Self {
        let pid = pid(&run.wait_for("ready", n + 1)[n]);
        let say = OpenOptions::new().read(true).write(true).open(run.path(&format!("say.{pid}"))).expect("its pipe");
        Self { run, pid, say }
    }

    fn says(&mut self, message: &Value) {
        self.say.write_all(format!("{message}\n").as_bytes()).expect("it reads");
    }

    fn publishes(&mut self, topic: &str, data: &Value) {
        self.says(&json!({"act": "publish", "topic": topic, "data": data}));
    }

    fn subscribes(&mut self, topics: &[&str]) {
        self.says(&json!({"act": "subscribe", "topics": topics}));
    }

    /// Everything that it heard so far.
    fn heard(&self) -> Vec<Value> {
        events_in(&self.run.path(&format!("heard.{}", self.pid)))
    }

    /// Waits until it has heard this value of a topic; gives everything that it heard.
    fn hears(&self, topic: &str, data: &Value) -> Vec<Value> {
        let update = update(topic, data);
        wait_until(&format!("{update} at {}, which heard {:.300?}", self.pid, self.heard()), || {
            let heard = self.heard();
            heard.contains(&update).then_some(heard)
        })
    }

    /// Stops or continues only that part of it that reads the channel.
    fn reader(&self, signal: Signal) {
        let reader = fs::read_to_string(self.run.path(&format!("reader.{}", self.pid))).expect("its pid");
        kill(Pid::from_raw(reader.trim().parse().expect("a pid")), signal).expect("it lives");
    }
}

fn update(topic: &str, data: &Value) -> Value {
    json!({"act": "update", "topic": topic, "data": data})
}

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn whoever_subscribed_is_told_and_nobody_else() {
    let run = Running::script(&["--workers", "3"], WORKER);
    let [mut teller, mut listener, mut other] = [0, 1, 2].map(|n| Worker::nth(&run, n));
    listener.subscribes(&["prices", "end"]);
    other.subscribes(&["end"]);
    // What is true before somebody subscribes is told first, so whoever hears `end` is subscribed.
    teller.publishes("end", &json!(0));
    for worker in [&listener, &other] {
        worker.hears("end", &json!(0));
    }
    teller.publishes("prices", &json!({"pear": [1.5, "ü"]}));
    listener.hears("prices", &json!({"pear": [1.5, "ü"]}));
    teller.publishes("end", &json!(1));
    assert_eq!(other.hears("end", &json!(1)), [update("end", &json!(0)), update("end", &json!(1))]);
    teller.subscribes(&["end"]);
    assert_eq!(teller.hears("end", &json!(1)), [update("end", &json!(1))], "nothing of its own before it subscribed");
    assert!(run.all("error").is_empty());
    stop(run);
}

#[test]
fn a_worker_that_comes_later_hears_what_is_true_now() {
    let run = Running::script(&["--workers", "2", "--limit", "none"], WORKER);
    let [mut teller, mut victim] = [0, 1].map(|n| Worker::nth(&run, n));
    victim.subscribes(&["prices"]);
    teller.publishes("prices", &json!("old"));
    victim.hears("prices", &json!("old"));
    kill(Pid::from_raw(victim.pid), Signal::SIGKILL).expect("it lives");
    run.wait_for("close", 1);
    teller.publishes("prices", &json!("new"));
    let mut heir = Worker::nth(&run, 2);
    heir.subscribes(&["prices"]);
    assert_eq!(heir.hears("prices", &json!("new")), [update("prices", &json!("new"))]);
    stop(run);
}

/// More than are sent in one turn: the rest must not wait until something else happens.
#[test]
fn a_newcomer_hears_of_all_its_topics() {
    let run = Running::script(&["--workers", "2"], WORKER);
    let [mut teller, mut newcomer] = [0, 1].map(|n| Worker::nth(&run, n));
    let topics: Vec<String> = (0..200).map(|n| format!("t{n}")).collect();
    topics.iter().enumerate().for_each(|(n, topic)| teller.publishes(topic, &json!(n)));
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    teller.subscribes(&names[199..]);
    teller.hears(names[199], &json!(199));
    newcomer.subscribes(&names);
    let heard = newcomer.hears(names[199], &json!(199));
    let expected: Vec<Value> = names.iter().enumerate().map(|(n, topic)| update(topic, &json!(n))).collect();
    assert_eq!(heard, expected);
    stop(run);
}

/// By the pool's configuration, whichever pool the publisher is in.
#[test]
fn a_pool_may_be_subscribed_from_birth() {
    let pool = |fields: &str| format!(r##"(command: ["sh", "-c", r#"{WORKER}"#], workers: 1, {fields})"##);
    let (teller, listener) = (pool(""), pool(r#"subscribe: ["prices"]"#));
    let pools = format!(r#"pools: {{"teller": {teller}, "listener": {listener}}}"#);
    let run = Running::config(&format!(r#"(events: "events", {pools})"#));
    let ready = run.wait_for("ready", 2);
    let place = |pool: &str| ready.iter().position(|event| event["worker"]["pool"] == pool).expect(pool);
    let (mut teller, listener) = (Worker::nth(&run, place("teller")), Worker::nth(&run, place("listener")));
    teller.publishes("prices", &json!(1));
    assert_eq!(listener.hears("prices", &json!(1)), [update("prices", &json!(1))]);
    kill(Pid::from_raw(listener.pid), Signal::SIGKILL).expect("it lives");
    let heir = Worker::nth(&run, 2);
    assert_eq!(heir.hears("prices", &json!(1)), [update("prices", &json!(1))]);
    stop(run);
}

#[test]
fn what_was_published_outlives_its_publisher() {
    let run = Running::script(&["--workers", "2", "--limit", "none"], WORKER);
    let [mut teller, mut listener] = [0, 1].map(|n| Worker::nth(&run, n));
    teller.publishes("prices", &json!("last words"));
    teller.says(&json!({"act": "suicide"}));
    run.wait_for("announce", 1);
    kill(Pid::from_raw(teller.pid), Signal::SIGKILL).expect("it lives");
    run.wait_for("close", 1);
    listener.subscribes(&["prices"]);
    listener.hears("prices", &json!("last words"));
    stop(run);
}

/// The value of a topic that a worker heard last; each value that is heard is newer than the one before.
fn latest(heard: &[Value], topic: &str) -> Option<u64> {
    let values: Vec<u64> = heard.iter().filter(|m| m["topic"] == topic).filter_map(|m| m["data"][0].as_u64()).collect();
    assert!(values.is_sorted(), "{topic}: {values:?}");
    values.last().copied()
}

/// Listeners are killed, stop reading and go on, in an order drawn from a seed, while values change: whoever lives at the
/// end knows the newest of each.
#[test]
fn in_the_end_everybody_who_lives_knows_what_is_true() {
    const TOPICS: [&str; 3] = ["a", "b", "c"];
    let listener =
        r#"workers: 3, limit: None, backoff: (initial: "10ms", cap: "10ms"), subscribe: ["a", "b", "c", "end"]"#;
    let pool = |fields: &str| format!(r##"(command: ["sh", "-c", r#"{WORKER}"#], {fields})"##);
    let pools = format!(r#"pools: {{"teller": {}, "listener": {}}}"#, pool("workers: 1"), pool(listener));
    let run = Running::config(&format!(r#"(events: "events", {pools})"#));
    let ready = run.wait_for("ready", 4);
    let is_teller = |n: &usize| ready[*n]["worker"]["pool"] == "teller";
    let mut teller = Worker::nth(&run, (0..4).find(is_teller).expect("it is ready"));
    let mut listeners: Vec<Worker> = (0..4).filter(|n| !is_teller(n)).map(|n| Worker::nth(&run, n)).collect();
    let mut born = 4;
    let mut seed = 7_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let padding = "x".repeat(5_000);
    let mut current = [None; 3];
    for round in 0..400_u64 {
        let victim = draw(3);
        match draw(20) {
            0 => {
                kill(Pid::from_raw(listeners[victim].pid), Signal::SIGKILL).expect("it lives");
                listeners[victim] = Worker::nth(&run, born);
                born += 1;
            }
            1 | 2 => listeners[victim].reader(Signal::SIGSTOP),
            3 => listeners[victim].reader(Signal::SIGCONT),
            _ => {
                let topic = draw(3);
                teller.publishes(TOPICS[topic], &json!([round, padding]));
                current[topic] = Some(round);
            }
        }
    }
    listeners.iter().for_each(|listener| listener.reader(Signal::SIGCONT));
    teller.publishes("end", &json!("end"));
    for listener in &listeners {
        let heard = listener.hears("end", &json!("end"));
        assert_eq!(TOPICS.map(|topic| latest(&heard, topic)), current);
    }
    stop(run);
}

/// Kilobytes of the supervisor that are in memory.
fn resident(run: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", run.pid())).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[test]
fn one_that_reads_nothing_delays_nobody_and_costs_nothing() {
    const ROUNDS: u64 = 3000;
    let run = Running::script(&["--workers", "3"], WORKER);
    let [mut teller, mut slow, mut quick] = [0, 1, 2].map(|n| Worker::nth(&run, n));
    for worker in [&mut slow, &mut quick] {
        worker.subscribes(&["a", "b", "end"]);
    }
    teller.publishes("end", &json!(0));
    slow.hears("end", &json!(0));
    quick.hears("end", &json!(0));
    slow.reader(Signal::SIGSTOP);
    let before = resident(&run);
    let padding = "x".repeat(10_000);
    for round in 1..=ROUNDS {
        teller.publishes(if round % 2 == 0 { "a" } else { "b" }, &json!([round, padding]));
    }
    teller.publishes("end", &json!(1));
    quick.hears("end", &json!(1));
    let grown = resident(&run).saturating_sub(before);
    assert!(grown < 8 * 1024, "{} kB were published and {grown} kB kept", ROUNDS * 10);
    slow.reader(Signal::SIGCONT);
    let heard = slow.hears("end", &json!(1));
    let mut latest = [0, 0];
    for message in heard.iter().filter(|message| message["topic"] != "end") {
        let (topic, round) = (usize::from(message["topic"] == "b"), message["data"][0].as_u64().expect("a number"));
        assert!(round > latest[topic], "{round} after {}", latest[topic]);
        latest[topic] = round;
    }
    assert_eq!(latest, [ROUNDS, ROUNDS - 1], "the newest of each");
    assert!((heard.len() as u64) < ROUNDS / 4, "{} updates went to one that did not read", heard.len());
    assert!(run.all("error").is_empty());
    stop(run);
}

#[test]
fn what_is_too_much_is_refused_by_name_and_changes_nothing() {
    let run = Running::script(&["--workers", "1"], WORKER);
    let mut worker = Worker::nth(&run, 0);
    worker.publishes("prices", &json!(1));
    worker.publishes("prices", &json!("x".repeat(300_000)));
    worker.says(&json!({"act": "subscribe"}));
    worker.publishes("", &json!(1));
    for topic in 0..256 {
        worker.publishes(&format!("t{topic}"), &json!(topic));
    }
    worker.subscribes(&["prices"]);
    let heard = worker.hears("prices", &json!(1));
    let reasons = [
        r#"the value of topic "prices" has 300002 bytes; at most 262144 are kept"#,
        r#""subscribe": expected "topic":NAME or "topics":[NAME,…]"#,
        "the name of a topic has 1 to 255 bytes, this one has 0",
        r#"topic "t255" would be one too many: there are 256, and no more may be"#,
    ];
    let told: Vec<_> = heard.iter().filter(|message| message["act"] == "error").map(|m| m["reason"].clone()).collect();
    assert_eq!(told, reasons);
    let events = run.wait_for("error", reasons.len());
    for (n, (event, reason)) in events.iter().zip(reasons).enumerate() {
        assert_eq!(event["kind"], "refused");
        assert_eq!(event["text"], format!("{reason} (refused message {})", n + 1));
    }
    stop(run);
}

#[test]
fn a_node_program_says_the_same_words_with_process_send() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("skipped: `node` is not on this machine");
        return;
    }
    let script = r#"exec node -e '
        process.on("message", (message) => {
            require("fs").appendFileSync("heard." + process.pid, JSON.stringify(message) + "\n");
            if (message.data === 1) process.send({act: "publish", topic: "prices", data: {by: "node", half: "\ud800"}});
        });
        process.send({act: "subscribe", topic: "prices"});
        process.send({act: "publish", topic: "prices", data: 1});
        process.send("ready");'"#;
    let run = Running::script(&["--workers", "1"], script);
    let worker = pid(&run.wait_for("ready", 1)[0]);
    let expected = r#"{"act":"update","topic":"prices","data":{"by":"node","half":"\ud800"}}"#;
    wait_until("its own second value", || {
        let heard = fs::read_to_string(run.path(&format!("heard.{worker}"))).unwrap_or_default();
        heard.lines().any(|line| line == expected).then_some(())
    });
    assert!(run.all("error").is_empty());
    stop(run);
}
