//! What can't be said of one pool together.

use crate::kernel::Address;
use crate::policy::{Readiness, Restart};

use super::{Handoff, PoolConfig, ReadySign};

/// Two things that don't go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The field that is to be changed.
    pub field: &'static str,
    /// What is wrong.
    pub what: String,
    /// Why.
    pub label: &'static str,
    /// How to mend it.
    pub help: String,
}

/// What does not go together in a pool, wherever it came from; `listen` are the listeners of all pools.
pub fn clashes(pool: &PoolConfig, listen: &[(String, Address)]) -> Vec<Clash> {
    [own_sockets(pool, listen), finished_places(pool), datagrams(pool, listen), online(pool)]
        .into_iter()
        .flatten()
        .collect()
}

/// The first listener of a pool that is of such a kind.
fn first<'a>(
    pool: &PoolConfig,
    listen: &'a [(String, Address)],
    kind: fn(&Address) -> bool,
) -> Option<&'a (String, Address)> {
    pool.listen.iter().filter_map(|&place| listen.get(place)).find(|(_, address)| kind(address))
}

/// With `Reuseport` each worker has a socket of its own at the same address, which paths don't allow.
fn own_sockets(pool: &PoolConfig, listen: &[(String, Address)]) -> Option<Clash> {
    let path = |address: &Address| matches!(address, Address::Unix(_));
    let (name, address) = first(pool, listen, path).filter(|_| pool.handoff == Handoff::Reuseport)?;
    Some(Clash {
        field: "handoff",
        what: format!("`handoff`: Reuseport can't share {name:?}, which is {address}"),
        label: "only one socket can be bound to a path",
        help: "take `Inherit`: the workers accept from the same socket".to_owned(),
    })
}

fn finished_places(pool: &PoolConfig) -> Option<Clash> {
    (pool.handoff == Handoff::Reuseport && pool.policy.restart != Restart::Always).then(|| Clash {
        field: "handoff",
        what: "`handoff`: Reuseport and a `restart` that leaves places empty".to_owned(),
        label: "clients are sent to the socket of an empty place as well",
        help: "take `Inherit`, or `restart: Always`".to_owned(),
    })
}

/// Nobody can accept from a socket of datagrams.
fn datagrams(pool: &PoolConfig, listen: &[(String, Address)]) -> Option<Clash> {
    let (way, instead) = match &pool.handoff {
        Handoff::RoundRobin => ("RoundRobin", "`Inherit`"),
        Handoff::Node { connections: true, .. } => ("Node(pass: Connections)", "`Node()`"),
        Handoff::Inherit | Handoff::Node { .. } | Handoff::NodeCluster { .. } | Handoff::Reuseport => return None,
    };
    let (name, address) = first(pool, listen, |address| matches!(address, Address::Udp(_)))?;
    Some(Clash {
        field: "handoff",
        what: format!("`handoff`: {way} can't pass {name:?}, which is {address}"),
        label: "expected listeners that connections come to: datagrams come without one",
        help: format!("take {instead}, which gives the socket itself, or another pool for {name:?}"),
    })
}

/// Only Node's cluster module tells that Node runs.
fn online(pool: &PoolConfig) -> Option<Clash> {
    let cluster = matches!(pool.handoff, Handoff::NodeCluster { .. });
    let waits = pool.sign == ReadySign::Online && pool.policy.ready == Readiness::Told;
    (waits && !cluster).then(|| Clash {
        field: "ready",
        what: "`ready`: Online without `handoff: NodeCluster`".to_owned(),
        label: "expected Told, OwnWord or AtSpawn: only workers of a Node cluster tell that Node runs",
        help: "take `OwnWord`, which waits for the worker's own word, or `handoff: NodeCluster()`".to_owned(),
    })
}
