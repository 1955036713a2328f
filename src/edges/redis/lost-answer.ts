/** The command was not sent, so there is no doubt that it did nothing. */
export class NotConnected extends Error {
  constructor() {
    super('Redis is not connected.');
  }
}

/**
 * Whether a command failed on its way, by its connection or its time, so that it is in doubt whether Redis ran it. An
 * answer of Redis that refuses it leaves no doubt, and neither does a call that could not be put together.
 */
export function isLostAnswer(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof NotConnected) return false;
  return error.name !== 'ReplyError' && !(error instanceof RangeError) && !(error instanceof TypeError);
}
