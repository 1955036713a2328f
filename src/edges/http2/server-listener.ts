import { createServer, type Server } from 'node:net';

import type { FieldSection } from '../../protocol/http2/field-section.ts';
import type { OnStream } from './server-side.ts';
import type { ConnectionWatch } from './connection-watch.ts';
import { type ConnectionOwner, type ConnectionSetting, readerOptions, ServerConnection } from './server-connection.ts';
import type { SocketStream } from './server-stream.ts';

/** A server of HTTP/2 by prior knowledge, on plain sockets. `onUnexpected`: something was thrown that nobody caught. */
export function createSocketServer(
  setting: ConnectionSetting,
  watch: ConnectionWatch,
  onStream: OnStream,
  onUnexpected: (error: unknown) => void,
): Server {
  const options = readerOptions(setting);
  const owner: ConnectionOwner = {
    onStream: (stream: SocketStream, { method, path, authority, block }: FieldSection, isEnded: boolean) =>
      onStream(stream, { method, path, authority, block }, isEnded),
    onGone: (connection) => watch.remove(connection),
    onUnexpected,
  };
  return createServer({ noDelay: true }, (socket) => watch.add(new ServerConnection(owner, setting, options, socket)));
}
