//! A broken supervisor as a program.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::SigSet;
use supervisor::config;
use supervisor::policy;
use supervisor::shell::{self, Source, Start};
use supervisor::unix::Unix;

use crate::faulty::Faulty;
use crate::list::{ALL, find};
use crate::mutant::{Mutant, Mutation};

/// How long who is slow to begin has no handlers, unless a signal ends it before.
const SLOW: Duration = Duration::from_secs(5);

/// The whole program: `mutant NAME run CONFIG.ron`. Under the name of a mutant (a link to it, or a copy) it is that one,
/// `never-gives-up run CONFIG.ron`, so that it can stand where a subject's supervisor is expected; so it can with
/// MUTANT=NAME in the environment.
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let mutant = which(&mut arguments);
    if mutant.is_some_and(|mutant| matches!(mutant.mutation, Mutation::UnblocksFirst)) {
        // What is pending meets its default action here, and so does what comes while it is slow to begin.
        _ = SigSet::empty().thread_set_mask();
        std::thread::sleep(SLOW);
    }
    // First of all, as the shipped one does: from here on signals are handled.
    let kernel = match Unix::start() {
        Ok(kernel) => kernel,
        Err(error) => return fail(policy::ExitCode::Bug, &format!("can't start: {error}")),
    };
    let Some(mutant) = mutant else {
        let names: Vec<&str> = ALL.iter().map(|mutant| mutant.name).collect();
        return fail(policy::ExitCode::Usage, &format!("usage: mutant NAME run CONFIG.ron\n{}", names.join("\n")));
    };
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).collect();
    match words[..] {
        ["--version"] => {
            println!("supervisor {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        ["run", file] => run(kernel, mutant, Path::new(file)),
        _ => fail(policy::ExitCode::Usage, &format!("{}: {}\nusage: … run CONFIG.ron", mutant.name, mutant.sentence)),
    }
}

/// Which mutant it is to be: by the first argument, which is removed then, by its own name, or by the environment.
fn which(arguments: &mut Vec<OsString>) -> Option<&'static Mutant> {
    if let Some(mutant) = arguments.get(1).and_then(|first| find(first.to_str()?)) {
        arguments.remove(1);
        return Some(mutant);
    }
    let own = arguments.first().and_then(|own| find(Path::new(own).file_name()?.to_str()?));
    own.or_else(|| find(std::env::var("MUTANT").ok()?.as_str()))
}

fn run(kernel: Unix, mutant: &Mutant, file: &Path) -> ExitCode {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return fail(policy::ExitCode::Config, &format!("can't read {name}: {error}")),
    };
    match config::parse(&text, &name) {
        Ok(mut config) => {
            mutant.mutation.configure(&mut config);
            let machine = mutant.mutation.machine(config.policies());
            let mut kernel = Faulty::new(kernel, mutant.mutation.kernel_fault());
            let read = |text: &str| config::parse(text, &name).map_err(|problems| problems.to_string());
            // As the shipped one: a reload reads the file again.
            let source = Source { path: file.to_owned(), read: Box::new(read) };
            let start = Start { source: Some(source), starter: None };
            ExitCode::from(shell::run(&mut kernel, machine, &config, start).status())
        }
        Err(problems) => fail(policy::ExitCode::Config, &problems.render(false)),
    }
}

fn fail(code: policy::ExitCode, why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(code.status())
}
