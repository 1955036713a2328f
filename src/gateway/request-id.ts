import { randomBytes } from 'node:crypto';

const ACCEPTED = /^[A-Za-z0-9._~:/+=@-]{1,128}$/;

/** Keeps the client's request id when it is harmless in logs and headers, else makes a new one. */
export function requestIdOf(fromClient: string | undefined): string {
  return fromClient !== undefined && ACCEPTED.test(fromClient) ? fromClient : makeRequestId();
}

let prefix = '';
let counter = 0;

/** 26 characters, unique: 96 random bits, made anew every 2^20 ids, and a counter. */
function makeRequestId(): string {
  if ((counter & 0xfffff) === 0) prefix = randomBytes(10).toString('hex');
  const id = prefix + counter.toString(16).padStart(6, '0');
  counter = (counter + 1) & 0xffffff;
  return id;
}
