//! Addresses as people write them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::kernel::Address;

/// The longest path that fits into `struct sockaddr_un` with its NUL.
const UNIX_PATH_LIMIT: usize = 107;

/// Reads `host:port`, `udp:host:port` or `unix:/path`. A host is a literal IPv4 address or a literal IPv6 address in
/// brackets: names are not resolved, because the answer may change and may take for ever.
///
/// # Errors
/// What was expected.
pub fn parse_address(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    let (udp, socket) = text.strip_prefix("udp:").map_or((false, text), |rest| (true, rest));
    let address: SocketAddr = socket.parse().map_err(|_| expected(socket))?;
    Ok(if udp { Address::Udp(address) } else { Address::Tcp(address) })
}

fn unix(path: &str) -> Result<Address, String> {
    if !Path::new(path).is_absolute() {
        return Err("the path of a Unix socket must be absolute: unix:/run/web.sock".to_owned());
    }
    if path.len() > UNIX_PATH_LIMIT || path.contains('\0') {
        return Err(format!("the path of a Unix socket has at most {UNIX_PATH_LIMIT} bytes and no NUL"));
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

fn expected(socket: &str) -> String {
    let forms = "127.0.0.1:8080, [::1]:8080, udp:127.0.0.1:53 or unix:/run/web.sock";
    let wrong_port = socket.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err());
    if let Some(port) = socket.strip_prefix(':') {
        format!("an address is needed before the port; every address is 0.0.0.0:{port} or [::]:{port}")
    } else if socket.parse::<u16>().is_ok() {
        format!("an address is needed before the port: 127.0.0.1:{socket}")
    } else if wrong_port {
        format!("expected a port from 0 to 65535 at the end, as in {forms}")
    } else {
        format!("expected a literal address, as in {forms}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_read_back_as_written() {
        for text in ["127.0.0.1:8080", "[::1]:0", "udp:0.0.0.0:53", "unix:/run/a b.sock"] {
            assert_eq!(parse_address(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, hint) in [
            ("8080", "127.0.0.1:8080"),
            (":8080", "0.0.0.0:8080"),
            ("localhost:80", "a literal address"),
            ("127.0.0.1:99999", "a port from 0"),
            ("127.0.0.1", "a literal address"),
            ("unix:run/x", "absolute"),
            ("", "a literal address"),
        ] {
            let error = parse_address(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
        assert!(parse_address(&format!("unix:/{}", "x".repeat(107))).is_err());
    }
}
