import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import type { MountFile } from '../schema/mount.ts';
import type { ConfigFile } from '../schema/root.ts';
import { refuseKeys } from './values.ts';

/** Protocols whose paths always name the model. */
const NAMED: ReadonlySet<string> = new Set(['kserve-v1', 'tfserving']);

/** Protocols whose paths never name it, and whose bodies do not either. */
const NAMELESS: ReadonlySet<string> = new Set(['mlflow', 'sagemaker', 'vertex', 'seldon-v1', 'ray-serve']);

/** What Makas answers itself, wherever mounts are. */
const OWN_PATHS = ['/rewards', '/api/v1.0/feedback'];

export function checkMounts({ listen }: ConfigFile, sink: ProblemSink): void {
  const mounts = listen?.http?.mounts ?? [];
  const at = (index: number): string => joinPath('listen.http.mounts', index);
  mounts.forEach((mount, index) => {
    checkMount(mount, at(index), sink);
    const first = mounts.findIndex((earlier, position) => position < index && takesAllOf(earlier, mount));
    const before = mounts[first];
    if (before === undefined) return;
    if (placeOf(before) === placeOf(mount)) {
      sink.error(at(index), 'there is a mount of this protocol at the same place', {
        hint: `the first is ${at(first)}`,
      });
    } else {
      sink.warning(at(index), `the mount is never reached: ${at(first)} takes all of its requests`);
    }
  });
}

function checkMount(mount: MountFile, path: string, sink: ProblemSink): void {
  const { host, prefix, protocol } = mount;
  if (Object.keys(mount).length === 0) {
    sink.error(path, 'the mount is empty', { expected: 'such as { prefix: /wine, protocol: mlflow, model: wine }' });
  }
  for (const key of ['prefix', 'path', 'health'] as const) checkPath(mount[key], joinPath(path, key), sink);
  if (prefix !== undefined && OWN_PATHS.includes(prefix)) {
    sink.warning(joinPath(path, 'prefix'), `the path ${prefix} itself is answered by Makas, not by the mount`);
  }
  if (protocol === 'vertex') {
    if (mount.path === undefined) {
      sink.error(path, 'a mount of `vertex` needs `path`, the path that predict requests have', {
        expected: 'such as /predict',
      });
    } else if (mount.path === mount.health) {
      sink.error(joinPath(path, 'health'), 'the health path cannot be the predict path', {
        found: showFound(mount.health),
      });
    }
  } else refuseKeys(mount, ['path', 'health'], 'without `protocol: vertex`', path, sink);
  if (protocol === 'ray-serve') {
    if (host === undefined && prefix === undefined) {
      sink.error(path, 'a mount of `ray-serve` takes every path, so it needs `prefix` or `host`');
    }
  } else refuseKeys(mount, ['methods'], 'without `protocol: ray-serve`', path, sink);
  if (protocol !== undefined && NAMELESS.has(protocol) && mount.model === undefined && mount.modelFrom === undefined) {
    sink.warning(path, `requests of ${protocol} name no model, so only routes without \`match.model\` take them`, {
      expected: '`model`, or `modelFrom` such as header:x-model',
    });
  }
  if (protocol !== undefined && NAMED.has(protocol)) {
    refuseKeys(mount, ['model', 'modelFrom'], `with ${protocol}, whose paths name the model`, path, sink);
  }
}

/** Clients take dot segments out of a path before they send it, RFC 3986 5.2.4. */
function checkPath(written: string | undefined, path: string, sink: ProblemSink): void {
  if (written?.split('/').some((part) => part === '.' || part === '..') === true) {
    sink.error(path, 'a path cannot have the parts `.` and `..`', { found: showFound(written) });
  }
}

function hostOf({ host }: MountFile): string {
  return host?.toLowerCase() ?? '';
}

/** What two mounts cannot have in common. */
function placeOf(mount: MountFile): string {
  const { prefix = '', protocol = '', path = '' } = mount;
  return [hostOf(mount), prefix, protocol, path].join(' ');
}

/** Whether every request of a mount is taken by an earlier one. */
function takesAllOf(earlier: MountFile, later: MountFile): boolean {
  if (hostOf(earlier) !== '' && hostOf(earlier) !== hostOf(later)) return false;
  if (earlier.protocol === 'ray-serve') return takesPrefix(earlier, later);
  if ((earlier.prefix ?? '') !== (later.prefix ?? '')) return false;
  if (earlier.protocol === undefined) return later.protocol !== 'ray-serve' && later.protocol !== 'vertex';
  const isOfMlflow = earlier.protocol === 'mlflow' && later.protocol === 'sagemaker';
  return isOfMlflow || (earlier.protocol === later.protocol && earlier.path === later.path);
}

/** Of what an app of Ray Serve takes, whatever the methods: the path decides first. */
function takesPrefix(earlier: MountFile, later: MountFile): boolean {
  const { prefix = '' } = earlier;
  return later.prefix === prefix || (later.prefix ?? '').startsWith(`${prefix}/`) || prefix === '';
}
