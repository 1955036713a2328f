import { GatewayError } from '../core/errors.ts';
import { headerList, joinedHeader, separatorOf, type HeaderBlock } from '../protocol/header-block.ts';
import { upstreamFields } from '../protocol/header-crossing.ts';
import type { RequestHeaders } from './ports.ts';

/** Header fields as a flat list name, value, name, value ...; names keep the case in which they came. */
export class ListedHeaders implements RequestHeaders {
  readonly #list: readonly string[];
  #upstream: HeaderBlock | null = null;

  constructor(list: readonly string[]) {
    this.#list = list;
  }

  get(name: string): string | undefined {
    const list = this.#list;
    let found: string | undefined;
    for (let i = 0; i < list.length; i += 2) {
      const raw = list[i] ?? '';
      if (raw.length !== name.length || (raw !== name && raw.toLowerCase() !== name)) continue;
      const value = list[i + 1] ?? '';
      found = found === undefined ? value : found + separatorOf(name) + value;
    }
    return found;
  }

  all(): Record<string, string> {
    return collect(this.#list);
  }

  /** Throws BAD_REQUEST when a field cannot be written down again. */
  get upstream(): HeaderBlock {
    try {
      return (this.#upstream ??= upstreamFields(this.#list));
    } catch (error) {
      const text = 'A header field holds characters that it must not have.';
      throw new GatewayError('BAD_REQUEST', text, String(error));
    }
  }
}

/** Header fields as the block that came over the wire. */
export class BlockHeaders implements RequestHeaders {
  readonly #block: HeaderBlock;
  readonly upstream: HeaderBlock;

  /** `upstream`: the part of the block that crosses to a backend. */
  constructor(block: HeaderBlock, upstream: HeaderBlock) {
    this.#block = block;
    this.upstream = upstream;
  }

  get(name: string): string | undefined {
    return joinedHeader(this.#block, name);
  }

  all(): Record<string, string> {
    return collect(headerList(this.#block));
  }
}

function collect(list: readonly string[]): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (let i = 0; i < list.length; i += 2) {
    const name = (list[i] ?? '').toLowerCase();
    const value = list[i + 1] ?? '';
    all[name] = all[name] === undefined ? value : all[name] + separatorOf(name) + value;
  }
  return all;
}
