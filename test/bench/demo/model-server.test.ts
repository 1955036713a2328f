import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test, type Test } from 'tap';
import { labFeatures, pickFeatures, readRequests, readSamples } from '../../../bench/demo/dataset.ts';
import { startModelServer, type ModelServerOptions } from '../../../bench/demo/model-server.ts';
import { compileScorer, readDemoModel } from '../../../bench/demo/model.ts';

type Reply = { status: number; headers: NodeJS.Dict<string | string[]>; json: unknown };
type InferReply = {
  id?: string;
  model_name: string;
  model_version: string;
  outputs: { name: string; datatype: string; shape: number[]; data: number[] }[];
};

const strong = readDemoModel('strong');
const inferPath = '/v2/models/tumor/infer';
const samples = new Map(readSamples().map((sample) => [sample.id, sample]));
const requests = readRequests();

/** One exchange on a fresh connection, or on the agent's. */
async function call(url: string, method: string, body?: string, agent?: Agent): Promise<Reply> {
  const request = httpRequest(url, { method, ...(agent === undefined ? { agent: false } : { agent }) });
  request.end(body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, json: JSON.parse(text) };
}

async function infer(url: string, body: unknown, agent?: Agent): Promise<InferReply> {
  const reply = await call(url, 'POST', JSON.stringify(body), agent);
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${JSON.stringify(reply.json)}`);
  const answer = reply.json;
  if (!isInferReply(answer)) throw new Error('not an infer answer');
  return answer;
}

function isInferReply(value: unknown): value is InferReply {
  return typeof value === 'object' && value !== null && 'outputs' in value;
}

async function start(t: Test, options: Partial<ModelServerOptions> = {}) {
  const server = await startModelServer({ model: strong, name: 'tumor', port: 0, ...options });
  t.teardown(() => server.close());
  return server;
}

function labOf(sampleId: string): number[] {
  const sample = samples.get(sampleId);
  return sample === undefined ? [] : pickFeatures(sample, labFeatures);
}

const quickTensor = (rows: readonly (readonly number[])[], data: unknown = rows.flat()) => ({
  name: 'quick',
  datatype: 'FP32',
  shape: [rows.length, 3],
  data,
});
const labTensor = (rows: readonly (readonly number[])[], data: unknown = rows.flat()) => ({
  name: 'lab',
  datatype: 'FP32',
  shape: [rows.length, 10],
  data,
});

for (const name of ['weak', 'strong', 'candidate'] as const) {
  test(`the ${name} server answers every held-out sample as the model does, on one connection`, async (t) => {
    const model = readDemoModel(name);
    const score = compileScorer(model);
    const server = await start(t, { model });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    agent.on('free', (socket) => sockets.add(socket));
    let right = 0;
    for (const { sample_id, quick, label } of requests) {
      const lab = labOf(sample_id);
      const body = { id: sample_id, inputs: [quickTensor([quick]), labTensor([lab])] };
      const answer = await infer(server.url + inferPath, body, agent);
      const expected = score(Float32Array.from(quick), Float32Array.from(lab), 0);
      const [labels, probabilities] = answer.outputs;
      if (answer.id !== sample_id) t.fail(`the id of ${sample_id} comes back as ${answer.id}`);
      if (probabilities?.data[0] !== Math.fround(expected)) t.fail(`${sample_id}: ${probabilities?.data[0]}`);
      if (labels?.data[0] === label) right++;
    }
    agent.destroy();
    t.equal(sockets.size, 1);
    t.equal(server.requests(), requests.length);
    t.ok(Math.abs(right / requests.length - model.heldOutAccuracy) < 1e-8, 'with the accuracy of its file');
  });
}

test('a batch is answered row by row, flat or nested', async (t) => {
  const server = await start(t);
  const quick = requests.map((request) => request.quick);
  const lab = requests.map((request) => labOf(request.sample_id));
  const flat = await infer(server.url + inferPath, { inputs: [labTensor(lab), quickTensor(quick)] });
  const nested = await infer(server.url + inferPath, { inputs: [quickTensor(quick, quick), labTensor(lab, lab)] });
  t.same(nested, flat);
  t.notOk('id' in flat, 'no id was given, none comes back');
  t.match(flat, { model_name: 'tumor', model_version: '1' });
  t.same(
    flat.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    [
      { name: 'label', datatype: 'INT64', shape: [284] },
      { name: 'probability', datatype: 'FP32', shape: [284] },
    ],
  );
  const score = compileScorer(strong);
  const expected = quick.map((row, i) =>
    Math.fround(score(Float32Array.from(row), Float32Array.from(lab[i] ?? []), 0)),
  );
  t.same(flat.outputs[1]?.data, expected);
});

test('without lab values the answer is that of the defaults in the model file', async (t) => {
  const server = await start(t);
  const defaults = labFeatures.map((name) => strong.labDefaults[name] ?? Number.NaN);
  for (const { quick } of requests.slice(0, 20)) {
    const without = await infer(server.url + inferPath, { inputs: [quickTensor([quick])] });
    const withDefaults = await infer(server.url + inferPath, { inputs: [quickTensor([quick]), labTensor([defaults])] });
    t.same(without, withDefaults);
  }
});

test('only the outputs asked for are answered', async (t) => {
  const server = await start(t);
  const inputs = [quickTensor([[20, 0.1, 0.1]])];
  const answer = await infer(server.url + inferPath, { inputs, outputs: [{ name: 'probability' }] });
  t.same(
    answer.outputs.map((output) => output.name),
    ['probability'],
  );
});

test('a bad request gets 400 and a reason', async (t) => {
  const server = await start(t);
  const good = quickTensor([[20, 0.1, 0.1]]);
  const lab = strong.lab.map((name) => strong.labDefaults[name] ?? 0);
  const cases: [body: unknown, reason: RegExp][] = [
    ['{"inputs":', /not JSON/],
    ['', /not JSON/],
    ['[]', /not a JSON object/],
    [{}, /"inputs" must be an array/],
    [{ inputs: [] }, /"quick" is missing/],
    [{ inputs: [7] }, /needs a "name"/],
    [{ inputs: [labTensor([lab])] }, /"quick" is missing/],
    [{ inputs: [good, good] }, /twice/],
    [{ inputs: [good, { ...good, name: 'other' }] }, /unexpected input "other"/],
    [{ inputs: [{ ...good, datatype: 'FP64' }] }, /datatype FP32/],
    [{ inputs: [{ ...good, shape: [1, 4] }] }, /shape \[n, 3\]/],
    [{ inputs: [{ ...good, shape: [3] }] }, /shape/],
    [{ inputs: [{ ...good, shape: [0, 3] }] }, /shape/],
    [{ inputs: [{ ...good, shape: [1.5, 3] }] }, /shape/],
    [{ inputs: [{ ...good, shape: [2, 3] }] }, /3 elements, but its shape says 6/],
    [{ inputs: [{ ...good, data: undefined }] }, /needs "data"/],
    [{ inputs: [{ ...good, data: [[1, 2], [3]] }] }, /rows of input "quick"/],
    [{ inputs: [{ ...good, data: [1, null, 3] }] }, /element 1 .* finite/],
    [{ inputs: [{ ...good, data: [1, 2, '3'] }] }, /element 2 .* finite/],
    [{ inputs: [{ ...good, data: [1e39, 2, 3] }] }, /element 0 .* finite/],
    [{ inputs: [good, labTensor([lab, lab])] }, /"lab" has 2 rows, but "quick" has 1/],
    [{ id: 5, inputs: [good] }, /"id" must be a string/],
    [{ inputs: [good], outputs: [{ name: 'shape' }] }, /unknown output/],
    [{ inputs: [good], outputs: {} }, /"outputs" must be an array/],
  ];
  for (const [body, reason] of cases) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const reply = await call(server.url + inferPath, 'POST', text);
    t.equal(reply.status, 400, text);
    t.match(reply.json, { error: reason });
  }
  const tooLarge = await call(server.url + inferPath, 'POST', ' '.repeat(1024 * 1024 + 1));
  t.equal(tooLarge.status, 413);
});

test('health, metadata and readiness are answered as the protocol says', async (t) => {
  const server = await start(t, { version: 'v10' });
  const expected: [path: string, json: object][] = [
    ['/v2', { name: 'makas-demo-model-server', version: '1', extensions: [] }],
    ['/v2/health/live', { live: true }],
    ['/v2/health/ready', { ready: true }],
    ['/v2/models', { models: ['tumor'] }],
    ['/v2/models/tumor/ready', { name: 'tumor', ready: true }],
    ['/v2/models/tumor/versions/v10/ready?x=1', { name: 'tumor', ready: true }],
  ];
  for (const [path, json] of expected) {
    const reply = await call(server.url + path, 'GET');
    t.equal(reply.status, 200, path);
    t.same(reply.json, json);
    t.equal(reply.headers['content-type'], 'application/json');
  }
  const metadata = await call(`${server.url}/v2/models/tumor`, 'GET');
  t.match(metadata.json, {
    name: 'tumor',
    versions: ['v10'],
    inputs: [
      { name: 'quick', datatype: 'FP32', shape: [-1, 3] },
      { name: 'lab', datatype: 'FP32', shape: [-1, 10] },
    ],
    outputs: [{ name: 'label' }, { name: 'probability' }],
  });
  const inputs = [quickTensor([[20, 0.1, 0.1]])];
  const versioned = await infer(`${server.url}/v2/models/tumor/versions/v10/infer`, { inputs });
  t.equal(versioned.model_version, 'v10');
});

test('another model, another version or another method is refused', async (t) => {
  const server = await start(t);
  t.equal((await call(`${server.url}/v2/models/other/infer`, 'POST', '{}')).status, 404);
  t.equal((await call(`${server.url}/v2/models/tumor/versions/2`, 'GET')).status, 404);
  t.equal((await call(server.url + inferPath, 'GET')).status, 405);
  t.equal(server.requests(), 0);
});

test('closing lets the request under way finish', async (t) => {
  const server = await start(t, { latencyMs: 200 });
  const answer = infer(server.url + inferPath, { inputs: [quickTensor([[20, 0.1, 0.1]])] });
  while (server.requests() === 0) await new Promise(setImmediate);
  const began = performance.now();
  await server.close();
  t.ok(performance.now() - began > 50, 'the answer was still held back');
  t.equal((await answer).outputs.length, 2);
  await t.rejects(call(`${server.url}/v2`, 'GET'), { code: 'ECONNREFUSED' });
});

test('the command line starts a server, says where, and ends on SIGTERM', async (t) => {
  const script = fileURLToPath(new URL('../../../bench/demo/model-server.ts', import.meta.url));
  const file = fileURLToPath(new URL('../../../bench/demo/models/weak.json', import.meta.url));
  const child = spawn(process.execPath, [script, '--model', file, '--name', 'tumor'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const url = /^model tumor at (http:\S+)$/.exec(String(line))?.[1];
  t.same((await call(`${url}/v2/models`, 'GET')).json, { models: ['tumor'] });
  child.kill('SIGTERM');
  t.same(await exited, [0, null]);
});
