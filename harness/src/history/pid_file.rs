//! How an event tells what a pid file or a socket is.

/// What is added to what is told of a socket for one user alone, if others may write to it.
pub const OPEN_TO_OTHERS: &str = ", open to others";

/// The file by its inode, and what it says.
pub fn pid_file_told(inode: u64, text: &str) -> String {
    format!("file {inode}, {}", says(text.trim_end()))
}

/// Whether it was told that the file says this pid and nothing else.
pub fn names_pid(told: &str, pid: u32) -> bool {
    told.ends_with(&format!(", {}", says(&pid.to_string())))
}

fn says(text: &str) -> String {
    format!("text {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_told_from_what_only_looks_like_it() {
        assert!(names_pid(&pid_file_told(7, "42\n"), 42));
        for other in ["142", "42 43", "", "42\n1", ", text \"42"] {
            assert!(!names_pid(&pid_file_told(7, other), 42), "{other}");
        }
    }
}
