import type { FeatureDefault, FeatureField, FieldType } from '../../core/snapshot.ts';
import type { ConfigFile } from '../schema/root.ts';

type ViewConfig = NonNullable<ConfigFile['features']>[string];

/** One default for all fields, or one for each. */
interface DefaultPolicy {
  readonly default?: FeatureDefault;
  readonly defaults?: Readonly<Record<string, FeatureDefault>>;
}

/** Compiles the fields of a view, in the order of the file; null when a default does not fit its field. */
export function compileFields({ fields, onMissing }: ViewConfig): FeatureField[] | null {
  const policy: DefaultPolicy = typeof onMissing === 'object' ? onMissing : {};
  const compiled: FeatureField[] = [];
  for (const [name, type] of Object.entries(fields)) {
    const written = policy.defaults === undefined ? policy.default : ownValue(policy.defaults, name);
    const value = written === undefined ? undefined : readDefault(written, type);
    if (value === null) return null;
    compiled.push({ name, type, default: value });
  }
  return compiled;
}

function ownValue(record: Readonly<Record<string, FeatureDefault>>, name: string): FeatureDefault | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The default as a value of the field's type, or null. Whole numbers beyond 2^53 are written as text. */
function readDefault(value: FeatureDefault, type: FieldType): FeatureDefault | null {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : null;
    case 'bool':
      return typeof value === 'boolean' ? value : null;
    case 'int':
      return typeof value === 'string' ? readInteger(value) : Number.isSafeInteger(value) ? value : null;
    default:
      return typeof value === 'number' ? value : null;
  }
}

function readInteger(text: string): bigint | null {
  if (!/^-?[0-9]{1,19}$/.test(text)) return null;
  const value = BigInt(text);
  return value === BigInt.asIntN(64, value) ? value : null;
}
