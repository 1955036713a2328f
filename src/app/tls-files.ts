import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import type { FrontTls } from '../edges/http2/node-server.ts';
import type { TlsFiles } from './settings.ts';

/** Reads the files of a listener. Throws a text for operators when one cannot be read, or they do not fit together. */
export function readTlsFiles(files: TlsFiles, listener: string): FrontTls {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new Error(`A file of ${listener}.tls cannot be read: ${String(error)}`, { cause: error });
    }
  };
  const tls = {
    cert: read(files.cert),
    key: read(files.key),
    clientCa: files.clientCa === null ? null : read(files.clientCa),
  };
  try {
    createSecureContext({ cert: tls.cert, key: tls.key, ca: tls.clientCa ?? undefined });
  } catch (error) {
    throw new Error(`The files of ${listener}.tls are no certificate and its key: ${String(error)}`, { cause: error });
  }
  return tls;
}
