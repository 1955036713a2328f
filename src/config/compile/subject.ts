import type { Facts, FieldPath, Scalar } from '../../core/facts.ts';
import type { Subject } from './condition.ts';

/** Headers whose values are credentials; explanations say only that they are there. */
const hiddenHeaders = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key']);

/** A property of the request that is always text; empty when the path names none. */
export function propertySubject(name: 'method' | 'path' | 'protocol' | 'operation' | 'model' | 'version'): Subject {
  const read = (facts: Facts): string | undefined => (facts[name] === '' ? undefined : facts[name]);
  return textSubject(name, read);
}

/** A header, by lower-case name. */
export function headerSubject(name: string): Subject {
  const subject = textSubject(`headers.${name}`, (facts) => facts.header(name));
  if (!hiddenHeaders.has(name)) return subject;
  return { ...subject, show: (facts) => (subject.has(facts) ? 'a value that is not shown' : 'nothing') };
}

export function querySubject(name: string): Subject {
  return textSubject(`query.${name}`, (facts) => facts.queryParameter(name));
}

function textSubject(text: string, read: (facts: Facts) => string | undefined): Subject {
  return {
    text,
    kind: 'text',
    read,
    has: (facts) => read(facts) !== undefined,
    show: (facts) => showValue(read(facts)),
  };
}

/** A field of the body. */
export function bodySubject(text: string, path: FieldPath): Subject {
  const read = (facts: Facts): Scalar | undefined => facts.field(path);
  return {
    text: `body.${text}`,
    kind: 'json',
    read,
    has: (facts) => read(facts) !== undefined || valueAt(facts, path) !== undefined,
    show(facts) {
      const value = read(facts) ?? valueAt(facts, path);
      if (Array.isArray(value)) return 'a list';
      return typeof value === 'object' && value !== null ? 'a map' : showValue(value);
    },
  };
}

/** Facts give scalars; whether a list or map is there takes the whole body. */
function valueAt(facts: Facts, path: FieldPath): unknown {
  let value = facts.parsedBody();
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    // An array has own properties that are no elements.
    if (Array.isArray(value) && !/^[0-9]+$/.test(step)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value;
}

function showValue(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
