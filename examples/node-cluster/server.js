// An ordinary program that clusters itself, as it would run under plain node: under the supervisor it is the worker, and
// nothing in it has to change. In this folder:
//     supervisor run pool.ron            and then            curl localhost:8102/hello/you
const cluster = require('cluster');
const http = require('http');
const os = require('os');

// As much of a framework as an example needs.
function application() {
  const routes = [];
  const handle = (request, response) => {
    const path = request.url.split('?')[0];
    for (const { method, pattern, handler } of routes) {
      const match = request.method === method && pattern.exec(path);
      if (match) {
        request.params = match.groups ?? {};
        return handler(request, response);
      }
    }
    response.writeHead(404).end('not found\n');
  };
  handle.get = (path, handler) => {
    const pattern = new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    routes.push({ method: 'GET', pattern, handler });
  };
  return handle;
}

if (cluster.isMaster) {
  os.cpus().forEach(() => cluster.fork());
  cluster.on('exit', () => cluster.fork());
} else {
  const app = application();
  app.get('/', (request, response) => response.end(`worker ${cluster.worker.id}, pid is ${process.pid}\n`));
  app.get('/hello/:name', (request, response) => response.end(`hello ${request.params.name}\n`));
  http.createServer(app).listen(process.env.PORT ?? 8102, '127.0.0.1');
}
