//! Memory that is not needed at rest.

use std::fs;

use nix::libc;

/// Gives back what a supervisor that only waits has no use for: the free part of the heap, and the pages of its programs
/// and libraries, most of which only the start has used. What is needed again is mapped again, from the page cache.
pub fn give_back() {
    // SAFETY: it takes nothing away that is allocated.
    unsafe { libc::malloc_trim(0) };
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (from, to) in maps.lines().filter_map(unwritten) {
        // SAFETY: nobody has written to these pages, not even the dynamic linker, so the file has all that they hold.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(from), to - from, libc::MADV_DONTNEED) };
    }
}

/// The range of a line of proc_pid_maps(5), if it is code, or the read-only segment in front of it, where a file begins.
/// Others that can't be written may hold what the linker wrote before (RELRO).
fn unwritten(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, mode, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let inode = fields.nth(1)?;
    let first = offset.bytes().all(|digit| digit == b'0');
    if inode == "0" || !(mode == "r-xp" || mode == "r--p" && first) {
        return None;
    }
    let (from, to) = range.split_once('-')?;
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    Some((address(from)?, address(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_wrote_to_is_given_back() {
        let maps = "\
5580a0000000-5580a0063000 r--p 00000000 fe:00 1234  /usr/bin/supervisor
5580a0063000-5580a01f3000 r-xp 00062000 fe:00 1234  /usr/bin/supervisor
5580a01f3000-5580a01fc000 r--p 001f1000 fe:00 1234  /usr/bin/supervisor
5580a01fc000-5580a01fe000 rw-p 001f9000 fe:00 1234  /usr/bin/supervisor
5580b0000000-5580b0049000 rw-p 00000000 00:00 0     [heap]
7f00a0000000-7f00a0001000 r--p 00000000 00:00 0
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0     [vdso]
";
        let found: Vec<_> = maps.lines().filter_map(unwritten).collect();
        assert_eq!(found, [(0x5580_a000_0000, 0x5580_a006_3000), (0x5580_a006_3000, 0x5580_a01f_3000)]);
        assert_eq!(unwritten("nonsense"), None);
    }
}
