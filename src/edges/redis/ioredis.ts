import { createRequire } from 'node:module';
import type * as Package from 'ioredis';

const load = createRequire(import.meta.url);

/** The package ioredis, loaded when it is first used: a gateway without Redis saves its 9 MB. */
export function ioredis(): typeof Package {
  return load('ioredis');
}
