import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MAX_CONFIG_BYTES } from './yaml-source.ts';

export interface WatchOptions {
  /** How long the contents must stay the same before a change is told: editors write in several steps. */
  readonly debounceMs?: number;
  /** How often to look even when the system tells nothing: network folders and replaced folders are silent. */
  readonly pollMs?: number;
}

export interface FileWatch {
  close(): void;
}

/**
 * Calls `onChange` when the contents of a file have changed: written in place, replaced by rename, or swapped behind a
 * symbolic link, as Kubernetes does with `..data`. A file that is away for a moment is waited for. Events of the system
 * make it quick and a look every `pollMs` makes it sure. `onChange` must not throw. Resolves when the watch stands.
 */
export async function watchFile(path: string, onChange: () => void, options: WatchOptions = {}): Promise<FileWatch> {
  const watching = new WatchedFile(path, onChange, options);
  await watching.start();
  return watching;
}

class WatchedFile implements FileWatch {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #debounceMs: number;
  readonly #pollMs: number;
  #told: string | null = null;
  /** Contents seen by the last look, told once they stay. */
  #seen: string | null = null;
  #signature = '';
  #folders = new Map<string, { readonly id: string; readonly watcher: FSWatcher | null }>();
  #timer: NodeJS.Timeout | undefined;
  /** When the next look is due, steady milliseconds. */
  #dueMs = Infinity;
  /** The file was away since its contents were told last. */
  #wasAway = false;
  #isLooking = false;
  #isEventPending = false;
  #isClosed = false;

  constructor(path: string, onChange: () => void, options: WatchOptions) {
    this.#path = path;
    this.#onChange = onChange;
    this.#debounceMs = options.debounceMs ?? 100;
    this.#pollMs = options.pollMs ?? 1000;
  }

  async start(): Promise<void> {
    await this.#watchFolders();
    this.#told = await this.#readDigest();
    this.#seen = this.#told;
    this.#schedule(this.#pollMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#folders.values()) watcher?.close();
    this.#folders.clear();
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#dueMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => void this.#look(), delayMs);
    this.#timer.unref();
  }

  /** What events say differs between systems; that something happened is enough. */
  #hearEvent(): void {
    this.#signature = '';
    if (this.#isLooking) this.#isEventPending = true;
    // Other files of the folder may be written all the time; that must not put off the look for ever.
    else if (this.#dueMs > performance.now() + this.#debounceMs) this.#schedule(this.#debounceMs);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    await this.#watchFolders();
    const digest = await this.#readDigest();
    this.#isLooking = false;
    if (this.#isClosed) return;

    const isSettled = digest === this.#seen;
    this.#seen = digest;
    this.#wasAway ||= digest === null;
    const isNew = digest !== null && (this.#wasAway || digest !== this.#told);
    const isUrgent = this.#isEventPending || (isNew && !isSettled);
    this.#isEventPending = false;
    this.#schedule(isUrgent ? this.#debounceMs : this.#pollMs);
    if (isNew && isSettled) {
      this.#told = digest;
      this.#wasAway = false;
      this.#onChange();
    }
  }

  /** Digest of the contents, null when there are none to read. Reads only when the file looks different. */
  async #readDigest(): Promise<string | null> {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(this.#path, { bigint: true });
      const signature = [dev, ino, size, mtimeNs, ctimeNs].join(':');
      if (signature === this.#signature) return this.#seen;
      const tooLarge = size > BigInt(MAX_CONFIG_BYTES);
      const contents = tooLarge ? signature : await readFile(this.#path);
      this.#signature = signature;
      return createHash('sha256').update(contents).digest('hex');
    } catch {
      // Away for a moment, or no right to read it: the next look tells.
      this.#signature = '';
      return null;
    }
  }

  /** Watches the folder of the path and the folder that links lead to; anew when either was replaced. */
  async #watchFolders(): Promise<void> {
    const wanted = new Map<string, string>();
    for (const folder of [dirname(this.#path), await findRealFolder(this.#path)]) {
      const id = await identify(folder);
      if (folder !== null && id !== null) wanted.set(folder, id);
    }
    if (this.#isClosed) return;
    for (const [folder, { id, watcher }] of this.#folders) {
      if (wanted.get(folder) === id) continue;
      watcher?.close();
      this.#folders.delete(folder);
    }
    for (const [folder, id] of wanted) {
      if (!this.#folders.has(folder)) this.#folders.set(folder, { id, watcher: this.#openWatcher(folder) });
    }
  }

  /** Null when the system has no watches left; looking every `pollMs` remains. */
  #openWatcher(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#hearEvent());
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return null;
    }
  }
}

async function findRealFolder(path: string): Promise<string | null> {
  try {
    return dirname(await realpath(path));
  } catch {
    return null;
  }
}

async function identify(folder: string | null): Promise<string | null> {
  if (folder === null) return null;
  try {
    const { dev, ino } = await stat(folder, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
