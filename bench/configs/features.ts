import { FEATURES } from '../scenarios/flower.ts';

export type CacheMode = 'off' | 'ttl' | 'tracking';

const CACHES: Readonly<Record<CacheMode, string>> = {
  off: '',
  ttl: '    cache: { mode: ttl, ttl: 60s, max: 100000 }\n',
  tracking: '    cache: { mode: tracking, max: 100000 }\n',
};

/** The feature view of a flower: ten features of a Redis hash into one tensor. */
export function renderFeatures(redisPort: number, cache: CacheMode): string {
  return `features:
  flower:
    provider: redis-hash
    url: redis://127.0.0.1:${redisPort}
    key: "flower:{flower_id}"
    entity: { flower_id: { from: "body:parameters.flower_id" } }
    fields: { ${FEATURES.map((name) => `${name}: float`).join(', ')} }
    into: { tensor: features, datatype: FP32 }
    onMissing: { default: 0 }
    timeout: 1s
${CACHES[cache]}`;
}
