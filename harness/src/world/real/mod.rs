//! The real world: real processes, sockets, signals and clients.
