import { bucketOf } from './hash.ts';

const TWO_32 = 4294967296;

/**
 * A deterministic stream of uniform draws in [0, 1), each a multiple of 2^-32. Equal seeds (integers, modulo 2^32) give
 * equal streams. Generator: sfc32 of C. Doty-Humphrey's PractRand, which passes its test suite and BigCrush; the three
 * words of its state come from the seed by splitmix32 (the finaliser of MurmurHash3 over a Weyl sequence), so that
 * neighbouring seeds give unrelated streams. Not for secrets.
 */
export function createDraws(seed: number): () => number {
  let weyl = seed | 0;
  const nextWord = (): number => {
    weyl = (weyl + 0x9e3779b9) | 0;
    let z = Math.imul(weyl ^ (weyl >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  let a = nextWord();
  let b = nextWord();
  let c = nextWord();
  let counter = 1;
  const draw = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return (out >>> 0) / TWO_32;
  };
  // The state words mix fully only after some steps; PractRand discards 15 as well.
  for (let i = 0; i < 15; i++) draw();
  return draw;
}

/**
 * One uniform draw in [0, 1) for a key (a request id, a unit) and a purpose: a pure function, so a logged decision can
 * be made again. Different salts give independent draws for the same key.
 */
export function drawOf(key: string, salt: string): number {
  return bucketOf(key, salt);
}
