import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, answerPath = '', contentType = '', readyPath = ''] = process.argv.slice(2);
const answer = readFileSync(answerPath);
const head = ['content-type', contentType, 'content-length', String(answer.length)];

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  request.resume();
  if (request.url === readyPath) {
    response.end();
    return;
  }
  request.on('end', () => {
    response.writeHead(200, head);
    response.end(answer);
  });
});
server.listen(Number(port), '127.0.0.1', 1024);
process.on('SIGTERM', () => process.exit(0));
