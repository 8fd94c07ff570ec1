'use strict';
// The customary cluster master, as tutorials have it: fork one worker per place, fork again on 'exit', pass a stop on.
// Usage: node master.js WORKERS HOST PORT

const cluster = require('node:cluster');
const path = require('node:path');

const [workers, host, port] = process.argv.slice(2);
let stopping = false;

cluster.setupPrimary({ exec: path.join(__dirname, '../node/puppet.js'), args: [host, port] });

cluster.on('exit', () => {
  if (!stopping) {
    cluster.fork();
  } else if (Object.keys(cluster.workers).length === 0) {
    process.exit(0);
  }
});

function stop() {
  if (stopping) return;
  stopping = true;
  const running = Object.values(cluster.workers);
  if (running.length === 0) process.exit(0);
  for (const worker of running) worker.process.kill('SIGTERM');
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);

for (let i = 0; i < Number(workers); i += 1) cluster.fork();
