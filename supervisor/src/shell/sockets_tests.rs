use super::super::testing::{Fake, config, pool};
use super::*;

const IN_USE: Result<(), Errno> = Err(Errno::ADDRINUSE);

struct Bench {
    kernel: Fake,
    voices: Voices,
    sockets: Sockets,
}

impl Bench {
    fn new() -> Self {
        let mut kernel = Fake::new(vec![]);
        let voices = Voices::open(&mut kernel, &config(vec![pool("web")], &[]));
        Self { kernel, voices, sockets: Sockets::default() }
    }

    fn bind(&mut self, config: &Config) -> Result<Vec<i32>, String> {
        let bound = self.sockets.bind(&mut self.kernel, &mut self.voices, config);
        bound.map(|fds| fds.into_iter().map(|fd| fd.0).collect()).map_err(|unbound| unbound.to_string())
    }

    fn bind_all(&mut self, listen: &[&str]) -> Result<Vec<i32>, String> {
        self.bind(&config(vec![pool("web")], listen))
    }

    fn closed(&self) -> Vec<String> {
        self.kernel.log.borrow().clone()
    }
}

#[test]
fn what_is_open_is_used_again_and_the_rest_is_bound() {
    let mut bench = Bench::new();
    assert_eq!(bench.bind_all(&["127.0.0.1:1", "127.0.0.1:2"]), Ok(vec![30, 31]));
    assert_eq!(bench.bind_all(&["127.0.0.1:2", "127.0.0.1:3"]), Ok(vec![31, 32]));
    bench.sockets.keep(&mut bench.kernel, |fd| fd != Fd(30));
    assert_eq!(bench.closed(), ["close 30"]);
    assert_eq!(bench.bind_all(&["127.0.0.1:1", "127.0.0.1:2"]), Ok(vec![33, 31]), "what was closed is gone");
}

#[test]
fn of_several_that_leave_the_port_to_the_kernel_each_name_keeps_its_own() {
    let mut bench = Bench::new();
    let named = |names: &[&str]| {
        let mut config = config(vec![pool("web")], &vec!["127.0.0.1:0"; names.len()]);
        config.listen.iter_mut().zip(names).for_each(|((name, _), wanted)| (*wanted).clone_into(name));
        config
    };
    assert_eq!(bench.bind(&named(&["one", "two"])), Ok(vec![30, 31]));
    assert_eq!(bench.bind(&named(&["two", "one"])), Ok(vec![31, 30]));
    assert_eq!(bench.bind(&named(&["one", "other"])), Ok(vec![30, 31]), "nobody else has it");
}

#[test]
fn an_address_that_can_not_be_had_leaves_everything_as_it_was() {
    let mut bench = Bench::new();
    bench.bind_all(&["127.0.0.1:1"]).expect("bound");
    bench.kernel.listens = [Ok(()), IN_USE].into();
    let why = bench.bind_all(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]).expect_err("it is in use");
    assert_eq!(why, "can't listen on 127.0.0.1:3 (on 127.0.0.1:3): Address already in use (os error 98)");
    assert_eq!(bench.closed(), ["close 31"], "what was bound for nothing, and nothing else");
    assert_eq!(bench.bind_all(&["127.0.0.1:1", "127.0.0.1:2"]), Ok(vec![30, 33]));
}

#[test]
fn only_addresses_of_pools_with_sockets_of_their_own_may_be_bound_again() {
    let mut bench = Bench::new();
    let own = PoolConfig { handoff: Handoff::Reuseport, listen: vec![1], ..pool("own") };
    let web = PoolConfig { listen: vec![0], ..pool("web") };
    bench.bind(&config(vec![web, own], &["127.0.0.1:1", "127.0.0.1:2"])).expect("bound");
    let sharing: Vec<Sharing> = bench.kernel.listened.iter().map(|options| options.sharing).collect();
    assert_eq!(sharing, [Sharing::Alone, Sharing::First]);
}
