//! Our own binaries: where they are, and that they are of this version.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::world::Bins;

/// The companions of the harness.
const COMPANIONS: [&str; 2] = ["supervisor", "puppet"];

/// Finds `supervisor` and `puppet` in `dir`, or beside the harness itself.
///
/// Started by `cargo run`, the harness has cargo build them first, in its own profile: cargo builds only the binary
/// that it runs. The error names the command that mends it.
pub fn locate(dir: Option<&Path>) -> Result<Bins, String> {
    let harness = env::current_exe().map_err(|why| format!("can't tell where the harness is: {why}"))?;
    let beside = harness.parent().unwrap_or(Path::new("."));
    if dir.is_none() {
        build_under_cargo(beside)?;
    }
    let dir = dir.unwrap_or(beside);
    let [supervisor, puppet] = COMPANIONS.map(|name| dir.join(name));
    for (name, path) in COMPANIONS.iter().zip([&supervisor, &puppet]) {
        check(name, path)?;
    }
    Ok(Bins { harness, supervisor, puppet })
}

/// `cargo run` sets CARGO for what it runs. So does `cargo test`: a test says `--bin-dir`.
fn build_under_cargo(beside: &Path) -> Result<(), String> {
    let (Some(cargo), Some(manifest)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) else {
        return Ok(());
    };
    let profile = match beside.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--profile", profile]).current_dir(manifest);
    for name in COMPANIONS {
        build.args(["--bin", name]);
    }
    match build.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo could not build supervisor and puppet ({status}); see its message above")),
        Err(why) => Err(format!("can't run cargo to build supervisor and puppet: {why}")),
    }
}

fn check(name: &str, path: &Path) -> Result<(), String> {
    let mend = "build it with `cargo build --release --bins`, or say where it is with --bin-dir DIR";
    if !path.is_file() {
        return Err(format!("{name} is missing: there is no {}; {mend}", path.display()));
    }
    let said = Command::new(path)
        .arg("--version")
        .output()
        .map_err(|why| format!("{name} does not run: {} --version: {why}; {mend}", path.display()))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let version = said.split_whitespace().nth(1).unwrap_or("none");
    if version == env!("CARGO_PKG_VERSION") {
        Ok(())
    } else {
        Err(format!(
            "{name} is of another version: {} says {version}, the harness is {}; {mend}",
            path.display(),
            env!("CARGO_PKG_VERSION"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(dir: &Path, name: &str, says: &str) {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_missing_companion_is_an_error_that_names_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let error = locate(Some(dir.path())).unwrap_err();
        assert!(error.contains("supervisor is missing") && error.contains("cargo build --release --bins"), "{error}");
    }

    #[test]
    fn a_companion_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "supervisor", "supervisor 0.0.1-old");
        fake(dir.path(), "puppet", concat!("puppet ", env!("CARGO_PKG_VERSION")));
        let error = locate(Some(dir.path())).unwrap_err();
        assert!(error.contains("says 0.0.1-old"), "{error}");
    }

    #[test]
    fn companions_of_this_version_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        fake(dir.path(), "supervisor", concat!("supervisor ", env!("CARGO_PKG_VERSION")));
        fake(dir.path(), "puppet", concat!("puppet ", env!("CARGO_PKG_VERSION")));
        assert_eq!(locate(Some(dir.path())).unwrap().puppet, dir.path().join("puppet"));
    }
}
