//! Runs mutants as real processes beside one busy loop per processor: they must still be caught there.
//! `beside-burner [TIMES [NAME…]]` runs each of them so often, three of them if none are named. It wants `harness` and
//! `puppet` beside itself, and exits 1 if one is not caught. Histories of what went wrong are in `beside-burner.histories`
//! there.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use mutants::real::{self, Place};
use mutants::{Mutant, find};

/// Each needs the harness to see something else: a process that is not there, one that is too long there, a status.
const CHOSEN: [&str; 3] = ["no-restart", "one-reap-per-sigchld", "gives-up-with-status-0"];

/// How often each is run, if nothing is said.
const TIMES: u32 = 1;

/// What a burner is called with.
const BURN: &str = "--burn";

fn main() -> ExitCode {
    let own = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if find(name).is_some() {
        return mutants::program::main();
    }
    if std::env::args().nth(1).as_deref() == Some(BURN) {
        burn();
    }
    let mut arguments = std::env::args().skip(1);
    let times = arguments.next().map_or(Ok(TIMES), |times| times.parse());
    let names: Vec<String> = arguments.collect();
    let mutants: Option<Vec<&Mutant>> = if names.is_empty() {
        CHOSEN.into_iter().map(find).collect()
    } else {
        names.iter().map(|name| find(name)).collect()
    };
    let (Ok(times), Some(mutants)) = (times, mutants) else {
        eprintln!("usage: beside-burner [TIMES [NAME…]]");
        return ExitCode::from(64);
    };
    match all(times, &mutants) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(70)
        }
    }
}

/// Works until nobody is left who would end it.
fn burn() -> ! {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        for number in 0..10_000_000_u64 {
            std::hint::black_box(number);
        }
    }
    std::process::exit(0)
}

fn all(times: u32, mutants: &[&Mutant]) -> Result<bool, String> {
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let beside = |name: &str| {
        let path = own.with_file_name(name);
        path.is_file()
            .then_some(path)
            .ok_or(format!("{name} is not beside this program; run `cargo build`, or `cargo build --release`, first"))
    };
    let (harness, puppet) = (beside("harness")?, beside("puppet")?);
    let histories = own.with_file_name("beside-burner.histories");
    let place = Place { harness: &harness, puppet: &puppet, histories: &histories };
    let _burners = Burners::start(&own)?;
    let mut good = true;
    for mutant in mutants {
        let (mut caught, mut at_once) = (0, 0);
        for _ in 0..times {
            match real::must_be_caught(mutant, place) {
                Ok(attempt) => {
                    caught += 1;
                    at_once += u32::from(attempt == 1);
                }
                Err(why) => println!("{}: {why}", mutant.name),
            }
        }
        good &= caught == times;
        let Mutant { name, caught_by, scenario, .. } = mutant;
        println!("{name}: caught by {caught_by} in {scenario}: {caught} of {times}, {at_once} at the first attempt");
    }
    Ok(good)
}

/// One busy loop per processor, ended when this is dropped, or by themselves when this program is gone.
struct Burners(Vec<Child>);

impl Burners {
    fn start(own: &Path) -> Result<Self, String> {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let mut burners = Self(Vec::new());
        for _ in 0..count {
            let child = Command::new(own).arg(BURN).stdin(Stdio::null()).spawn().map_err(|why| why.to_string())?;
            burners.0.push(child);
        }
        Ok(burners)
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended; then there is nothing to do.
            _ = child.kill();
            _ = child.wait();
        }
    }
}
