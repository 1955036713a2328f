import { Buffer, isUtf8 } from 'node:buffer';

import type { Protocol } from '../core/facts.ts';
import type { Mount, Snapshot } from '../core/snapshot.ts';
import { parseInferencePath } from '../protocol/paths/inference-path.ts';
import { type MountedPath, nameModel, needsModel, readMountedPath, restOf } from '../protocol/paths/mounted-path.ts';
import type { RequestHeaders } from './ports.ts';

/** Paths are parsed once; clients could ask for endless ones, so the table is emptied when it is full. */
const PATHS_MIN = 4096;
const PATHS_PER_MODEL = 4;
const PATH_LENGTH_MAX = 512;

/** Clients of Seldon Core 2 name the model in it, whatever the path says. */
const SELDON_MODEL = 'seldon-model';

/** Where Seldon's clients send rewards to; a deployment that is mounted there may want them itself. */
const feedbackPaths: ReadonlySet<string> = new Set(['/api/v1.0/feedback', '/api/v0.1/feedback']);
/** Where rewards are sent to: no path of another protocol, whatever the mounts say. */
const ownPaths: ReadonlySet<string> = new Set(['/rewards', ...feedbackPaths]);

/** What OpenAI's clients ask for, served or not. */
const OPENAI =
  /^\/openai\/|^\/v1\/(?:audio|batches|files|fine_tuning|images|moderations|responses|uploads|vector_stores)(?:\/|$)/;

/** A path, and what it asks for. */
export interface KnownPath extends MountedPath {
  /** Lower-case name of a header that names the model when it is there; null for none. */
  readonly modelFrom: string | null;
  /** Whether it was found beneath a mount. */
  readonly isMounted: boolean;
}

export interface ServedPathsOptions {
  /** Stands before every inference path but those of mounts; `''` for none. */
  readonly prefix: string;
  readonly mounts: readonly Mount[];
  /** Number of models that are served. */
  readonly models: number;
}

/** What the paths of requests mean under one configuration. */
export class ServedPaths {
  /** Whether the host of a request counts. */
  readonly hasHosts: boolean;
  readonly #prefix: string;
  readonly #mounts: readonly Mount[];
  readonly #hosts: ReadonlySet<string>;
  readonly #max: number;
  readonly #known = new Map<string, KnownPath | null>();

  constructor({ prefix, mounts, models }: ServedPathsOptions) {
    this.#prefix = prefix;
    this.#mounts = mounts;
    this.#hosts = new Set(mounts.flatMap(({ host }) => (host === null ? [] : [host])));
    this.hasHosts = this.#hosts.size > 0;
    this.#max = Math.max(PATHS_MIN, PATHS_PER_MODEL * models);
  }

  /**
   * A path as the client sent it, without its query, and the value of Host where `hasHosts`; null: no inference path is
   * there.
   */
  lookup(whole: string, hostHeader: string | undefined): KnownPath | null {
    const host = this.hasHosts ? this.#hostIn(hostHeader) : '';
    const key = host === '' ? whole : `${host} ${whole}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#read(whole, host);
    if (whole.length <= PATH_LENGTH_MAX) {
      if (this.#known.size >= this.#max) this.#known.clear();
      this.#known.set(key, found);
    }
    return found;
  }

  /** Whose clients a path that `lookup` does not know is for, as far as what stands before it tells. */
  protocolOf(whole: string, hostHeader: string | undefined): Protocol {
    const host = this.hasHosts ? this.#hostIn(hostHeader) : '';
    for (const mount of this.#mounts) {
      if (mount.protocol === null || (mount.host !== null && mount.host !== host)) continue;
      if (restOf(whole, mount.prefix) !== null) return mount.protocol;
    }
    return OPENAI.test(restOf(whole, this.#prefix) ?? '') ? 'openai' : 'oip';
  }

  /** The host of a mount that is asked for; `''` for every other one, so that they share their places in the table. */
  #hostIn(header = ''): string {
    const host = header.replace(/:[0-9]*$/, '').toLowerCase();
    return this.#hosts.has(host) ? host : '';
  }

  #read(whole: string, host: string): KnownPath | null {
    const isOwn = isOwnPath(whole);
    for (const mount of this.#mounts) {
      if (mount.host !== null && mount.host !== host) continue;
      if (isOwn && !(mount.protocol === 'seldon-v1' && feedbackPaths.has(whole))) continue;
      const mounted = readMountedPath(mount, whole);
      if (mounted !== null) return knownAt(mount, mounted);
    }
    if (isOwn) return null;
    // Escapes in the prefix make it another path: it is compared as it came.
    const path = restOf(whole, this.#prefix);
    const meaning = path === null ? null : parseInferencePath(path);
    return path === null || meaning === null ? null : withSeldonHeader({ path, meaning }, false);
  }
}

/** What the paths of requests mean under the snapshots that go live one after another. */
export class PathTable {
  readonly #prefix: string;
  #snapshot: Snapshot | null = null;
  #paths: ServedPaths | null = null;

  /** `prefix` is that of the listener, which a reload does not change. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Those of the live snapshot; they are begun anew when a snapshot is seen first. */
  of(snapshot: Snapshot): ServedPaths {
    if (this.#paths !== null && snapshot === this.#snapshot) return this.#paths;
    this.#snapshot = snapshot;
    const models = snapshot.index.modelNames.length;
    return (this.#paths = new ServedPaths({ prefix: this.#prefix, mounts: snapshot.mounts, models }));
  }
}

/** Whether a path is one that Makas answers itself, as a router that decodes paths would find it. */
export function isOwnPath(whole: string): boolean {
  if (!whole.includes('%')) return ownPaths.has(whole);
  try {
    return ownPaths.has(decodeURIComponent(whole));
  } catch {
    return false;
  }
}

/**
 * The request for the model that a header names, else as it is. Null when a header names one that cannot stand in the
 * path.
 */
export function applyModelHeader(known: KnownPath, headers: RequestHeaders): MountedPath | null {
  const { modelFrom } = known;
  const value = modelFrom === null ? undefined : headers.get(modelFrom);
  if (value === undefined || value === '') return known;
  const model = decodeText(value);
  return model === known.meaning.model ? known : nameModel(known, model);
}

/** A mount says which model is meant only where the path does not. */
function knownAt({ model, modelFrom }: Mount, found: MountedPath): KnownPath | null {
  if (!needsModel(found.meaning)) return withSeldonHeader(found, true);
  const named = model === '' ? found : nameModel(found, model);
  if (named === null) return null;
  return modelFrom === null ? withSeldonHeader(named, true) : { ...named, modelFrom, isMounted: true };
}

function withSeldonHeader(found: MountedPath, isMounted: boolean): KnownPath {
  const isOfModel = found.meaning.protocol === 'oip' && found.path.startsWith('/v2/models/');
  return { ...found, modelFrom: isOfModel ? SELDON_MODEL : null, isMounted };
}

/** Lanes give the bytes of a header as Latin-1; names are UTF-8. */
function decodeText(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}
