import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runChild } from './children.ts';

/** Virtual environments; what cannot be installed beside each other has its own. */
export type EnvironmentName = 'mlserver' | 'kserve' | 'triton' | 'ray' | 'seldon';

const INSTALL_MS = 30 * 60_000;
const REQUIREMENTS = join(import.meta.dirname, 'requirements');

/** Where they are kept: `INTEROP_FOLDER`, or `.interop` in the root of the project. */
export const interopFolder = process.env['INTEROP_FOLDER'] ?? join(import.meta.dirname, '..', '..', '.interop');

export function pythonOf(name: EnvironmentName): string {
  return join(interopFolder, name, 'bin', 'python');
}

async function mustRun(command: string, args: readonly string[]): Promise<void> {
  const { code, out, err } = await runChild({ command, args }, INSTALL_MS);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${(err || out).slice(-4_000)}`);
}

/** Makes the environment with the pinned packages, or leaves it alone when it is complete. */
export async function ensureEnvironment(name: EnvironmentName, say: (line: string) => void): Promise<void> {
  const wanted = join(REQUIREMENTS, `${name}.txt`);
  const pins = join(REQUIREMENTS, `${name}.pins.txt`);
  const digest = createHash('sha256').update(readFileSync(wanted)).update(readFileSync(pins)).digest('hex');
  const folder = join(interopFolder, name);
  const complete = join(folder, 'complete');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === digest) return;
  say(`installing ${name} into ${folder}; this takes some minutes`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(interopFolder, { recursive: true });
  await mustRun(process.env['PYTHON'] ?? 'python3.11', ['-m', 'venv', folder]);
  await mustRun(pythonOf(name), ['-m', 'pip', 'install', '--quiet', '--requirement', wanted, '--constraint', pins]);
  writeFileSync(complete, digest);
}

/** The version of a package in an environment, as `Name 1.2.3`. */
export async function versionOf(name: EnvironmentName, packageName: string): Promise<string> {
  const script = 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))';
  const { out } = await runChild({ command: pythonOf(name), args: ['-c', script, packageName] }, 60_000);
  return out.trim();
}
