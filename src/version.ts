import packageJson from '../package.json' with { type: 'json' };

/** Version of Makas. */
export const version: string = packageJson.version;
