//! What a child of the real kernel is given, and what becomes of it. One kernel per process, so these take turns.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal as Sys;
use nix::unistd::Uid;
use supervisor::core::{ExitStatus, Signal, SpawnError, SpawnStep};
use supervisor::kernel::{
    Address, Child, Clock, Fd, Listen, ListenOptions, Processes, Resource, ResourceLimit, Scope, Setup, SpawnSpec,
    Spawned, Stdio, Streams, Wait, Watch,
};

mod kernel_support;
mod supervisor_support;

use kernel_support::{answer, end_of, kernel, said, shell, spec};
use supervisor_support::{Running, supervisor};

#[test]
fn a_missing_program_is_an_exec_error_and_leaves_nothing() {
    let (_turn, mut kernel) = kernel();
    let open = || fs::read_dir("/proc/self/fd").expect("/proc").count();
    let listener = kernel
        .listen(&Address::Tcp("127.0.0.1:0".parse().expect("an address")), &ListenOptions::backlog(1))
        .expect("bound");
    let before = open();
    for (program, errno) in [("/nonexistent/program", 2), ("no-such-program", 2), ("/etc/passwd", 13), ("/", 13)] {
        // With listeners the child's numbers 3 to 6 are overwritten: a report must survive that.
        let spec = SpawnSpec { fds: vec![listener; 3], ..spec(&[program]) };
        assert_eq!(kernel.spawn(&spec), Err(SpawnError { step: SpawnStep::Exec, errno }), "{program}");
        assert_eq!(kernel.ended(), Ok(None));
    }
    assert_eq!(open(), before, "no descriptor is left");
    let nul = kernel.spawn(&spec(&["a\0b"]));
    assert_eq!(nul, Err(SpawnError { step: SpawnStep::Setup, errno: 22 }));
    kernel.close(listener);
}

#[test]
fn a_program_gets_its_descriptors_and_no_other() {
    let (_turn, mut kernel) = kernel();
    let _strays: Vec<_> = (0..8).map(|_| fs::File::open("/dev/null").expect("there")).collect();
    let address = Address::Tcp("127.0.0.1:0".parse().expect("an address"));
    let fds: Vec<Fd> = (0..3).map(|_| kernel.listen(&address, &ListenOptions::backlog(1)).expect("bound")).collect();
    let (_, text, _) = answer(&mut kernel, &SpawnSpec { fds: fds.clone(), ..shell("exec ls -l /proc/self/fd >&6") });
    let all: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.rsplit_once(" -> "))
        .map(|(left, target)| (left.rsplit(' ').next().unwrap_or(""), target))
        // The directory that ls reads.
        .filter(|(_, target)| !target.starts_with("/proc/"))
        .collect();
    let numbers: Vec<&str> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6"], "{text}");
    assert!(all[3..].iter().all(|(_, target)| target.starts_with("socket:")), "{text}");
    fds.into_iter().for_each(|fd| kernel.close(fd));
}

#[test]
fn a_program_starts_with_clean_signals_in_a_group_of_its_own() {
    let (_turn, mut kernel) = kernel();
    let spec = SpawnSpec {
        listen_pid: true,
        ..spec(&["sh", "-c", "echo $LISTEN_PID >&3; exec cat /proc/self/status /proc/self/stat >&3"])
    };
    let (child, text, status) = answer(&mut kernel, &spec);
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(text.lines().next(), Some(child.0.to_string().as_str()), "LISTEN_PID is right");
    for mask in ["SigBlk:", "SigIgn:"] {
        let line = text.lines().find(|line| line.starts_with(mask)).expect("the line");
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
    let stat = text.lines().last().expect("a line");
    let group = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(2)).expect("field 5");
    assert_eq!(group, child.0.to_string());
}

#[test]
fn statuses_are_told_apart_real_time_signals_included() {
    let (_turn, mut kernel) = kernel();
    assert_eq!(answer(&mut kernel, &shell("exit 7")).2, ExitStatus::Code(7));
    assert_eq!(answer(&mut kernel, &shell("kill -9 $$")).2, ExitStatus::Signal(9));
    assert_eq!(answer(&mut kernel, &shell("kill -36 $$")).2, ExitStatus::Signal(36));
}

#[test]
fn a_death_wakes_the_wait_and_a_group_dies_together() {
    let (_turn, mut kernel) = kernel();
    let Spawned { child, channel, .. } =
        kernel.spawn(&shell("sleep 1000 & sleep 1000 & echo >&3; wait")).expect("it starts");
    let channel = channel.expect("a channel");
    let until = kernel.now() + Duration::from_secs(30);
    let watch = Watch { fd: channel, read: true, write: false };
    let mut ready = Vec::new();
    while ready.is_empty() {
        _ = kernel.wait(&[watch], Some(until), &mut ready);
        kernel.take_signals();
    }
    kernel.signal(child, Signal::Kill.into(), Scope::Group).expect("it lives");
    assert_eq!(said(&mut kernel, channel), "\n", "the end of file: nobody has the other end");
    let mut child_signal = false;
    while !child_signal {
        assert!(kernel.now() < until);
        _ = kernel.wait(&[], Some(until), &mut ready);
        child_signal = kernel.take_signals().child;
    }
    // The sleepers are adopted, in any order with the child.
    while kernel.has_children() {
        assert!(kernel.now() < until);
        if let Some((ended, _)) = kernel.ended().expect("no error") {
            kernel.reap(ended).expect("it is there");
        }
    }
}

#[test]
fn no_descriptor_left_is_an_error_of_the_spawn() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_turn, mut kernel) = kernel();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let open = fs::read_dir("/proc/self/fd").expect("/proc").count() as u64;
    // The count includes the descriptor that counted.
    setrlimit(Resource::RLIMIT_NOFILE, open + 1, hard).expect("lower");
    let refused = kernel.spawn(&shell("exit 0"));
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("as before");
    assert_eq!(refused, Err(SpawnError { step: SpawnStep::Descriptors, errno: 24 }));
    assert_eq!(answer(&mut kernel, &shell("exit 0")).2, ExitStatus::Code(0));
}

#[test]
fn output_goes_to_pipes_of_the_childs_own_or_to_nowhere() {
    let (_turn, mut kernel) = kernel();
    let script = "echo out; echo err >&2; names=$(readlink /proc/$$/fd/1 /proc/$$/fd/2); echo \"$names\" >&3";
    let piped = SpawnSpec { stdout: Stdio::Pipe, stderr: Stdio::Pipe, ..shell(script) };
    let Spawned { child, channel, stdout, stderr, .. } = kernel.spawn(&piped).expect("it starts");
    let (stdout, stderr) = (stdout.expect("a pipe"), stderr.expect("a pipe"));
    assert_eq!(said(&mut kernel, stdout), "out\n");
    assert_eq!(said(&mut kernel, stderr), "err\n");
    let named = said(&mut kernel, channel.expect("a channel"));
    assert!(named.lines().all(|name| name.starts_with("pipe:")), "{named}");
    end_of(&mut kernel, child);

    let null = SpawnSpec { stdout: Stdio::Null, stderr: Stdio::Null, ..shell(script) };
    let Spawned { child, channel, stdout, stderr, .. } = kernel.spawn(&null).expect("it starts");
    assert_eq!((stdout, stderr), (None, None));
    assert_eq!(said(&mut kernel, channel.expect("a channel")), "/dev/null\n/dev/null\n");
    end_of(&mut kernel, child);
}

/// The number lies in the way of whatever the kernel has open there, the pipe itself included.
#[test]
fn the_notification_pipe_has_the_number_that_was_asked_for() {
    let (_turn, mut kernel) = kernel();
    for number in [4, 5, 9, 15, 40] {
        let spec = SpawnSpec { notify_fd: Some(number), ..shell("ls /proc/self/fd >&3; echo yes > /proc/self/fd/$0") };
        let mut spec = spec;
        spec.argv.push(number.to_string().into());
        let Spawned { child, channel, notify, .. } = kernel.spawn(&spec).expect("it starts");
        assert_eq!(said(&mut kernel, notify.expect("a pipe")), "yes\n", "{number}");
        let open = said(&mut kernel, channel.expect("a channel"));
        // ls itself opens the directory at the first free number.
        assert_eq!(open.lines().count(), 6, "0 to 3, {number} and the directory: {open}");
        assert!(open.lines().any(|open| open == number.to_string()), "{open}");
        end_of(&mut kernel, child);
    }
    for taken in [-1, 0, 2, 3, i32::MAX] {
        let refused = kernel.spawn(&SpawnSpec { notify_fd: Some(taken), ..shell("exit 0") });
        assert_eq!(refused, Err(SpawnError { step: SpawnStep::Descriptors, errno: 22 }), "{taken}");
    }
}

#[test]
fn a_failed_exec_is_told_whatever_numbers_the_child_gets() {
    let (_turn, mut kernel) = kernel();
    let open = || fs::read_dir("/proc/self/fd").expect("/proc").count();
    let before = open();
    for number in [4, 5, 6, 7, 8, 9, 10, 11, 12, 20] {
        let spec = SpawnSpec {
            stdout: Stdio::Pipe,
            stderr: Stdio::Pipe,
            notify_fd: Some(number),
            ..spec(&["/nonexistent/program"])
        };
        assert_eq!(kernel.spawn(&spec), Err(SpawnError { step: SpawnStep::Exec, errno: 2 }), "{number}");
    }
    assert_eq!(open(), before, "no end of a pipe is left");
}

#[test]
fn limits_umask_and_directory_are_what_was_asked_for() {
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let limit = |resource, soft| ResourceLimit { resource, soft: Some(soft), hard: Some(soft) };
    let setup = Setup {
        umask: Some(0o027),
        directory: Some(dir.path().to_owned()),
        // Fewer descriptors than the child was given numbers for.
        limits: vec![limit(Resource::Core, 0), limit(Resource::Nofile, 8)],
        ..Setup::default()
    };
    let spec = SpawnSpec { setup, notify_fd: Some(12), ..shell("(umask; pwd; ulimit -c; ulimit -n) >&3") };
    let (_, text, _) = answer(&mut kernel, &spec);
    let home = fs::canonicalize(dir.path()).expect("there");
    assert_eq!(text, format!("0027\n{}\n0\n8\n", home.display()));
}

#[test]
fn whatever_can_not_be_set_up_is_told_with_its_errno() {
    let (_turn, mut kernel) = kernel();
    let refused = |errno| Err(SpawnError { step: SpawnStep::Setup, errno });
    let nowhere = Setup { directory: Some("/nonexistent".into()), ..Setup::default() };
    assert_eq!(kernel.spawn(&SpawnSpec { setup: nowhere, ..shell("exit 0") }), refused(2));
    let nul = Setup { directory: Some("a\0b".into()), ..Setup::default() };
    assert_eq!(kernel.spawn(&SpawnSpec { setup: nul, ..shell("exit 0") }), refused(22));
    // A soft limit above the hard one.
    let limit = ResourceLimit { resource: Resource::Core, soft: Some(2), hard: Some(1) };
    let limits = Setup { limits: vec![limit], ..Setup::default() };
    assert_eq!(kernel.spawn(&SpawnSpec { setup: limits, ..shell("exit 0") }), refused(22));
    assert_eq!(kernel.ended(), Ok(None), "nothing is left of them");
}

#[test]
fn credentials_are_changed_for_good() {
    if !Uid::effective().is_root() {
        eprintln!("skipped: only root may become somebody else");
        return;
    }
    let (_turn, mut kernel) = kernel();
    let setup = Setup { user: Some(1234), group: Some(2345), groups: Some(vec![3456, 4567]), ..Setup::default() };
    let as_somebody = SpawnSpec { setup, ..shell("grep -E '^(Uid|Gid|Groups):' /proc/self/status >&3") };
    let (_, text, _) = answer(&mut kernel, &as_somebody);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        ["Uid:\t1234\t1234\t1234\t1234", "Gid:\t2345\t2345\t2345\t2345", "Groups:\t3456 4567"],
        "real, effective, saved and of the file system"
    );
    let none = Setup { user: Some(1234), groups: Some(Vec::new()), ..Setup::default() };
    let (_, text, _) = answer(&mut kernel, &SpawnSpec { setup: none, ..shell("grep ^Groups: /proc/self/status >&3") });
    assert_eq!(text.trim_end(), "Groups:");
}

/// The request for a signal is lost with a change of credentials, so it has to come after it.
#[test]
fn a_child_with_other_credentials_dies_with_its_supervisor() {
    if !Uid::effective().is_root() {
        eprintln!("skipped: only root may become somebody else");
        return;
    }
    // Who loses its supervisor is adopted by this process, which is one that adopts as soon as it has a kernel.
    let (_turn, mut kernel) = kernel();
    let mut running = Running::config(
        r#"(workers: 1, command: ["sh", "-c", "echo '{\"act\":\"ready\"}' >&3; exec sleep 1000"], events: "events",
            user: 1234, group: 1234, groups: [])"#,
    );
    running.wait_for("ready", 1);
    let worker = u32::try_from(running.pids()[0]).expect("a pid");
    assert_eq!(fs::metadata(format!("/proc/{worker}")).expect("it lives").uid(), 1234);
    running.signal(Sys::SIGKILL);
    running.child.wait().expect("our child");
    assert_eq!(end_of(&mut kernel, Child(worker)), ExitStatus::Signal(Sys::SIGTERM as i32));
}

/// Without standard input, output and error the first descriptors that it opens would become those of its workers.
#[test]
fn a_supervisor_that_was_given_nothing_gives_nothing_of_its_own() {
    // Its children are not to be taken for the kernel's of another test.
    let (_turn, _kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"])
        .arg(supervisor().get_program())
        .args(["run", "--workers", "1", "--listen", "web=127.0.0.1:0", "--events", "events", "--", "sh", "-c"])
        .arg("names=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); echo \"$names\" > names; echo '{\"act\":\"ready\"}' >&4; exec sleep 1000");
    let mut running = Running::start_as_is(command, dir);
    running.wait_for("ready", 1);
    let names = fs::read_to_string(running.path("names")).expect("written");
    assert_eq!(names, "/dev/null\n/dev/null\n/dev/null\n");
    running.signal(Sys::SIGTERM);
    assert_eq!(running.end_code(), 0);
}
