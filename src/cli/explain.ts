import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

import { prepareConfigFile } from '../config/prepare.ts';
import { formatProblem, hasErrors } from '../config/problem.ts';
import { explain } from '../core/explain.ts';
import { renderExplanation } from '../core/render-explanation.ts';
import { factsOf } from '../gateway/request-description.ts';
import { translationRefusal } from '../gateway/translation-refusal.ts';

const usage = 'usage: makas explain FILE --request REQUEST.json [--json]   (REQUEST may be - for standard input)';

/**
 * `makas explain FILE --request R [--json]`: prints how the request that R describes is decided under the configuration
 * FILE, and why, without sending anything. Bandits are explained with even shares, because no state is opened. Gives the
 * exit code: 0 when there is a decision (also when it is to refuse), 1 when FILE does not check, 2 when called wrongly.
 */
export async function explainCommand(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') return fail(options, usage);
  const prepared = prepareConfigFile(options.file);
  for (const problem of prepared.problems) console.error(formatProblem(problem, options.file));
  if (prepared.snapshot === null || hasErrors(prepared.problems)) return 1;

  const description = await readDescription(options.request);
  if (!description.ok) return fail(description.problem);
  const described = factsOf(
    description.value,
    prepared.snapshot.prefix,
    Date.now(),
    prepared.snapshot.mounts,
    prepared.config?.listen?.grpc?.services,
  );
  if (!described.ok) return fail(...described.problems.map((problem) => `${options.request}: ${problem}`));
  const explanation = explain(prepared.snapshot, described.facts, [], translationRefusal(described));
  process.stdout.write(options.json ? `${JSON.stringify(explanation, null, 2)}\n` : renderExplanation(explanation));
  return 0;
}

interface Options {
  readonly file: string;
  readonly request: string;
  readonly json: boolean;
}

/** The options, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { request: { type: 'string' }, json: { type: 'boolean' } },
    });
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0) return 'explain takes one configuration file';
    if (values.request === undefined) return 'explain needs --request';
    return { file, request: values.request, json: values.json === true };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

type Read = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

async function readDescription(path: string): Promise<Read> {
  let written: string;
  try {
    written = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return { ok: false, problem: `${path}: cannot be read${code}` };
  }
  try {
    return { ok: true, value: JSON.parse(written) as unknown };
  } catch (error) {
    return { ok: false, problem: `${path}: not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function fail(...lines: readonly string[]): number {
  for (const line of lines) console.error(line);
  return 2;
}
