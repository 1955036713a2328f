import type { Buffer } from 'node:buffer';

/**
 * Symbols by the length of their code, RFC 7541 appendix B. The code is canonical: codes of one length follow each other
 * in the order of their symbols, and those of the next length follow them, so the lengths say all. 256 is EOS.
 */
const symbolsOfLength: Readonly<Record<number, string>> = {
  5: '48-50 97 99 101 105 111 115 116',
  6: '32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117',
  7: '58 66-87 89 106 107 113 118-122',
  8: '38 42 44 59 88 90',
  10: '33 34 40 41 63',
  11: '39 43 124',
  12: '35 62',
  13: '0 36 64 91 93 126',
  14: '94 125',
  15: '60 96 123',
  19: '92 195 208',
  20: '128 130 131 162 184 194 224 226',
  21: '153 161 167 172 176 177 179 209 216 217 227 229 230',
  22: '129 132-134 136 146 154 156 160 163 164 169 170 173 178 181 185-187 189 190 196 198 228 232 233',
  23: '1 135 137-141 143 147 149-152 155 157 158 165 166 168 174 175 180 182 183 188 191 197 231 239',
  24: '9 142 144 145 148 159 171 206 215 225 236 237',
  25: '199 207 234 235',
  26: '192 193 200-202 205 210 213 218 219 238 240 242 243 255',
  27: '203 204 211 212 214 221-223 241 244-248 250-254',
  28: '2-8 11 12 14-21 23-31 127 220 249',
  30: '10 13 22 256',
};

const EOS = 256;
const codes = new Uint32Array(257);
const lengths = new Uint8Array(257);

/**
 * Decoding goes from node to node of the code tree by four bits. An entry: the next node (8 bits), whether a symbol ends
 * on the way (bit 8; no code is so short that two could), and that symbol (from bit 9 on). -1: EOS ends on the way.
 */
const steps = new Int32Array(256 * 16);
const HAS_SYMBOL = 0x100;
/** Whether a string may end at the node: what came since the last symbol is ones, seven at most. */
const mayEnd = new Uint8Array(256);

fillCodes();
fillSteps();

/** The most octets that `length` octets decode to: no code is shorter than five bits. */
export function huffmanLengthMax(length: number): number {
  return Math.ceil((length * 8) / 5);
}

/**
 * Decodes `bytes[start, end)` into `into`, which has room for `huffmanLengthMax` octets: their number, or -1 for what
 * RFC 7541 5.2 forbids: EOS, padding of more than seven bits, padding that is not all ones.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const octet = bytes[at]!;
    let step = steps[(node << 4) | (octet >> 4)]!;
    if (step < 0) return -1;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step >> 9;
    step = steps[((step & 0xff) << 4) | (octet & 15)]!;
    if (step < 0) return -1;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step >> 9;
    node = step & 0xff;
  }
  return mayEnd[node] === 1 ? length : -1;
}

/** Octets that a Latin-1 text encodes to. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff]!;
  return (bits + 7) >> 3;
}

/** Encodes a Latin-1 text at `at`: the position after it. There is room for `huffmanLength` octets. */
export function huffmanEncode(text: string, into: Buffer, at: number): number {
  let end = at;
  // Less than eight bits wait for their octet, so the longest code goes in by two parts.
  let held = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    const code = codes[symbol]!;
    let left = lengths[symbol]!;
    while (left > 0) {
      const taken = left > 16 ? left - 16 : left;
      left -= taken;
      held = (held << taken) | ((code >>> left) & ((1 << taken) - 1));
      count += taken;
      while (count >= 8) {
        count -= 8;
        into[end++] = held >>> count;
      }
      held &= (1 << count) - 1;
    }
  }
  if (count > 0) into[end++] = (held << (8 - count)) | (0xff >> count);
  return end;
}

function fillCodes(): void {
  let code = 0;
  let last = 0;
  for (const [key, ranges] of Object.entries(symbolsOfLength)) {
    const length = Number(key);
    code <<= length - last;
    last = length;
    for (const range of ranges.split(' ')) {
      const [from, to = from] = range.split('-').map(Number);
      for (let symbol = from!; symbol <= to!; symbol++) {
        codes[symbol] = code++;
        lengths[symbol] = length;
      }
    }
  }
}

function fillSteps(): void {
  // For each node, where a zero and a one lead: a node, or a symbol as its complement. A code of 257 symbols has 256 nodes.
  const ways: Array<[number, number]> = [[0, 0]];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0;
    for (let left = lengths[symbol]! - 1; left > 0; left--) {
      const bit = ((codes[symbol]! >>> left) & 1) as 0 | 1;
      if (ways[node]![bit] === 0) ways[node]![bit] = ways.push([0, 0]) - 1;
      node = ways[node]![bit];
    }
    ways[node]![(codes[symbol]! & 1) as 0 | 1] = ~symbol;
  }
  for (let node = 0; node < ways.length; node++)
    for (let bits = 0; bits < 16; bits++) steps[(node << 4) | bits] = stepOf(ways, node, bits);
  for (let node = 0, ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = ways[node]![1];
  }
}

function stepOf(ways: ReadonlyArray<readonly [number, number]>, from: number, bits: number): number {
  let node = from;
  let found = 0;
  for (let left = 3; left >= 0; left--) {
    const way = ways[node]![((bits >> left) & 1) as 0 | 1];
    if (~way === EOS) return -1;
    if (way < 0) found = HAS_SYMBOL | (~way << 9);
    node = way < 0 ? 0 : way;
  }
  return found | node;
}
