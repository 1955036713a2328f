import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Rejects when somebody listens on this address already. Workers share their port, and the system would let another
 * gateway that was started by mistake share it too and take half of the requests.
 */
export async function checkPortIsFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
