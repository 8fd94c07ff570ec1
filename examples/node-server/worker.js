// The worker that tutorials on Node's child_process arrive at: it is sent the listening socket, and when nobody catches
// an error it says suicide, stops accepting, and leaves when its connections are gone. In this folder:
//     supervisor run pool.ron            and then            curl localhost:8101            curl localhost:8101/throw
const http = require('http');

const server = http.createServer((request, response) => {
  if (request.url === '/throw') {
    setImmediate(() => { throw new Error('a bug in the program'); });
  }
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.end(`handled by child, pid is ${process.pid}\n`);
});

let listener;
process.on('message', (message, handle) => {
  if (message === 'server') {
    listener = handle;
    listener.on('connection', (socket) => server.emit('connection', socket));
  } else if (message.act === 'drain') {
    leave(0);
  }
});

process.on('uncaughtException', (error) => {
  console.error(error.stack);
  process.send({ act: 'suicide' });
  leave(1);
});

// Whoever keeps a connection open without asking for anything doesn't hold it up; whoever waits for an answer gets it.
function leave(status) {
  listener.close(() => process.exit(status));
  server.closeIdleConnections?.();
  server.prependListener('request', (request, response) => response.setHeader('Connection', 'close'));
  setTimeout(() => process.exit(status), 5000);
}
