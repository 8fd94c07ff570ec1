'use strict';
// The scripted worker in JavaScript: journal, ticket, side socket and lives as the puppet of the harness keeps them.
// Usage: puppet.js HOST PORT [SOCKET], with HARNESS_RUN naming the run's directory: in a cluster it listens there; else it
// is sent what it serves on (gate.js). Under a supervisor without a drain deadline it leaves after at most 5 s.

const cluster = require('node:cluster');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const asks = require('./asks.js');
const gate = require('./gate.js');
const lines = require('./lines.js');
const script = require('./script.js');

const run = process.env.HARNESS_RUN;
const FIRST_REQUEST_GRACE = 500;
const IDLE_LINGER = 5;
const OUTPUT_STEP = 10;

const plan = JSON.parse(fs.readFileSync(path.join(run, 'plan.json'), 'utf8'));
const generation = Number(fs.readFileSync(path.join(run, 'generation'), 'utf8'));
const ticket = script.takeTicket(run, generation);
const own = process.env.HARNESS_LIFE && JSON.parse(process.env.HARNESS_LIFE);
const life = script.record(own ?? script.lifeOf(plan.lives, generation, ticket));
// As those outside see it, who may be in another namespace.
const { pid, start } = script.whoIs(fs.readFileSync('/proc/self/stat', 'utf8'));
const ownDeadline = plan.own_deadline_ms == null ? null : Math.min(plan.own_deadline_ms, 5000);

const journalFile = fs.openSync(path.join(run, 'journal'), 'a');
const write = lines.writer({ pid, start }, journal);
const sockets = new Map();
const leaked = [];
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
  const rest = JSON.stringify({ pid, start, ticket, generation, entry }).slice(1);
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
  journal('Hangs');
  for (;;) if (!life.busy) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
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
  entrance.open(() => {
    if (state !== 'booting') return;
    state = 'serving';
    for (const topic of life.subscribe) {
      journal({ Subscribed: topic });
      say({ act: 'subscribe', topic });
    }
    journal('Ready');
    say({ act: 'ready' });
    for (const child of life.children) asks.startChild(child);
    if (life.output) setInterval(() => write('Stdout', life.output * OUTPUT_STEP / 1000), OUTPUT_STEP);
    if (life.stderr) setInterval(() => write('Stderr', life.stderr * OUTPUT_STEP / 1000), OUTPUT_STEP);
    if (life.lifetime !== null) setTimeout(() => leave(life.retire, 0), life.lifetime);
    if (plan.beat_ms && !life.silent) setInterval(() => state === 'serving' && say({ act: 'alive' }), plan.beat_ms);
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
  // In a cluster this hands the listener back.
  entrance.close();
  // A request that is on its way by now is read before idle connections are closed.
  setTimeout(() => setImmediate(closeIdle), IDLE_LINGER);
  if (ownDeadline !== null) setTimeout(() => exit(code), ownDeadline);
  setTimeout(() => {
    for (const [socket, conn] of sockets) if (conn.requests === 0) socket.destroy();
  }, FIRST_REQUEST_GRACE);
  enter('Drain');
  noticeDrained();
}

function closeIdle() {
  for (const [socket, conn] of sockets) if (conn.requests > 0 && !conn.busy) socket.destroy();
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

// True if it does as it is told.
function toldToStop() {
  if (!told) {
    told = true;
    journal('Told');
    if (!life.ignoreTerm) drain();
  }
  return !life.ignoreTerm;
}

// The channel has ended, and it was not this worker that ended it: nobody is there to set it a deadline.
function orphaned() {
  if (life.ignoreTerm) return;
  drain();
  setTimeout(() => exit(code), plan.orphan_grace_ms);
}

// `bytes`: with spaces behind it, so many in all.
function answer(request, response, status, bytes = 0) {
  if (state === 'draining') response.setHeader('Connection', 'close');
  const body = `${JSON.stringify({ pid, start, generation })}\n`.padEnd(bytes);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body, () => {
    const conn = sockets.get(request.socket);
    if (conn) conn.busy = false;
  });
  answered += 1;
  if (life.retireAfter !== null && answered >= life.retireAfter) setImmediate(() => leave(life.retire, 0));
}

function serve(request, response) {
  const conn = sockets.get(request.socket);
  if (conn) {
    conn.requests += 1;
    conn.busy = true;
  }
  if (!asked) {
    asked = true;
    enter('Request');
  }
  if (life.leak) leaked.push(Buffer.alloc(life.leak, 1));
  const url = new URL(request.url, 'http://puppet');
  const number = (name) => Number(url.searchParams.get(name) ?? 0);
  switch (url.pathname) {
    case '/':
    case '/who':
      return answer(request, response, 200);
    case '/hold':
      return void setTimeout(() => answer(request, response, 200), number('ms'));
    case '/long':
      response.setHeader('Connection', 'close');
      return answer(request, response, 200, number('bytes'));
    case '/take':
      response.setHeader('Connection', 'close');
      request.resume();
      return void request.on('end', () => answer(request, response, 200));
    case '/throw':
      if (conn) conn.thrown = true;
      return leave(life.retire, 1);
    case '/exit':
      return exit(number('code'));
    case '/hang':
      return hang();
    case '/retire':
      response.setHeader('Connection', 'close');
      answer(request, response, 200);
      return leave(life.retire, 0);
    default:
      response.setHeader('Connection', 'close');
      return answer(request, response, 404);
  }
}

// Node has no datagram sockets below a path; the harness speaks to a stream socket as well. `exclusive`: not through
// the primary, who would listen in its workers' stead.
function openSide() {
  const place = path.join(run, 'side', String(pid));
  const obey = asks.obeyer({ life, journal, write, say, leave, exit, hang });
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

const entrance = gate.gate({
  serve,
  places: process.argv.slice(2),
  told: toldToStop,
  hears: () => !life.deaf,
  takes: () => state === 'serving',
  note: (port, taken) => journal(taken ? { Accepted: port } : { Refused: port }),
  connected: (socket) => {
    sockets.set(socket, { requests: 0, busy: false, thrown: false });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      noticeDrained();
    });
  },
});
process.on('SIGTERM', toldToStop);
process.on('message', (message) => {
  if (life.deaf) return;
  if (message && message.act === 'drain') toldToStop();
  if (message && message.act === 'update') journal({ Heard: [message.topic, JSON.stringify(message.data)] });
});
// Node would end at once a worker of a cluster that loses its primary, with all that it holds.
if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
// What can't be said to whoever has just gone is not this worker's error.
process.on('error', () => {});
process.on('disconnect', () => asks.isConnected() && !told && orphaned());

openSide();
journal('Born');
if (process.env.HARNESS_REVISION) journal({ Runs: Number(process.env.HARNESS_REVISION) });
enter('Boot');
if (!life.neverReady && !(crashing && life.exit.at === 'Boot')) setTimeout(ready, life.boot);
