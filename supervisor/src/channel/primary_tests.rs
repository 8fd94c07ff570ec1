use super::*;

fn tcp(port: u16) -> Query {
    Query { port: Some(port), data: "null".to_owned(), ..Query::default() }
}

fn on(address: &str, port: u16) -> Query {
    Query { address: Some(address.to_owned()), ..tcp(port) }
}

fn address(text: &str) -> Address {
    Address::Tcp(text.parse().expect("an address"))
}

/// Asks and binds as the loop does; the handle is the number of sockets before.
fn listen(primary: &mut Primary<u8, usize>, worker: u8, query: &Query) -> Result<usize, Errno> {
    match primary.ask(worker, query, &[])? {
        Need::Nothing => {}
        Need::Bind(address, _) => primary.add(worker, query, primary.sockets.len(), Some(&address)),
        Need::Configured(_) => panic!("nothing is configured"),
    }
    Ok(primary.get(&query.key()).expect("it was added").handle)
}

#[test]
fn workers_share_what_they_ask_for_alike_and_no_worker_gets_it_twice() {
    let mut primary = Primary::default();
    assert_eq!(listen(&mut primary, 1, &tcp(80)), Ok(0));
    assert_eq!(listen(&mut primary, 2, &tcp(80)), Ok(0));
    assert_eq!(listen(&mut primary, 1, &tcp(81)), Ok(1));
    assert_eq!(listen(&mut primary, 1, &tcp(80)), Err(Errno::ADDRINUSE));
    assert_eq!(primary.close(1, &tcp(80).key()), Some(0));
    assert_eq!(primary.close(1, &tcp(80).key()), None, "closed already");
    assert_eq!(listen(&mut primary, 1, &tcp(80)), Ok(0), "closed and asked for again");
}

#[test]
fn a_socket_outlives_its_last_worker() {
    let mut primary = Primary::default();
    listen(&mut primary, 1, &tcp(80)).expect("bound");
    primary.gone(1);
    assert_eq!(primary.held_by(1).count(), 0);
    assert_eq!(listen(&mut primary, 2, &tcp(80)), Ok(0));
    assert_eq!(primary.held_by(2).map(|(key, _)| key.to_owned()).collect::<Vec<_>>(), [tcp(80).key()]);
}

#[test]
fn everybody_gets_the_data_of_the_first() {
    let mut primary = Primary::default();
    listen(&mut primary, 1, &Query { data: "\"first\"".to_owned(), ..tcp(443) }).expect("bound");
    listen(&mut primary, 2, &Query { data: "\"second\"".to_owned(), ..tcp(443) }).expect("shared");
    assert_eq!(primary.get(&tcp(443).key()).expect("there").data, "\"first\"");
}

#[test]
fn port_0_is_one_socket_for_each_of_a_workers_own() {
    let mut primary = Primary::default();
    let nth = |index| Query { index, ..tcp(0) };
    assert_eq!(listen(&mut primary, 1, &nth(0)), Ok(0));
    assert_eq!(listen(&mut primary, 1, &nth(1)), Ok(1));
    assert_eq!(listen(&mut primary, 2, &nth(0)), Ok(0));
    assert_eq!(listen(&mut primary, 2, &nth(1)), Ok(1));
}

fn need(query: &Query, configured: &[Address]) -> Result<Need, Errno> {
    Primary::<u8, u8>::default().ask(1, query, configured)
}

#[test]
fn addresses() {
    let bound = |query: &Query| match need(query, &[]) {
        Ok(Need::Bind(address, options)) => (address, options),
        other => panic!("{other:?}"),
    };
    let (any, options) = bound(&tcp(80));
    assert_eq!((any, options.dual_stack, options.backlog), (address("[::]:80"), true, BACKLOG));
    assert_eq!(bound(&on("127.0.0.1", 80)).0, address("127.0.0.1:80"));
    assert!(!bound(&Query { flags: 1, family: Family::Tcp6, ..on("::", 80) }).1.dual_stack);
    assert_eq!(bound(&Query { backlog: Some(7), ..tcp(80) }).1.backlog, 7);
    let udp = Query { family: Family::Udp4, ..tcp(53) };
    assert_eq!(bound(&udp).0, Address::Udp("0.0.0.0:53".parse().expect("an address")));
    let pipe = Query { family: Family::Pipe, port: None, readable_all: true, ..on("/tmp/x", 0) };
    let (path, options) = bound(&pipe);
    assert_eq!((path, options.mode), (Address::Unix("/tmp/x".into()), Some(0o744)));
    assert_eq!(bound(&Query { readable_all: false, ..pipe }).1.mode, None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert_eq!(need(&on("localhost", 80), &[]), Err(Errno::INVAL));
    assert_eq!(need(&Query { port: None, ..tcp(0) }, &[]), Err(Errno::INVAL));
    assert_eq!(need(&Query { family: Family::Pipe, ..on("relative", 0) }, &[]), Err(Errno::INVAL));
    for fd in [0, 2, 4, u32::MAX] {
        assert_eq!(need(&Query { fd: Some(fd), ..Query::default() }, &[address("[::]:80")]), Err(Errno::BADF));
    }
}

#[test]
fn configured_sockets_are_used_by_number_or_by_address() {
    let configured = [address("127.0.0.1:80"), Address::Unix("/tmp/x".into())];
    assert_eq!(need(&Query { fd: Some(3), ..Query::default() }, &configured), Ok(Need::Configured(0)));
    assert_eq!(need(&Query { fd: Some(4), ..Query::default() }, &configured), Ok(Need::Configured(1)));
    assert_eq!(need(&tcp(80), &configured), Ok(Need::Configured(0)), "any address means this one");
    assert_eq!(need(&on("127.0.0.1", 80), &configured), Ok(Need::Configured(0)));
    assert!(matches!(need(&on("127.0.0.2", 80), &configured), Ok(Need::Bind(..))));
    assert!(matches!(need(&tcp(81), &configured), Ok(Need::Bind(..))));
    let pipe = Query { family: Family::Pipe, port: None, ..on("/tmp/x", 0) };
    assert_eq!(need(&pipe, &configured), Ok(Need::Configured(1)));
}
