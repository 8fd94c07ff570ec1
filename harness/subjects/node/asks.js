'use strict';
// What the harness asks of a worker on its side socket.

const fs = require('node:fs');
const { spawn } = require('node:child_process');
const script = require('./script.js');

const BABBLE_STEP = 5;
let closed = false;

// Whether the channel is open, as far as this worker is concerned.
function isConnected() {
  return !closed;
}

function closeChannel() {
  closed = true;
  process.disconnect();
}

function startChild(child) {
  const seconds = child.lives_for ? script.millis(child.lives_for) / 1000 : 86400;
  const held = child.holds_descriptors && process.connected ? [process.channel.fd] : [];
  // Its parent exits at once, so that somebody has to adopt it.
  const command = child.orphan ? `sleep ${seconds} & exit 0` : `exec sleep ${seconds}`;
  spawn('sh', ['-c', command], { detached: Boolean(child.setsid), stdio: ['ignore', 'ignore', 'ignore', ...held] });
}

// The channel does not block: whoever reads it slowly is waited for.
function writeAll(text) {
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(fs.writeSync(process.channel.fd, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

// The same line over and over, in steps.
function babble({ line, per_second: rate, for: span }) {
  const began = process.hrtime.bigint();
  const whole = script.millis(span);
  let said = 0;
  const timer = setInterval(() => {
    const millis = Math.min(Number(process.hrtime.bigint() - began) / 1e6, whole);
    const due = Math.floor((rate * millis) / 1000);
    if (due > said && process.connected) writeAll(`${line}\n`.repeat(due - said));
    said = due;
    if (millis >= whole) clearInterval(timer);
  }, BABBLE_STEP);
}

// Gives a function that does what it is asked for.
function obeyer({ life, journal, write, say, leave, exit, hang }) {
  return (ask) => {
    const [act, argument] = typeof ask === 'string' ? [ask, null] : Object.entries(ask)[0];
    switch (act) {
      case 'Throw':
        return leave(life.retire, 1);
      case 'Retire':
        return leave(argument, 0);
      case 'Exit':
        return exit(argument);
      case 'CloseChannel':
        return closeChannel();
      case 'Spawn':
        return startChild(argument);
      case 'Flood':
        return void write('Stdout', argument);
      case 'Garble':
        return void (process.connected && writeAll(`${argument}\n`));
      case 'Write':
        return void (process.connected && writeAll(
          ((argument.begin ?? '') + 'x'.repeat(argument.fill ?? 0) + (argument.end ?? '')).repeat(argument.times ?? 1),
        ));
      case 'Babble':
        return babble(argument);
      case 'Publish':
        journal({ Published: [argument.topic, argument.data] });
        return say({ act: 'publish', topic: argument.topic, data: JSON.parse(argument.data) });
      case 'SignalGroup':
        return void process.kill(0, `SIG${argument}`);
      case 'Hang':
        return hang();
      default:
        return undefined;
    }
  };
}

module.exports = { isConnected, startChild, obeyer };
