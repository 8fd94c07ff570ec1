//! What /proc knows of a process (proc(5)).

use std::path::Path;
use std::time::Duration;

use crate::kernel::{Child, Files};

use super::roster::Usage;

/// Longer than any line of /proc/PID/stat, and than the auxiliary vector.
const LIMIT: usize = 4096;

/// The types of two entries of the auxiliary vector, and of the one that ends it (getauxval(3)).
const AT_NULL: u64 = 0;
const AT_PAGESZ: u64 = 6;
const AT_CLKTCK: u64 = 17;

/// The units that /proc counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    page: u64,
    ticks_per_second: u64,
}

impl Default for Units {
    /// What every x86 has.
    fn default() -> Self {
        Self { page: 4096, ticks_per_second: 100 }
    }
}

impl Units {
    /// Those of this kernel; what every x86 has if it does not say.
    pub fn read<K: Files>(kernel: &mut K) -> Self {
        kernel.read(Path::new("/proc/self/auxv"), LIMIT).map(|bytes| Self::of(&bytes)).unwrap_or_default()
    }

    /// Those in an auxiliary vector.
    fn of(vector: &[u8]) -> Self {
        let mut units = Self::default();
        let (words, _) = vector.as_chunks::<{ size_of::<usize>() }>();
        let words: Vec<u64> = words.iter().map(|word| usize::from_ne_bytes(*word) as u64).collect();
        let (entries, _) = words.as_chunks::<2>();
        for &[kind, value] in entries.iter().take_while(|[kind, _]| *kind != AT_NULL) {
            match kind {
                AT_PAGESZ => units.page = value,
                AT_CLKTCK => units.ticks_per_second = value.max(1),
                _ => {}
            }
        }
        units
    }

    /// What a process uses; `None` if that can't be read.
    pub fn usage<K: Files>(self, kernel: &mut K, child: Child) -> Option<Usage> {
        let bytes = kernel.read(Path::new(&format!("/proc/{}/stat", child.0)), LIMIT).ok()?;
        self.parse(std::str::from_utf8(&bytes).ok()?)
    }

    /// Fields 14, 15 (processor time) and 24 (resident pages). The name of the program, in parentheses, may have spaces
    /// and parentheses itself.
    fn parse(self, stat: &str) -> Option<Usage> {
        let (_, rest) = stat.rsplit_once(')')?;
        let field = |number: usize| rest.split_whitespace().nth(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)? + field(15)?;
        Some((field(24)? * self.page, Duration::from_millis(ticks * 1000 / self.ticks_per_second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::testing::Fake;

    #[test]
    fn a_process_is_looked_up_by_its_number_if_it_is_still_there() {
        let mut kernel = Fake::new(vec![]);
        let stat = "7 (a) S 1 7 7 0 -1 4194304 90 0 0 0 150 50 0 0 20 0 1 0 100 1000000 25 1".as_bytes().to_vec();
        kernel.files = [("/proc/7/stat", stat)].into();
        let units = Units::read(&mut kernel);
        assert_eq!(units.usage(&mut kernel, Child(7)), Some((25 * 4096, Duration::from_secs(2))));
        assert_eq!(units.usage(&mut kernel, Child(8)), None);
    }

    #[test]
    fn the_vector_says_which_units() {
        let words: [usize; 8] = [33, 7, 6, 65536, 17, 250, 0, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(Units::of(&bytes), Units { page: 65536, ticks_per_second: 250 });
        let own = std::fs::read("/proc/self/auxv").expect("Linux");
        assert!(Units::of(&own).page.is_power_of_two());
    }

    #[test]
    fn odd_names_of_programs_confuse_nobody() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 0 0 150 50 0 0 20 0 1 0 100 1000000 25 18446744073709551615";
        let units = Units { page: 4096, ticks_per_second: 100 };
        assert_eq!(units.parse(stat), Some((25 * 4096, Duration::from_secs(2))));
        assert_eq!(units.parse("7 (a) S 1"), None);
        assert_eq!(units.parse(""), None);
    }
}
