import { configHead } from './gateway.ts';

/** Two workers and one route, whose route and backend carry the same mark, so that a mixed answer can be seen. */
export function marked(folder: string, url: string, mark: string, backend = `main-${mark}`): string {
  return `${configHead(folder)}workers: 2
backends:
  main-${mark}: { protocol: oip, endpoints: ['${url}'] }
routes:
  - { name: route-${mark}, expose: true, rules: [{ backend: ${backend} }] }
`;
}
