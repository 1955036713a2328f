import type { EntityPart, EntitySource, KeyTemplate } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import { joinPath, showFound, type ProblemSink } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseSource } from './source.ts';

type EntityConfig = NonNullable<ConfigFile['features']>[string]['entity'];

/** Compiles the parts of an entity key, in the order of the file; null when one cannot be. */
export function compileEntity(config: EntityConfig, path: string, problems: ProblemSink): EntityPart[] | null {
  const parts: EntityPart[] = [];
  for (const [name, { from, type }] of Object.entries(config)) {
    const source = parseEntitySource(from);
    if (source !== null) {
      parts.push({ name, source, type: type ?? defaults.view.entityType });
    } else if (!from.startsWith('claim:')) {
      const details = { found: showFound(from), expected: 'such as body:parameters.flower_id' };
      problems.error(joinPath(joinPath(path, name), 'from'), 'this names no value of a request', details);
    }
  }
  return parts.length === Object.keys(config).length ? parts : null;
}

function parseEntitySource(text: string): EntitySource | null {
  const colon = text.indexOf(':');
  const name = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'tensor':
      return { from: 'tensor', name };
    case 'column':
      return { from: 'column', name: /^(0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : name };
    default: {
      const source = parseSource(text);
      return source === null || source.from === 'request' ? null : source;
    }
  }
}

/**
 * Reads a key template such as `flower:{flower_id}`; without one, the key is the parts joined by colons. Null when it
 * names a part that the entity does not have.
 */
export function compileKey(template: string | undefined, entity: readonly EntityPart[]): KeyTemplate | null {
  const names = entity.map((part) => part.name);
  const text = template ?? names.map((name) => `{${name}}`).join(':');
  const literals: string[] = [];
  const parts: number[] = [];
  let end = 0;
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    const part = names.indexOf(match[1] ?? '');
    if (part === -1) return null;
    literals.push(text.slice(end, match.index));
    parts.push(part);
    end = match.index + match[0].length;
  }
  literals.push(text.slice(end));
  return { literals, parts };
}
