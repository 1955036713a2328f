import { Buffer } from 'node:buffer';

import type { RedisOptions } from './address.ts';
import type { Asked } from './resp-asking.ts';
import { type Reply, type RespCursor, RespFailure } from './resp-cursor.ts';

/** The reply to a command that is not worth preparing. */
export class CommandReply implements Asked {
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: Error) => void;
  #reply: Reply | undefined;

  constructor(resolve: (reply: Reply) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  read(cursor: RespCursor): boolean {
    this.#reply = cursor.reply();
    return this.#reply !== undefined;
  }

  deliver(): void {
    this.#resolve(this.#reply ?? null);
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

export function commandText(words: readonly string[]): string {
  const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
  return `*${words.length}\r\n${text}`;
}

/** All that has to be said on a new connection, without waiting in between. Rejects when Redis cannot be used. */
export async function greet(
  command: (...words: string[]) => Promise<Reply>,
  { username, password, db = 0 }: RedisOptions,
  { name, needsMaster }: { readonly name: string; readonly needsMaster: boolean },
): Promise<void> {
  const hasName = typeof username === 'string' && username !== '';
  const hasPassword = typeof password === 'string' && password !== '';
  const [auth, select, role, ping] = await Promise.all([
    hasPassword ? command('AUTH', ...(hasName ? [username] : []), password) : 'OK',
    db > 0 ? command('SELECT', String(db)) : 'OK',
    needsMaster ? command('ROLE') : null,
    // Users who may do little still get to their hashes; but one that loads its data or wants a password answers here.
    command('PING'),
    command('CLIENT', 'SETNAME', name),
  ]);
  if (auth instanceof RespFailure) throw auth;
  if (select instanceof RespFailure) throw select;
  if (ping instanceof RespFailure && !/^(?:NOPERM|ERR)\b/.test(ping.message)) throw ping;
  if (Array.isArray(role) && role[0] !== 'master') throw new Error('this Redis is no master');
}
