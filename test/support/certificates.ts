import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files with an authority, and certificates of 127.0.0.1 and of a client that it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes certificates in a folder. */
export function makeCertificates(folder: string): Certificates {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...newKey, '-keyout', path('ca.key'), '-out', path('ca.pem'), '-subj', '/CN=test authority');
  const signed = (name: string): { cert: string; key: string } => {
    const [key, cert] = [path(`${name}.key`), path(`${name}.pem`)];
    const alternative = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
    const signer = ['-CA', path('ca.pem'), '-CAkey', path('ca.key')];
    openssl('req', '-x509', ...newKey, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`, ...alternative, ...signer);
    return { cert, key };
  };
  return { ca: path('ca.pem'), server: signed('server'), client: signed('client') };
}

export function readPem(file: string): Buffer {
  return readFileSync(file);
}
