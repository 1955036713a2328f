import { describeExpected } from '../expected.ts';
import { type SchemaNode, enumValues } from '../schema-node.ts';
import { type Section, anchorOf, sectionOf, sections } from './sections.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/schema by \`npm run generate\`; do not edit. -->

One file, YAML 1.2. \`makas check FILE\` says whether it is right, and if not, every problem with its line. A running
gateway watches the file and takes over what has changed; a file that does not check never goes live.
[makas.yaml](../config/makas.yaml) runs as it is, [examples](../config/examples) show each feature by itself, and
[makas.schema.json](../config/makas.schema.json) lets editors complete and check while you type: begin the file with

\`\`\`yaml
# yaml-language-server: $schema=./makas.schema.json
\`\`\`

Unknown keys are errors. A key with **required** must be there; every other may be left out and then has its default.

| Text form | Written | Meaning |
|---|---|---|
| duration | \`250ms\`, \`1.5s\`, \`10m\`, \`1h\`, \`7d\` | a number and a unit |
| share | \`10%\` or \`0.1\` | a part of the whole, from 0 to 1 |
| size | \`65536\`, \`16KiB\`, \`64MiB\`, \`1MB\` | bytes; \`KiB\` is 1024 and \`KB\` is 1000 |
| name | \`iris-v1\` | letters, digits, \`.\`, \`_\`, \`-\`; at most 63; a letter or digit first |
| secret | \`\${env:NAME}\`, \`\${file:/run/secrets/x}\` | read when the file is loaded (without a line break at its end), never printed |

YAML 1.2 reads \`yes\`, \`on\` and \`off\` as texts, and \`1\` and \`"1"\` as different things: names and versions that look like
numbers need quotes. Tags and merge keys are not taken; anchors and aliases are.
`;

/** The reference of the configuration language, as the text of `docs/config.md`. */
export function writeConfigReference(): string {
  const contents = sections.map(({ title }) => `- [${title}](${anchorOf(title)})`).join('\n');
  return `${[INTRODUCTION, contents, ...sections.map(writeSection)].join('\n')}\n`;
}

/** Paths of all fields that the reference has a row for. */
export function listDocumentedPaths(): string[] {
  return sections.flatMap((section) => listRows(section).map((row) => row.path));
}

/** Whether a key must be there: always, or only in one of the forms of what holds it. */
type Need = 'always' | 'in its form' | 'never';

interface Row {
  readonly path: string;
  readonly schema: SchemaNode;
  readonly need: Need;
}

function writeSection(section: Section): string {
  const rows = listRows(section).map(writeRow).join('\n');
  const heading = `\n## ${section.title}\n\n${section.schema.description ?? ''}`;
  return `${heading}\n\n| Key | Type | Default | Description |\n|---|---|---|---|\n${rows}`;
}

function listRows({ path, schema }: Section): Row[] {
  const rows: Row[] = [];
  addChildren(schema, path, rows);
  return rows;
}

function addRow(schema: SchemaNode, path: string, need: Need, rows: Row[]): void {
  rows.push({ path, schema, need });
  if (sectionOf(schema) === undefined) addChildren(schema, path, rows);
}

/** Fields within a schema, those of all branches of a union, each path once. */
function addChildren(schema: SchemaNode, path: string, rows: Row[], need: Need = 'always'): void {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    const known = rows.findIndex((row) => row.path === at);
    if (known === -1) addRow(child, at, schema.required?.includes(key) === true ? need : 'never', rows);
    else if ('const' in child) rows[known] = widen(rows[known], child);
  }
  for (const child of Object.values(schema.patternProperties ?? {})) {
    if (sectionOf(child) === undefined) addChildren(child, `${path}.NAME`, rows);
  }
  if (schema.items !== undefined && sectionOf(schema.items) === undefined) addChildren(schema.items, `${path}[]`, rows);
  for (const branch of schema.anyOf ?? []) {
    if (sectionOf(branch) === undefined) addChildren(branch, path, rows, 'in its form');
  }
}

/** The discriminator of a union is one field with the constants of all branches. */
function widen(row: Row | undefined, child: SchemaNode): Row {
  const before = row?.schema ?? child;
  const branches = before.anyOf ?? [before];
  return { path: row?.path ?? '', need: 'always', schema: { anyOf: [...branches, child] } };
}

function writeRow({ path, schema, need }: Row): string {
  const cells = [`\`${path}\``, describeType(schema), describeDefault(schema, need), describeField(schema)];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function describeField(schema: SchemaNode): string {
  const values = enumValues(schema);
  const links = findLinks(schema).map(({ title }) => `See [${title}](${anchorOf(title)}).`);
  const choices =
    values === null || values.every((value) => schema.description?.includes(`\`${String(value)}\``))
      ? []
      : [`One of ${describeExpected(schema)}.`];
  const example = schema.examples?.[0];
  const examples = example === undefined || example === '' ? [] : [`Example: \`${showValue(example)}\`.`];
  // The table of text forms says it once for all.
  const description = (schema.description ?? '').replace(/ A (duration|share|size|secret): .*$/, '');
  return [description, ...choices, ...links, ...examples].filter((text) => text !== '').join(' ');
}

/** Sections that a field leads to, directly, as its items or entries, or as one of its forms. */
function findLinks(schema: SchemaNode): Section[] {
  const within = [schema, ...(schema.anyOf ?? []), ...Object.values(schema.patternProperties ?? {})];
  if (schema.items !== undefined) within.push(schema.items);
  return [...new Set(within.map(sectionOf).filter((found) => found !== undefined))];
}

function describeDefault(schema: SchemaNode, need: Need): string {
  if (need !== 'never') return need === 'always' ? '**required**' : '**required** in this form';
  return schema.default === undefined ? '' : `\`${showValue(schema.default)}\``;
}

function showValue(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function describeType(schema: SchemaNode): string {
  if (schema['x-kind'] !== undefined) return schema['x-kind'];
  if (enumValues(schema) !== null) return 'word';
  if (schema.anyOf !== undefined && sectionOf(schema) !== undefined)
    return sectionOf(schema)?.title.toLowerCase() ?? '';
  if ('const' in schema) return `\`${String(schema.const)}\``;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(describeType))].join(' or ');
  switch (schema.type) {
    case 'object':
      return schema.patternProperties === undefined
        ? 'map'
        : `map of ${describeEntries(Object.values(schema.patternProperties))}`;
    case 'array':
      return `list of ${describeEntries([schema.items ?? {}])}`;
    case 'string':
      return 'text';
    case 'integer':
      return describeExpected(schema).replace('a whole number', 'integer');
    case 'number':
      return describeExpected(schema).replace('a number', 'number');
    case 'boolean':
      return 'true or false';
    case 'null':
      return '`null`';
    default:
      return 'anything';
  }
}

function describeEntries(entries: readonly SchemaNode[]): string {
  return entries
    .map((entry) => sectionOf(entry)?.title.toLowerCase() ?? describeType(entry).replace(/^map$/, 'settings'))
    .join(' or ');
}
