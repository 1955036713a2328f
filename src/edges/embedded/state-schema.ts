import type { DatabaseSync } from 'node:sqlite';

/** Each entry brings the file from the version of its position to the next; entries are only ever added. */
const migrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
   CREATE TABLE arms (
     bandit TEXT NOT NULL, arm TEXT NOT NULL, count INTEGER NOT NULL, sum REAL NOT NULL, squares REAL NOT NULL,
     served INTEGER NOT NULL, missing INTEGER NOT NULL, PRIMARY KEY (bandit, arm)
   ) WITHOUT ROWID;
   CREATE TABLE windows (
     bandit TEXT NOT NULL, start_ms INTEGER NOT NULL, length_ms INTEGER NOT NULL, arm TEXT NOT NULL,
     unrewarded INTEGER NOT NULL, PRIMARY KEY (bandit, start_ms, length_ms, arm)
   ) WITHOUT ROWID;
   CREATE TABLE defaults (bandit TEXT PRIMARY KEY, reward REAL NOT NULL) WITHOUT ROWID;
   CREATE TABLE rewarded (decision BLOB PRIMARY KEY, id TEXT NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX rewarded_by_expiry ON rewarded (expires_ms);`,
];

/** Brings the file to the present version, each step in a transaction of its own. Throws for a file of a later version. */
export function migrate(database: DatabaseSync, steps: readonly string[] = migrations): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (found > steps.length) {
    throw new Error(`It was written by a newer version of Makas (schema ${found}, this one knows ${steps.length}).`);
  }
  for (let version = found; version < steps.length; version++) {
    database.exec(`BEGIN IMMEDIATE; ${steps[version]}; PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}
