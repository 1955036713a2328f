import type { RequestHeaders } from '../../gateway/ports.ts';
import { BlockHeaders } from '../../gateway/request-headers.ts';
import { crossingOf, DROP_ALWAYS, DROP_UPSTREAM } from '../../protocol/header-crossing.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';

/** Most fields that are asked for are not there: so many bits say which may be. */
const BITS = 31;

/** The header fields of a call. */
class CallHeaders extends BlockHeaders {
  readonly #names: number;

  constructor(block: HeaderBlock, upstream: HeaderBlock, names: number) {
    super(block, upstream);
    this.#names = names;
  }

  override get(name: string): string | undefined {
    return (this.#names & nameBit(name)) === 0 ? undefined : super.get(name);
  }
}

/** Clients send the same fields with each call, so those of the last one are remembered. */
let last = new CallHeaders('', '', 0);
let lastBlock: HeaderBlock = '';

/** The fields of a block that came over HTTP/2: its names are lower-case, and none is one of a connection. */
export function callHeaders(block: HeaderBlock): RequestHeaders {
  if (block !== lastBlock) {
    last = read(block);
    lastBlock = block;
  }
  return last;
}

function read(block: HeaderBlock): CallHeaders {
  let upstream = '';
  let names = 0;
  let run = 0;
  for (let start = 0; start < block.length;) {
    const end = block.indexOf('\n', start) + 1;
    const name = block.slice(start, block.indexOf(':', start + 1));
    names |= nameBit(name);
    if ((crossingOf(name) & (DROP_ALWAYS | DROP_UPSTREAM)) !== 0) {
      upstream += block.slice(run, start);
      run = end;
    }
    start = end;
  }
  return new CallHeaders(block, run === 0 ? block : upstream + block.slice(run), names);
}

function nameBit(name: string): number {
  return 1 << ((name.length * 3 + name.charCodeAt(0)) % BITS);
}
