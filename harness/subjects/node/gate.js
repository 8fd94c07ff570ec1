'use strict';
// How a worker gets at connections: as Node's cluster has it (listen), or from whoever sends it a server on its plain channel,
// `worker.send('server', server)`.

const cluster = require('node:cluster');
const http = require('node:http');
const net = require('node:net');

// `serve(request, response)`; `places`: host, port, and perhaps a path; `told()`: it is told to leave, and says whether it
// obeys; `hears()`: whether it reads its channel, `takes()`: whether it takes what it is passed; `note(port, taken)`: it was passed a connection of this client port;
// `connected(socket)`.
function gate(how) {
  const server = http.createServer(how.serve);
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.timeout = 0;
  server.on('connection', how.connected);
  server.on('clientError', (error, socket) => socket.destroy());
  return cluster.isWorker ? listening(how, server) : handed(how, server);
}

// A worker of a cluster. What comes in turn is noted before Node acknowledges it, so that nobody knows earlier than the
// journal; there is no public event for that.
function listening(how, server) {
  const [host, port, socket] = how.places;
  const all = [server];
  let inTurn = false;
  process.prependListener('internalMessage', (message, handle) => {
    if (message.cmd !== 'NODE_CLUSTER' || message.act !== 'newconn') return;
    inTurn = true;
    if (!how.hears()) {
      // Nobody answers what Node does not know.
      message.act = 'unheard';
      return;
    }
    const peer = {};
    if (handle && handle.getpeername?.(peer) === 0 && peer.port) how.note(peer.port, how.takes());
  });
  server.on('connection', (connection) => {
    if (!inTurn && connection.remotePort) how.note(connection.remotePort, true);
  });
  // The first to close it may be Node, when the primary says that it has to leave.
  const close = () => {
    for (const one of all.splice(0)) net.Server.prototype.close.call(one);
  };
  const closes = (one) => {
    one.close = (done) => {
      if (how.told()) net.Server.prototype.close.call(one, done);
      return one;
    };
  };
  closes(server);
  const open = (done) => {
    server.listen({ host, port: Number(port), backlog: 511 }, () => {
      // Whoever listens once is ready to a primary.
      done();
      if (!socket || all.length === 0) return;
      const local = http.createServer(how.serve).on('connection', how.connected);
      closes(local);
      all.push(local);
      local.listen(socket);
    });
  };
  return { open, close };
}

// Not of a cluster: it serves on what it is sent, a server for each place. Connections come as soon as a server does; who
// still boots lets them wait.
function handed(how, server) {
  const wanted = how.places.length > 2 ? 2 : 1;
  const given = [];
  const early = [];
  let begin = null;
  let begun = false;
  const serve = (connection) => {
    if (connection.remotePort) how.note(connection.remotePort, true);
    server.emit('connection', connection);
  };
  const beginIfAll = () => {
    if (!begin || begun || given.length < wanted) return;
    begun = true;
    begin();
    for (const connection of early) serve(connection);
  };
  process.on('message', (message, handle) => {
    if (message !== 'server') return;
    given.push(handle);
    handle.on('connection', (connection) => (begun ? serve(connection) : early.push(connection)));
    beginIfAll();
  });
  const open = (done) => {
    begin = done;
    beginIfAll();
  };
  return { open, close: () => given.forEach((one) => one.close()) };
}

module.exports = { gate };
