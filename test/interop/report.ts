import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ClientResult, StandResult } from './stand.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'interop.md');

const HEAD = `# Interoperability

<!-- Written by \`npm run interop\`; do not edit. -->

Real model servers and the clients that people use with them, through Makas. Each row is one run on one machine: the
servers and Makas as processes on loopback, a split of two models behind one name, and a shadow. A client asks both models
at their server and then Makas, for eight users, each twice. **Same** means that what the client's library gives back,
value or exception, is what it gives without Makas, and that each user stays on one model. The servers are on the CPU.
`;

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** The package is named where its version is not that of the server. */
function nameOf({ title, package: packageName }: StandResult['stand'], version: string): string {
  return title.toLowerCase().startsWith(packageName) ? `${title} ${version}` : `${title} (${packageName} ${version})`;
}

function resultOf({ checks }: ClientResult): string {
  const held = checks.filter(({ ok }) => ok).length;
  return held === checks.length ? `all ${held} checks hold` : `**${held} of ${checks.length} checks hold**`;
}

function renderTable(results: readonly StandResult[]): string {
  const rows = results.flatMap(({ stand, version, clients }) =>
    clients.map((result) => {
      const { client } = result;
      const link = `[${client.title}](#${client.name})`;
      return `| ${nameOf(stand, version)} | ${link} | ${client.package} ${result.version} | ${client.protocol} | ${resultOf(result)} |`;
    }),
  );
  return ['| Server | Client | Version | Protocol | Result |', '|---|---|---|---|---|', ...rows].join('\n');
}

function renderClient(result: ClientResult): string {
  const rows = result.checks.map(
    ({ check, ok, detail }) => `| ${cell(check)} | ${ok ? 'holds' : '**fails**'} | ${cell(detail)} |`,
  );
  return [`### ${result.client.name}`, '', '| Check | Result | Seen |', '|---|---|---|', ...rows].join('\n');
}

function renderStand({ stand, version, clients }: StandResult): string {
  const notes = (stand.notes ?? []).map((note) => `- ${note}`).join('\n');
  const parts = [`## ${nameOf(stand, version)}`, notes, ...clients.map(renderClient)];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Writes docs/interop.md from a whole run. */
export function writeReport(results: readonly StandResult[]): void {
  const parts = [HEAD.trimEnd(), renderTable(results), ...results.map(renderStand)];
  writeFileSync(PAGE, `${parts.join('\n\n')}\n`);
}
