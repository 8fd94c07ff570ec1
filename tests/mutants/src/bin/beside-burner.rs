//! Runs three mutants as real processes beside one busy loop per processor: they must still be caught there.
//! `beside-burner` wants `harness` and `puppet` beside itself, and exits 1 if one is not caught.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use mutants::{find, real};

/// Each needs the harness to see something else: a process that is not there, one that is too long there, a status.
const CHOSEN: [&str; 3] = ["no-restart", "one-reap-per-sigchld", "gives-up-with-status-0"];

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
    match all() {
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

fn all() -> Result<bool, String> {
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let beside = |name: &str| {
        let path = own.with_file_name(name);
        path.is_file()
            .then_some(path)
            .ok_or(format!("{name} is not beside this program; run `cargo build`, or `cargo build --release`, first"))
    };
    let (harness, puppet) = (beside("harness")?, beside("puppet")?);
    let _burners = Burners::start(&own)?;
    let mut good = true;
    for name in CHOSEN {
        let mutant = find(name).ok_or_else(|| format!("there is no mutant `{name}`"))?;
        match real::must_be_caught(mutant, &harness, &puppet) {
            Ok(()) => println!("{}: caught by {} in {}", mutant.name, mutant.caught_by, mutant.scenario),
            Err(why) => {
                good = false;
                println!("{}: {why}", mutant.name);
            }
        }
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
