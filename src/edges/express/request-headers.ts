import { BlockHeaders } from '../../gateway/request-headers.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';
import { nameBit } from '../../protocol/http1/request-head.ts';

/** The header fields of a request as its bytes stood on the wire. */
export class ExpressHeaders extends BlockHeaders {
  readonly #names: number;

  /** `names`: the bits of the names in `fields`, see `nameBit`. */
  constructor(fields: HeaderBlock, upstream: HeaderBlock, names: number) {
    super(fields, upstream);
    this.#names = names;
  }

  /** Most fields that are asked for are not there: then the block need not be searched. */
  override get(name: string): string | undefined {
    const mayBe = (this.#names & nameBit(name.length, name.charCodeAt(0))) !== 0;
    return mayBe ? super.get(name) : undefined;
  }
}
