import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { BanditSums, RewardOutcome, RewardWrite, ServedCount, WindowClosing } from '../../gateway/ports.ts';
import { migrate } from './state-schema.ts';
import type { StateAnswers, StateFile, StateRequest } from './state-messages.ts';

const BUSY_TIMEOUT_MS = 500;
const PAGE_BYTES = 4096;
/** Forgotten with every write beyond the writes of it, so that what has expired shrinks under any load. */
const PURGE_ROWS = 64;

/** The state file. Calls are synchronous and belong on a thread of their own. */
export class StateDatabase {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;

  /** Opens or makes the file. Throws when it cannot be written or another process has it. */
  constructor({ file, maxBytes }: StateFile) {
    this.#database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    try {
      // The lock is taken by the first write and kept until the process ends, however it ends.
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      this.#database.exec(
        `PRAGMA journal_size_limit = 16777216; PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`,
      );
      this.#database.exec('BEGIN IMMEDIATE; COMMIT');
      migrate(this.#database);
      this.#statements = prepare(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Runs requests in one transaction: all of them are durable when this returns, none when it throws. */
  runAll(requests: readonly StateRequest[], nowMs: number): StateAnswers[keyof StateAnswers][] {
    if (requests.every(({ kind }) => kind === 'readSums')) return requests.map((request) => this.#run(request, nowMs));
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const answers = requests.map((request) => this.#run(request, nowMs));
      this.#database.exec('COMMIT');
      return answers;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Forgets expired decisions, a small batch of them. */
  purge(nowMs: number): void {
    this.#statements.purge.run(nowMs, PURGE_ROWS * 16);
  }

  close(): void {
    this.#database.close();
  }

  #run(request: StateRequest, nowMs: number): StateAnswers[keyof StateAnswers] {
    switch (request.kind) {
      case 'signingKey':
        return this.#signingKey(request.proposal);
      case 'addRewards':
        this.#statements.purge.run(nowMs, request.rewards.length + PURGE_ROWS);
        return request.rewards.map((reward) => this.#addReward(reward, nowMs));
      case 'readSums':
        return new Map(request.bandits.map((bandit) => [bandit, this.#readSums(bandit)]));
      case 'addServed':
        for (const count of request.counts) this.#addServed(count);
        break;
      case 'closeWindows':
        for (const closing of request.closings) this.#closeWindows(closing);
        break;
      case 'close':
        break;
    }
    return null;
  }

  #signingKey(proposal: Uint8Array | null): Uint8Array {
    this.#statements.addKey.run(proposal ?? randomBytes(32));
    const key = this.#statements.readKey.get()?.['value'];
    if (!(key instanceof Uint8Array)) throw new Error('The signing key of the state file is damaged');
    return key;
  }

  #addReward({ bandit, arm, decision, id, reward, window, rememberMs }: RewardWrite, nowMs: number): RewardOutcome {
    const { remember, readRemembered, addReward, addUnrewarded } = this.#statements;
    const key = Buffer.from(decision, 'hex');
    if (remember.run(key, id, Math.ceil(nowMs + rememberMs)).changes === 0) {
      return readRemembered.get(key)?.['id'] === id ? 'repeated' : 'conflict';
    }
    addReward.run(bandit, arm, reward, reward * reward);
    addUnrewarded.run(bandit, window.startMs, window.lengthMs, arm, -1);
    return 'counted';
  }

  #addServed({ bandit, arm, window, count }: ServedCount): void {
    this.#statements.addServed.run(bandit, arm, count);
    this.#statements.addUnrewarded.run(bandit, window.startMs, window.lengthMs, arm, count);
  }

  #closeWindows({ bandit, reward, beforeMs }: WindowClosing): void {
    if (reward === null) this.#statements.dropDefault.run(bandit);
    else this.#statements.setDefault.run(bandit, reward);
    this.#statements.moveMissing.run(bandit, beforeMs);
    this.#statements.dropWindows.run(bandit, beforeMs);
  }

  #readSums(bandit: string): BanditSums {
    const rows = this.#statements.readArms.all(bandit);
    return {
      arms: new Map(
        rows.map((row) => [
          String(row['arm']),
          {
            count: Number(row['count']),
            sum: Number(row['sum']),
            sumOfSquares: Number(row['squares']),
            served: Number(row['served']),
          },
        ]),
      ),
    };
  }
}

function prepare(database: DatabaseSync) {
  return {
    addKey: database.prepare(`INSERT OR IGNORE INTO meta VALUES ('signing-key', ?)`),
    readKey: database.prepare(`SELECT value FROM meta WHERE name = 'signing-key'`),
    remember: database.prepare('INSERT OR IGNORE INTO rewarded VALUES (?, ?, ?)'),
    readRemembered: database.prepare('SELECT id FROM rewarded WHERE decision = ?'),
    purge: database.prepare(
      'DELETE FROM rewarded WHERE decision IN (SELECT decision FROM rewarded WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?)',
    ),
    addReward: database.prepare(
      `INSERT INTO arms VALUES (?1, ?2, 1, ?3, ?4, 0, 0) ON CONFLICT DO UPDATE
       SET count = count + 1, sum = sum + ?3, squares = squares + ?4`,
    ),
    addServed: database.prepare(
      'INSERT INTO arms VALUES (?1, ?2, 0, 0, 0, ?3, 0) ON CONFLICT DO UPDATE SET served = served + ?3',
    ),
    addUnrewarded: database.prepare(
      'INSERT INTO windows VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET unrewarded = unrewarded + ?5',
    ),
    setDefault: database.prepare('INSERT INTO defaults VALUES (?1, ?2) ON CONFLICT DO UPDATE SET reward = ?2'),
    dropDefault: database.prepare('DELETE FROM defaults WHERE bandit = ?'),
    moveMissing: database.prepare(
      `INSERT INTO arms SELECT bandit, arm, 0, 0, 0, 0, sum(unrewarded) FROM windows
       WHERE bandit = ?1 AND start_ms + length_ms <= ?2 GROUP BY bandit, arm
       ON CONFLICT DO UPDATE SET missing = missing + excluded.missing`,
    ),
    dropWindows: database.prepare('DELETE FROM windows WHERE bandit = ?1 AND start_ms + length_ms <= ?2'),
    // Below 0 are rewards whose decisions were not yet, or never, reported as served: they stand for no default.
    readArms: database.prepare(
      `SELECT arm, served, count + n AS count, sum + n * r AS sum, squares + n * r * r AS squares FROM (
         SELECT a.*, iif(d.reward IS NULL, 0, max(0, a.missing)) AS n, ifnull(d.reward, 0) AS r
         FROM arms a LEFT JOIN defaults d ON d.bandit = a.bandit WHERE a.bandit = ?
       )`,
    ),
  };
}
