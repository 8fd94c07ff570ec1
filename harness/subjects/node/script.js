'use strict';
// What the harness tells a worker: its ticket, its life, and durations as people write them.

const fs = require('node:fs');
const path = require('node:path');

const UNITS = { ns: 1e-6, us: 1e-3, ms: 1, s: 1e3, sec: 1e3, m: 6e4, min: 6e4, h: 36e5, hr: 36e5, d: 864e5, day: 864e5 };

// '1m 30s' in milliseconds.
function millis(span) {
  let sum = 0;
  for (const [, number, unit] of span.matchAll(/(\d+)\s*([a-z]+)/g)) {
    sum += Number(number) * (UNITS[unit] ?? UNITS[unit.replace(/s$/, '')] ?? NaN);
  }
  return sum;
}

// The first number of this generation that nobody has taken yet.
function takeTicket(run, generation) {
  for (let number = 1; ; number += 1) {
    try {
      fs.closeSync(fs.openSync(path.join(run, 'tickets', `${generation}.${number}`), 'wx'));
      return number;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
}

// The n-th worker of its generation gets the n-th life of that generation's list.
function lifeOf(lives, generation, ticket) {
  const list = generation === 1 ? lives.first : lives.generation?.[generation];
  return list?.[ticket - 1] ?? lives.then ?? 'Serve';
}

const SERVE = {
  boot: 0,
  neverReady: false,
  exit: null,
  hang: null,
  retire: 'OnePhase',
  retireAfter: null,
  lifetime: null,
  ignoreTerm: false,
  slowStop: 0,
  busy: false,
  silent: false,
  deaf: false,
  leak: 0,
  output: 0,
  stderr: 0,
  lastWords: 0,
  subscribe: [],
  children: [],
};

// Every life as one record.
function record(life) {
  const [name, of] = typeof life === 'string' ? [life, null] : Object.entries(life)[0];
  const exit = (from, code) => ({ at: from.at, code: from.code ?? code, after: millis(from.after ?? '0s') });
  switch (name) {
    case 'Serve':
      return SERVE;
    case 'Crash':
      return { ...SERVE, exit: exit(of, 1) };
    case 'Hang':
      return { ...SERVE, hang: of.at };
    case 'IgnoreTerm':
      return { ...SERVE, ignoreTerm: true };
    case 'SlowBoot':
      return { ...SERVE, boot: millis(of) };
    case 'SlowStop':
      return { ...SERVE, slowStop: millis(of) };
    case 'RetireAtFirstRequest':
      return { ...SERVE, retire: of, retireAfter: 1 };
    case 'Leak':
      return { ...SERVE, leak: of };
    case 'Flood':
      return { ...SERVE, output: of };
    case 'Record':
      return {
        boot: millis(of.boot ?? '0s'),
        neverReady: of.never_ready ?? false,
        exit: of.exit ? exit(of.exit, 0) : null,
        hang: of.hang ?? null,
        retire: of.retire ?? 'OnePhase',
        retireAfter: of.retire_after ?? null,
        lifetime: of.lifetime ? millis(of.lifetime) : null,
        ignoreTerm: of.ignore_term ?? false,
        slowStop: millis(of.slow_stop ?? '0s'),
        busy: of.busy ?? false,
        silent: of.silent ?? false,
        deaf: of.deaf ?? false,
        leak: of.leak ?? 0,
        output: of.output?.bytes_per_second ?? 0,
        stderr: of.stderr?.bytes_per_second ?? 0,
        lastWords: of.last_words ?? 0,
        subscribe: of.subscribe ?? [],
        children: of.children ?? [],
      };
    default:
      throw new Error(`this puppet has no life \`${name}\``);
  }
}

// Fields 1 and 22 of /proc/self/stat: fields are counted after the name, which may hold anything.
function whoIs(stat) {
  return { pid: parseInt(stat, 10), start: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) };
}

module.exports = { millis, takeTicket, lifeOf, record, whoIs };
