import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { readDemoModel } from './model.ts';

export interface DemoPlaces {
  /** Folder of this run: state and configuration. */
  readonly folder: string;
  /** Address of each model server, by the name of its backend. */
  readonly models: ReadonlyMap<string, string>;
}

export const exampleFile = fileURLToPath(new URL('../../config/examples/demo.yaml', import.meta.url));
const storeFile = fileURLToPath(new URL('./data/online-store.jsonl', import.meta.url));

/**
 * Writes the example with the places of this run put in: free ports, its own folder, the model servers. Everything else,
 * comments included, stays as the example has it, so that a person may edit the file while the gateway runs.
 */
export function writeDemoConfig({ folder, models }: DemoPlaces): string {
  const document = parseDocument(readFileSync(exampleFile, 'utf8'));
  document.setIn(['listen', 'http', 'port'], 0);
  document.setIn(['listen', 'admin', 'port'], 0);
  document.setIn(['state', 'path'], join(folder, 'var'));
  document.setIn(['features', 'lab', 'path'], storeFile);
  document.setIn(['features', 'lab', 'onMissing', 'defaults'], readDemoModel('strong').labDefaults);
  for (const [backend, url] of models) document.setIn(['backends', backend, 'endpoints'], [url]);
  const path = join(folder, 'makas.yaml');
  writeFileSync(path, document.toString({ lineWidth: 120 }));
  return path;
}

/** Share that the canary is configured to get, read from the configuration that runs. */
export function canaryShareOf(configFile: string): number {
  const config: { routes: { name: string; rules: { split?: Record<string, number> }[] }[] } = parseDocument(
    readFileSync(configFile, 'utf8'),
  ).toJS();
  const split = config.routes.find((route) => route.name === 'diagnosis-canary')?.rules[0]?.split ?? {};
  return (split['strong'] ?? 0) / Object.values(split).reduce((sum, weight) => sum + weight, 0);
}
