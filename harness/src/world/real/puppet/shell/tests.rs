use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};

use super::*;
use crate::history::Proc;

/// A worker that was told to leave and passed a connection in one breath ends before it has taken the connection: what the
/// client has sent there is for whoever is passed it next.
#[test]
fn who_leaves_reads_nothing_of_what_it_does_not_take() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    client.write_all(b"GET /who HTTP/1.1\r\n\r\n").expect("sent");
    let (mut accepted, _) = listener.accept().expect("accepted");
    let rights = [accepted.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&rights)));
    let words = b"{\"act\":\"drain\"}\n{\"act\":\"connection\",\"seq\":1}\n";
    let sent = sendmsg(&ours, &[IoSlice::new(words)], &mut control, SendFlags::empty()).expect("sent");
    assert_eq!(sent, words.len());
    let setup = Setup::demo(Proc { pid: 1, start: 1 }, Vec::new(), Some(theirs.into()), None);
    assert_eq!(run(setup).expect("a life"), 0);
    let mut said = String::new();
    (&ours).read_to_string(&mut said).expect("what it said");
    assert_eq!(said, "{\"act\":\"ready\"}\n", "it took nothing");
    accepted.set_nonblocking(true).expect("nonblocking");
    let mut request = [0; 64];
    let length = accepted.read(&mut request).expect("the request is still there");
    assert_eq!(&request[..length], b"GET /who HTTP/1.1\r\n\r\n");
}
