//! The worker: says that it is ready, then does nothing at all until it is killed.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Never returns.
pub fn main() -> ! {
    if let Ok(name) = std::env::var("NOTIFY_SOCKET") {
        let address = SocketAddr::from_abstract_name(name.trim_start_matches('@')).expect("a name");
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.send_to_addr(b"READY=1", &address).expect("sent");
    }
    loop {
        std::thread::park();
    }
}
