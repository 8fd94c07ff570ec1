//! s6's notification: a pipe on which a worker writes a newline when it is ready.
//!
//! <https://skarnet.org/software/s6/notifywhenup.html>: what comes before the newline is ignored, and so is what comes
//! after it.

/// Whether these bytes, a part of what came, tell that the worker is ready.
pub fn says_ready(bytes: &[u8]) -> bool {
    bytes.contains(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_anywhere() {
        assert!(says_ready(b"\n"));
        assert!(says_ready(b"up\nand running"));
    }

    #[test]
    fn nothing_else() {
        assert!(!says_ready(b""));
        assert!(!says_ready(b"ready\r\0"));
    }
}
