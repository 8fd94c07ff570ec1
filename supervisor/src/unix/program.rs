//! What execve(2) is given, made before the fork: nothing may allocate after it.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

use nix::libc::{c_char, pid_t};

use crate::kernel::SpawnSpec;

/// Where programs are looked for if the environment has no PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variable whose value only the child knows, with room for the longest pid.
const LISTEN_PID: &[u8] = b"LISTEN_PID=0000000000\0";
/// Where its digits begin.
const DIGITS: usize = 11;

/// Program, arguments and environment.
pub struct Program {
    /// The paths to try in this order.
    pub candidates: Vec<CString>,
    strings: Vec<CString>,
    arguments: usize,
    listen_pid: Option<Box<[u8]>>,
}

/// The same as pointers, for the child; valid as long as the [`Program`] is.
pub struct Pointers {
    pub argv: Vec<*const c_char>,
    pub envp: Vec<*const c_char>,
    /// Where the digits of the pid go.
    digits: Option<*mut u8>,
}

impl Program {
    /// `None` if a string contains a NUL or there is no program.
    pub fn new(spec: &SpawnSpec) -> Option<Self> {
        let name = spec.argv.first().filter(|name| !name.is_empty())?;
        let mut strings = Vec::with_capacity(spec.argv.len() + spec.env.len());
        for word in &spec.argv {
            strings.push(CString::new(word.as_bytes()).ok()?);
        }
        for (name, value) in &spec.env {
            let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
            strings.push(CString::new(pair).ok()?);
        }
        let path = spec.env.iter().find(|(name, _)| name == "PATH").map_or(OsStr::new(DEFAULT_PATH), |(_, path)| path);
        Some(Self {
            candidates: candidates(name, path)?,
            strings,
            arguments: spec.argv.len(),
            listen_pid: spec.listen_pid.then(|| LISTEN_PID.into()),
        })
    }

    /// The arrays of execve(2).
    pub fn pointers(&mut self) -> Pointers {
        let all: Vec<*const c_char> = self.strings.iter().map(|text| text.as_ptr()).collect();
        let (argv, envp) = all.split_at(self.arguments);
        let mut pointers = Pointers { argv: argv.to_vec(), envp: envp.to_vec(), digits: None };
        if let Some(text) = &mut self.listen_pid {
            let start = text.as_mut_ptr();
            pointers.envp.push(start.cast_const().cast());
            pointers.digits = Some(start.wrapping_add(DIGITS));
        }
        pointers.argv.push(std::ptr::null());
        pointers.envp.push(std::ptr::null());
        pointers
    }
}

impl Pointers {
    /// Writes the digits of `pid` left-aligned: readers take a leading zero for octal and a leading blank for an error.
    ///
    /// # Safety
    /// The [`Program`] that these came from lives and is not used otherwise meanwhile.
    pub unsafe fn set_listen_pid(&self, pid: pid_t) {
        let Some(digits) = self.digits else { return };
        let mut reversed = [0_u8; 10];
        let mut length = 0;
        let mut rest = pid.unsigned_abs();
        while length == 0 || rest > 0 {
            reversed[length] = b'0' + (rest % 10) as u8;
            rest /= 10;
            length += 1;
        }
        for place in 0..length {
            // SAFETY: at most 10 digits, and the text has room for 10 and a NUL.
            unsafe { digits.add(place).write(reversed[length - 1 - place]) };
        }
        // SAFETY: as above.
        unsafe { digits.add(length).write(0) };
    }
}

/// As execvp(3) looks: a name with a slash is a path, an empty element of PATH is the current directory.
fn candidates(name: &OsStr, path: &OsStr) -> Option<Vec<CString>> {
    let name = name.as_bytes();
    if name.contains(&b'/') {
        return Some(vec![CString::new(name).ok()?]);
    }
    path.as_bytes()
        .split(|&byte| byte == b':')
        .map(|directory| if directory.is_empty() { &b"."[..] } else { directory })
        .map(|directory| CString::new([directory, b"/", name].concat()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn spec(argv: &[&str], env: &[(&str, &str)]) -> SpawnSpec {
        SpawnSpec {
            argv: argv.iter().map(Into::into).collect(),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            fds: Vec::new(),
            channel: false,
            listen_pid: true,
            on_parent_death: None,
            ..SpawnSpec::default()
        }
    }

    #[test]
    fn listen_pid_is_left_aligned_for_every_length() {
        for pid in [0, 7, 10, 4_194_304, i32::MAX] {
            let mut program = Program::new(&spec(&["/x"], &[("A", "B")])).expect("no NUL");
            let pointers = program.pointers();
            // SAFETY: `program` lives, and the last pointer before the NULL is the variable.
            let text = unsafe {
                pointers.set_listen_pid(pid);
                CStr::from_ptr(pointers.envp[pointers.envp.len() - 2])
            };
            assert_eq!(text.to_str(), Ok(format!("LISTEN_PID={pid}").as_str()));
        }
    }

    #[test]
    fn a_bare_name_is_looked_up_in_the_path_given() {
        let found = |name, path| Program::new(&spec(&[name], &[("PATH", path)])).expect("no NUL").candidates;
        assert_eq!(found("web", "/a::/b"), [c"/a/web", c"./web", c"/b/web"].map(CString::from));
        assert_eq!(found("./web", "/a"), [CString::from(c"./web")]);
    }

    #[test]
    fn what_exec_can_not_be_given_is_refused() {
        assert!(Program::new(&spec(&[], &[])).is_none());
        assert!(Program::new(&spec(&[""], &[])).is_none());
        assert!(Program::new(&spec(&["a\0b"], &[])).is_none());
        assert!(Program::new(&spec(&["a"], &[("A", "\0")])).is_none());
    }
}
