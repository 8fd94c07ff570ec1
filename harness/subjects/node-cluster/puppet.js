'use strict';
// The scripted worker in JavaScript: journal, ticket, side socket and lives as the puppet of the harness keeps them,
// served the customary way: it announces {act: 'suicide'}, stops accepting, and leaves after at most 5 s.
// Usage: puppet.js HOST PORT, in a cluster, with HARNESS_RUN naming the run's directory.

const cluster = require('node:cluster');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { spawn } = require('node:child_process');
const lines = require('./lines.js');
const script = require('./script.js');

const run = process.env.HARNESS_RUN;
const [host, port] = process.argv.slice(2);
const FIRST_REQUEST_GRACE = 500;
const OUTPUT_STEP = 10;

const plan = JSON.parse(fs.readFileSync(path.join(run, 'plan.json'), 'utf8'));
const generation = Number(fs.readFileSync(path.join(run, 'generation'), 'utf8'));
const ticket = script.takeTicket(run, generation);
const life = script.record(script.lifeOf(plan.lives, generation, ticket));
const start = script.startOf(fs.readFileSync('/proc/self/stat', 'utf8'));
const ownDeadline = Math.min(plan.own_deadline_ms ?? 5000, 5000);

const journalFile = fs.openSync(path.join(run, 'journal'), 'a');
const write = lines.writer(start, journal);
const server = http.createServer(serve);
const sockets = new Map();
let state = 'booting';
let code = 0;
let answered = 0;
let asked = false;
let told = false;
let leaving = false;
let drainedSeen = false;
let exited = false;
let crashing = false;

// One write(2) a line, so that lines of several workers are never mixed.
function journal(entry) {
  const t = process.hrtime.bigint();
  const rest = JSON.stringify({ pid: process.pid, start, ticket, generation, entry }).slice(1);
  fs.writeSync(journalFile, `{"t":${t},${rest}\n`);
}

function exit(status) {
  if (exited) return;
  exited = true;
  if (life.lastWords) {
    write('Stdout', life.lastWords);
    write('Stderr', life.lastWords);
  }
  journal({ Exiting: status });
  process.exit(status);
}

// Whoever ends this process in an orderly way (Node itself does, when the channel closes), it is written down.
process.on('exit', (status) => {
  if (!exited) {
    exited = true;
    journal({ Exiting: status });
  }
});

function hang() {
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

// A phase begins: what the life scripts for it is set up.
function enter(phase) {
  if (life.hang === phase) hang();
  if (life.exit && life.exit.at === phase) {
    crashing = true;
    if (life.exit.after === 0) exit(life.exit.code);
    else setTimeout(() => exit(life.exit.code), life.exit.after);
  }
}

function ready() {
  if (state !== 'booting') return;
  server.listen({ host, port: Number(port), backlog: 511 }, () => {
    if (state !== 'booting') return;
    state = 'serving';
    journal('Ready');
    say({ act: 'ready' });
    for (const child of life.children) startChild(child);
    if (life.output) setInterval(() => write('Stdout', life.output * OUTPUT_STEP / 1000), OUTPUT_STEP);
    if (life.stderr) setInterval(() => write('Stderr', life.stderr * OUTPUT_STEP / 1000), OUTPUT_STEP);
    enter('Ready');
  });
}

function say(message) {
  if (process.connected) process.send(message, () => {});
}

function drain() {
  if (state !== 'booting' && state !== 'serving') return;
  state = 'draining';
  journal('StoppedAccepting');
  // In a cluster this hands the listener back; idle connections are closed at once.
  server.close();
  server.closeIdleConnections?.();
  setTimeout(() => exit(code), ownDeadline);
  setTimeout(() => {
    for (const [socket, conn] of sockets) if (conn.requests === 0) socket.destroy();
  }, FIRST_REQUEST_GRACE);
  enter('Drain');
  noticeDrained();
}

function noticeDrained() {
  if (state !== 'draining' || drainedSeen) return;
  for (const conn of sockets.values()) if (!conn.thrown) return;
  drainedSeen = true;
  journal('Drained');
  if (!(crashing && life.exit.at === 'Drain')) setTimeout(() => exit(code), life.slowStop);
}

// It wants to leave, in this form.
function leave(form, status) {
  code = Math.max(code, status);
  if (leaving || state === 'draining') return;
  leaving = true;
  if (form !== 'TwoPhase') drain();
  if (form !== 'Silent') {
    journal({ Announced: form });
    say({ act: form === 'OnePhase' ? 'suicide' : 'retire' });
  }
}

function toldToStop() {
  if (told) return;
  told = true;
  journal('Told');
  if (!life.ignoreTerm) drain();
}

function answer(response, status) {
  if (state === 'draining') response.setHeader('Connection', 'close');
  const body = `${JSON.stringify({ pid: process.pid, start, generation })}\n`;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
  answered += 1;
  if (life.retireAfter !== null && answered >= life.retireAfter) setImmediate(() => leave(life.retire, 0));
}

function serve(request, response) {
  const conn = sockets.get(request.socket);
  if (conn) conn.requests += 1;
  if (!asked) {
    asked = true;
    enter('Request');
  }
  const url = new URL(request.url, 'http://puppet');
  const number = (name) => Number(url.searchParams.get(name) ?? 0);
  switch (url.pathname) {
    case '/':
    case '/who':
      return answer(response, 200);
    case '/hold':
      return void setTimeout(() => answer(response, 200), number('ms'));
    case '/throw':
      if (conn) conn.thrown = true;
      return leave(life.retire, 1);
    case '/exit':
      return exit(number('code'));
    case '/hang':
      return hang();
    case '/retire':
      response.setHeader('Connection', 'close');
      answer(response, 200);
      return leave(life.retire, 0);
    default:
      response.setHeader('Connection', 'close');
      return answer(response, 404);
  }
}

function startChild(child) {
  const seconds = child.lives_for ? script.millis(child.lives_for) / 1000 : 86400;
  spawn('sleep', [String(seconds)], { detached: Boolean(child.setsid || child.orphan), stdio: 'ignore' });
}

// The channel does not block: whoever reads it slowly is waited for.
function writeAll(fd, text) {
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function obey(ask) {
  const [act, argument] = typeof ask === 'string' ? [ask, null] : Object.entries(ask)[0];
  switch (act) {
    case 'Throw':
      return leave(life.retire, 1);
    case 'Retire':
      return leave(argument, 0);
    case 'Exit':
      return exit(argument);
    case 'CloseChannel':
      // Else Node ends a worker whose channel closes.
      cluster.worker.exitedAfterDisconnect = true;
      return process.disconnect();
    case 'Spawn':
      return startChild(argument);
    case 'Flood':
      return void write('Stdout', argument);
    case 'Garble':
      return void fs.writeSync(process.channel.fd, `${argument}\n`);
    case 'Write':
      return writeAll(
        process.channel.fd,
        ((argument.begin ?? '') + 'x'.repeat(argument.fill ?? 0) + (argument.end ?? '')).repeat(argument.times ?? 1),
      );
    case 'Hang':
      return hang();
    default:
      return undefined;
  }
}

// Node has no datagram sockets below a path; the harness speaks to a stream socket as well. `exclusive`: not through
// the master, who would listen in its workers' stead.
function openSide() {
  const place = path.join(run, 'side', String(process.pid));
  fs.rmSync(place, { force: true });
  const side = net.createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => { text += chunk; });
    socket.on('end', () => obey(JSON.parse(text)));
    socket.on('error', () => {});
  });
  side.listen({ path: place, exclusive: true });
  side.unref();
}

server.keepAliveTimeout = 0;
server.headersTimeout = 0;
server.requestTimeout = 0;
server.timeout = 0;
server.on('connection', (socket) => {
  sockets.set(socket, { requests: 0, thrown: false });
  if (socket.remotePort) journal({ Accepted: socket.remotePort });
  socket.on('error', () => {});
  socket.on('close', () => {
    sockets.delete(socket);
    noticeDrained();
  });
});
server.on('clientError', (error, socket) => socket.destroy());
process.on('SIGTERM', toldToStop);
process.on('message', (message) => {
  if (message && message.act === 'drain') toldToStop();
});

journal('Born');
openSide();
enter('Boot');
if (!life.neverReady && !(crashing && life.exit.at === 'Boot')) setTimeout(ready, life.boot);
