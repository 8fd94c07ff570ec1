//! What only the start needed: pages of code for the command line and the configuration, which a supervisor that runs for
//! months would keep mapped.

use std::ffi::c_void;
use std::fs;

use nix::libc;

use super::Unix;

/// One mapping of /proc/self/smaps.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mapping {
    start: usize,
    length: usize,
    /// Of a file, and not writable.
    file: bool,
    /// Kilobytes that are no longer what the file has (relocations): dropping those would lose them.
    anonymous: usize,
}

impl Unix {
    /// Gives back the pages of the program that were only needed until now. Whatever is needed again is mapped again from
    /// the page cache; nothing but memory depends on it, so a host without /proc just keeps them.
    pub fn forget_the_start(&mut self) {
        for mapping in mappings(&fs::read_to_string("/proc/self/smaps").unwrap_or_default()) {
            if mapping.file && mapping.anonymous == 0 {
                // SAFETY: a read-only private mapping of a file of which no page was changed: the kernel reads the same
                // bytes again when they are touched.
                unsafe { libc::madvise(mapping.start as *mut c_void, mapping.length, libc::MADV_DONTNEED) };
            }
        }
    }
}

fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = header(line) {
            found.push(mapping);
        } else if let (Some(rest), Some(last)) = (line.strip_prefix("Anonymous:"), found.last_mut()) {
            // What can't be read is not known to be unchanged.
            last.anonymous = rest.trim().trim_end_matches(" kB").parse().unwrap_or(usize::MAX);
        }
    }
    found
}

/// `start-end perms offset device inode path`.
fn header(line: &str) -> Option<Mapping> {
    let mut parts = line.split_ascii_whitespace();
    let (start, end) = parts.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let permissions = parts.next()?;
    let file = parts.nth(2)? != "0" && permissions.ends_with('p') && !permissions.contains('w');
    Some(Mapping { start, length: end.checked_sub(start)?, file, anonymous: usize::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_in_the_file_can_be_given_back() {
        let text = "1000-3000 r-xp 00000000 fe:00 12 /bin/x\nRss: 8 kB\nAnonymous:             0 kB\n\
                    3000-4000 r--p 00002000 fe:00 12 /bin/x\nAnonymous:             4 kB\n\
                    4000-5000 rw-p 00003000 fe:00 12 /bin/x\nAnonymous:             0 kB\n\
                    7000-8000 r-xp 00000000 00:00 0 [vdso]\nAnonymous: many\n";
        let found = mappings(text);
        assert_eq!(found[0], Mapping { start: 0x1000, length: 0x2000, file: true, anonymous: 0 });
        let given: Vec<bool> = found.iter().map(|mapping| mapping.file && mapping.anonymous == 0).collect();
        assert_eq!(given, [true, false, false, false]);
        assert_eq!(found[3].anonymous, usize::MAX);
    }
}
