use super::super::testing::{Fake, pool};
use super::*;

const WORKER: WorkerId = WorkerId { pool: 0, slot: 2, generation: 7 };

const OUT: Fd = Fd(50);
const ERR: Fd = Fd(51);

/// The supervisor's standard error.
const OWN: Fd = Fd(2);

/// Writing ends up in files.
fn files(stderr: Option<&str>) -> Output {
    Output::Files { stdout: "out.log".into(), stderr: stderr.map(Into::into) }
}

struct Bench {
    kernel: Fake,
    outputs: Outputs,
    errors: Outlet,
}

impl Bench {
    /// A worker whose output goes there; files that are opened are 60, 61 and so on.
    fn new(output: Output) -> Self {
        let mut kernel = Fake::new(vec![]);
        kernel.appends = (60..64).map(|fd| Ok(Fd(fd))).collect();
        let pools = [PoolConfig { output, ..pool("web") }];
        let mut outputs = Outputs::default();
        outputs.configure(&mut kernel, &pools).expect("opened");
        outputs.adopt(&mut kernel, WORKER, &pools[0], [Some(OUT), Some(ERR)]);
        Self { kernel, outputs, errors: Outlet::new(OWN, None) }
    }

    /// What comes out of a pipe in one turn.
    fn writes(&mut self, fd: Fd, parts: &[&'static str]) {
        self.kernel.reads = parts.iter().copied().collect();
        self.outputs.serve(&mut self.kernel, fd, &mut [0; 1024], Some(&mut self.errors));
        self.flush();
    }

    fn flush(&mut self) {
        self.outputs.flush(&mut self.kernel, Some(&mut self.errors));
    }

    fn ends(&mut self, worker: WorkerId) {
        self.outputs.ended(&mut self.kernel, worker, &mut [0; 1024], Some(&mut self.errors));
        self.flush();
    }

    fn written(&self, fd: i32) -> &str {
        self.kernel.written_to.get(&Fd(fd)).map_or("", String::as_str)
    }

    /// Descriptors that are watched for reading, and for writing.
    fn watched(&self) -> (Vec<i32>, Vec<i32>) {
        let mut watches = Vec::new();
        self.outputs.watches(&mut watches);
        let of = |wanted: fn(&Watch) -> bool| watches.iter().filter(|w| wanted(w)).map(|w| w.fd.0).collect();
        (of(|watch| watch.read), of(|watch| watch.write))
    }
}

#[test]
fn lines_go_where_the_pool_wants_them_with_or_without_names() {
    let mut bench = Bench::new(Output::Prefixed);
    bench.writes(OUT, &["one\ntw", "o\n"]);
    bench.writes(ERR, &["three\n"]);
    assert_eq!((bench.written(1), bench.written(2)), ("web/2.7 | one\nweb/2.7 | two\n", "web/2.7 | three\n"));
    let mut bench = Bench::new(files(Some("err.log")));
    bench.writes(OUT, &["one\n"]);
    bench.writes(ERR, &["two\n"]);
    assert_eq!((bench.written(60), bench.written(61)), ("one\n", "two\n"));
    let mut bench = Bench::new(files(None));
    bench.writes(OUT, &["one\n"]);
    bench.writes(ERR, &["two\n"]);
    assert_eq!(bench.written(60), "one\ntwo\n", "one file for both");
    for output in [Output::Inherit, Output::Null] {
        assert_eq!(Bench::new(output).watched().0, [0; 0], "nothing is read");
    }
}

#[test]
fn a_file_or_standard_output_is_opened_once_however_many_write_there() {
    let mut bench = Bench::new(files(None));
    let other = PoolConfig { output: files(None), ..pool("web") };
    bench.outputs.adopt(&mut bench.kernel, WorkerId { slot: 3, ..WORKER }, &other, [Some(Fd(52)), Some(Fd(53))]);
    bench.writes(Fd(53), &["one\n"]);
    assert_eq!((bench.written(60), bench.kernel.appends.len()), ("one\n", 3));
    let another = PoolConfig { output: Output::Files { stdout: "new.log".into(), stderr: None }, ..pool("web") };
    bench.outputs.adopt(&mut bench.kernel, WorkerId { slot: 6, ..WORKER }, &another, [Some(Fd(56)), None]);
    bench.writes(Fd(56), &["two\n"]);
    assert_eq!(bench.written(61), "two\n");
    let prefixed = PoolConfig { output: Output::Prefixed, ..pool("web") };
    for slot in [4, 5] {
        bench.outputs.adopt(
            &mut bench.kernel,
            WorkerId { slot, ..WORKER },
            &prefixed,
            [Some(Fd(50 + slot.cast_signed())), None],
        );
    }
    assert_eq!(bench.outputs.outlets.len(), 3);
}

#[test]
fn a_file_that_can_not_be_opened_is_named() {
    let mut kernel = Fake::new(vec![]);
    kernel.appends = [Ok(Fd(60))].into();
    let pools = [PoolConfig { output: files(Some("err.log")), ..pool("web") }];
    assert_eq!(Outputs::default().configure(&mut kernel, &pools), Err((Path::new("err.log"), Errno::NOSPC)));
}

#[test]
fn what_is_not_kept_has_a_reason() {
    let unkept = |output| Bench::new(output).outputs.unkept(0).map(|why| why.contains("output: "));
    assert_eq!([unkept(Output::Inherit), unkept(Output::Null)], [Some(true); 2]);
    assert_eq!([unkept(Output::Prefixed), unkept(files(None))], [None; 2]);
    assert_eq!(Bench::new(Output::Null).outputs.unkept(1), None);
    let mut changed = Bench::new(Output::Null);
    let prefixed = PoolConfig { output: Output::Prefixed, ..pool("web") };
    changed.outputs.configure(&mut changed.kernel, std::slice::from_ref(&prefixed)).expect("nothing to open");
    assert!(changed.outputs.unkept(0).is_some(), "those that run write where they did");
    changed.outputs.adopt(&mut changed.kernel, WORKER, &prefixed, [None, None]);
    assert_eq!(changed.outputs.unkept(0), None);
}

#[test]
fn what_was_written_is_kept_for_those_who_ask() {
    let mut bench = Bench::new(Output::Prefixed);
    bench.writes(OUT, &["one\n"]);
    bench.writes(ERR, &["two\n"]);
    let kept = bench.outputs.logs.last(9, |_| true);
    let shown: Vec<_> = kept.iter().map(|line| (line.worker, line.stream, line.text.as_str())).collect();
    assert_eq!(shown, [(WORKER, Stream::Stdout, "one"), (WORKER, Stream::Stderr, "two")]);
}

#[test]
fn a_pipe_that_ends_is_closed_with_the_line_that_has_no_end() {
    let mut bench = Bench::new(files(None));
    bench.writes(OUT, &["half"]);
    assert_eq!((bench.watched().0, bench.written(60)), (vec![50, 51], ""));
    bench.writes(OUT, &[""]);
    assert_eq!((bench.watched().0, bench.written(60)), (vec![51], "half\n"));
    assert_eq!(*bench.kernel.log.borrow(), ["close 50"]);
    bench.writes(OUT, &["nobody's\n"]);
    assert_eq!(bench.kernel.reads.len(), 1, "it is not read any more");
}

#[test]
fn one_turn_takes_a_part_and_the_last_one_what_a_dead_worker_has_left() {
    let mut bench = Bench::new(files(None));
    bench.writes(OUT, &["x\n"; 64]);
    assert_eq!(bench.written(60).lines().count(), READS_PER_TURN);
    bench.outputs.pipes.remove(&ERR);
    bench.ends(WorkerId { generation: 8, ..WORKER });
    assert_eq!(bench.watched().0, [50], "another one's end");
    bench.ends(WORKER);
    assert_eq!(bench.written(60).lines().count(), READS_PER_TURN + LAST_READS);
    assert_eq!((bench.watched().0, bench.kernel.log.borrow().clone()), (vec![], vec!["close 50".to_owned()]));
}

#[test]
fn what_does_not_fit_is_waited_for_and_what_is_lost_is_told() {
    let mut bench = Bench::new(files(None));
    bench.kernel.writes = [Err(Errno::NOSPC), Err(Errno::AGAIN)].into();
    bench.writes(OUT, &["one\n"]);
    assert_eq!((bench.written(60), bench.watched().1), ("", vec![60]), "the loss waits to be told");
    bench.outputs.writable(Fd(61));
    bench.flush();
    assert_eq!(bench.written(60), "");
    bench.outputs.writable(Fd(60));
    bench.writes(OUT, &["two\n"]);
    assert_eq!(bench.written(60), "supervisor: 1 lines were lost here\ntwo\n");
}

#[test]
fn files_are_opened_again_and_everything_is_closed_at_the_end() {
    let mut bench = Bench::new(files(Some("err.log")));
    bench.kernel.appends = [Err(Errno::NOSPC), Ok(Fd(70))].into();
    assert_eq!(bench.outputs.reopen(&mut bench.kernel), Err(Errno::NOSPC));
    bench.writes(OUT, &["one\n"]);
    bench.writes(ERR, &["two\n"]);
    assert_eq!((bench.written(60), bench.written(70)), ("one\n", "two\n"), "the first stays, the second is new");
    bench.outputs.close(&mut bench.kernel);
    assert_eq!(*bench.kernel.log.borrow(), ["close 61", "close 50", "close 51", "close 60", "close 70"]);
}

#[test]
fn want_of_memory_loses_nothing_unless_it_lasts() {
    let mut bench = Bench::new(files(None));
    bench.kernel.failures = [Errno::NOMEM].into();
    bench.writes(OUT, &["one\n"]);
    assert_eq!((bench.written(60), bench.watched().0), ("", vec![50, 51]));
    bench.writes(OUT, &["one\n"]);
    assert_eq!(bench.written(60), "one\n");
    bench.kernel.failures = [Errno::NOBUFS; 7].into();
    (0..7).for_each(|_| bench.writes(OUT, &[]));
    assert_eq!(bench.watched().0, [50, 51]);
    bench.kernel.failures = [Errno::NOBUFS].into();
    bench.writes(OUT, &[]);
    assert_eq!(bench.watched().0, [51]);
    bench.kernel.failures = [Errno::NOMEM].into();
    bench.kernel.reads = ["last\n"].into();
    bench.ends(WORKER);
    assert_eq!(bench.written(60), "one\nlast\n", "there is no later turn");
}
