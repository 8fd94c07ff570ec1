'use strict';
// The lines that a worker writes, as harness/src/puppet/lines.rs has them: numbered, of many lengths, and their own proof
// that they are whole.

const fs = require('node:fs');

const MOST = 4096;
const U64 = (1n << 64n) - 1n;
const STREAMS = { Stdout: { fd: 1, name: 'out' }, Stderr: { fd: 2, name: 'err' } };

function length(number) {
  const mixed = Number(((BigInt(number) * 0x9e3779b97f4a7c15n) & U64) >> 33n);
  return mixed % 64 === 0 ? 1000 + (mixed % 1000) : 64 + (mixed % 100);
}

function line(me, name, number) {
  const whole = length(number);
  const head = `~[${me.pid}.${me.start} ${name} ${number} ${whole} `;
  return `${head.padEnd(Math.max(whole, head.length + 2) - 1, '~')}]\n`;
}

// Writes about so many bytes to `Stdout` or `Stderr`, waiting for whoever reads, and tells the journal.
function writer(me, journal) {
  const written = { Stdout: 0, Stderr: 0 };
  return (stream, bytes) => {
    const { fd, name } = STREAMS[stream];
    const since = process.hrtime.bigint();
    const first = written[stream] + 1;
    let longest = 0n;
    for (let left = bytes; left > 0; ) {
      let chunk = '';
      for (let next = line(me, name, written[stream] + 1); ; next = line(me, name, written[stream] + 1)) {
        if (chunk && chunk.length + next.length > Math.min(left, MOST)) break;
        chunk += next;
        written[stream] += 1;
      }
      const began = process.hrtime.bigint();
      try {
        fs.writeSync(fd, chunk);
      } catch {
        // Nobody will ever read it.
        return;
      }
      const took = process.hrtime.bigint() - began;
      if (took > longest) longest = took;
      left -= chunk.length;
    }
    if (written[stream] < first) return;
    journal({ Wrote: { stream, first, last: written[stream], since: Number(since), longest_ns: Number(longest) } });
  };
}

module.exports = { writer };
