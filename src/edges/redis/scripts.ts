import type { Cluster, Redis, Result } from 'ioredis';

/** Lua of the shared state. Each runs atomically on the keys of one bandit, which one hash tag keeps on one node. */

/**
 * Adds to a field of a hash. A field that holds no number (its content is not trusted) begins anew, because otherwise
 * it would refuse every later reward.
 */
const ADD = `
local function add(command, key, field, by)
  local reply = redis.pcall(command, key, field, by)
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, 'hash value', 1, true) or string.find(reply.err, 'would', 1, true) then
      redis.call('HSET', key, field, by)
    else
      redis.call(command, key, field, by)
    end
  end
end`;

/** Fails before anything is written when the sums or the windows are no hash, because half of a script would count twice. */
const CHECK = `
redis.call('HLEN', KEYS[1])
redis.call('HLEN', KEYS[2])`;

/**
 * KEYS: sums, windows, then one key for each decision. ARGV for each decision: client's id, milliseconds to remember,
 * arm, reward, its square, field of the window. Returns for each 0 counted, 1 repeated, 2 conflict. The decision is
 * noted after its reward is added, so that an error in between loses nothing.
 */
const REWARD = `${ADD}${CHECK}
local outcomes = {}
for i = 3, #KEYS do
  local at = (i - 3) * 6
  local known = redis.call('GET', KEYS[i])
  if known then
    outcomes[i - 2] = known == ARGV[at + 1] and 1 or 2
  else
    local arm = ARGV[at + 3]
    add('HINCRBY', KEYS[1], arm .. ':count', 1)
    add('HINCRBYFLOAT', KEYS[1], arm .. ':sum', ARGV[at + 4])
    add('HINCRBYFLOAT', KEYS[1], arm .. ':squares', ARGV[at + 5])
    add('HINCRBY', KEYS[2], ARGV[at + 6], -1)
    redis.call('SET', KEYS[i], ARGV[at + 1], 'PX', ARGV[at + 2])
    outcomes[i - 2] = 0
  end
end
return outcomes`;

/**
 * KEYS: sums, windows, number of the last batch of this replica. ARGV: number of the batch, milliseconds to remember
 * it, then arm, field of the window, count for each. A batch that was added before is left out: it was sent again
 * because its answer got lost.
 */
const SERVED = `${ADD}${CHECK}
local last = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if tonumber(ARGV[1]) <= last then return 0 end
for at = 3, #ARGV, 3 do
  add('HINCRBY', KEYS[1], ARGV[at] .. ':served', ARGV[at + 2])
  add('HINCRBY', KEYS[2], ARGV[at + 1], ARGV[at + 2])
end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return 1`;

/**
 * KEYS: sums, windows. ARGV: time before which windows are over, default reward or ''. Moves what the windows that are
 * over hold, decisions without a reward, to their arms.
 */
const CLOSE = `${ADD}
local before = tonumber(ARGV[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], '@default') else redis.call('HSET', KEYS[1], '@default', ARGV[2]) end
local fields = redis.call('HGETALL', KEYS[2])
local closed = 0
for i = 1, #fields, 2 do
  local start, length, arm = string.match(fields[i], '^(%d+):(%d+):(.+)$')
  if not start then
    redis.call('HDEL', KEYS[2], fields[i])
  elseif tonumber(start) + tonumber(length) <= before then
    if string.find(fields[i + 1], '^-?%d+$') then add('HINCRBY', KEYS[1], arm .. ':missing', fields[i + 1]) end
    redis.call('HDEL', KEYS[2], fields[i])
    closed = closed + 1
  end
end
return closed`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    makasReward(keyCount: number, ...keysAndArguments: string[]): Result<unknown, Context>;
    makasServed(keyCount: number, ...keysAndArguments: string[]): Result<unknown, Context>;
    makasClose(keyCount: number, ...keysAndArguments: string[]): Result<unknown, Context>;
  }
}

type Script = (keys: readonly string[], args: readonly string[]) => Promise<unknown>;

export interface StateScripts {
  readonly reward: Script;
  readonly served: Script;
  readonly close: Script;
}

/** The scripts as calls on a connection: by their hash, and with their text where a server does not know them yet. */
export function defineStateScripts(client: Redis | Cluster): StateScripts {
  client.defineCommand('makasReward', { lua: REWARD });
  client.defineCommand('makasServed', { lua: SERVED });
  client.defineCommand('makasClose', { lua: CLOSE });
  return {
    reward: (keys, args) => client.makasReward(keys.length, ...keys, ...args),
    served: (keys, args) => client.makasServed(keys.length, ...keys, ...args),
    close: (keys, args) => client.makasClose(keys.length, ...keys, ...args),
  };
}
