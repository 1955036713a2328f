import { test } from 'tap';

import { answerText, type Sent, textOf, translate, translated } from './oracle.ts';

const oip = (body: string, sent: Sent = {}) =>
  textOf(translate('mlflow', 'oip', body, { contentType: 'application/json', ...sent }));

test('a table is a tensor for each column, text with the content type that MLServer wants', async (t) => {
  const table =
    '{"inputs":[{"name":"age","shape":[2],"datatype":"INT64","data":[1,2]},{"name":"7","shape":[2],"datatype":"BYTES","parameters":{"content_type":"str"},"data":["a","b"]}],"parameters":{"content_type":"pd"}}';
  t.equal(oip('{"dataframe_split":{"index":[0,1],"columns":["age",7],"data":[[1,"a"],[2,"b"]]}}'), table);
  t.equal(oip('{"dataframe_records":[{"age":1,"7":"a"},{"7":"b","age":2}]}'), table);
  t.equal(
    oip('{"dataframe_split":{"columns":["v"],"data":[[[1,2]],[[3,4.5]]]},"params":{"top_k":3,"s":"x"}}'),
    '{"inputs":[{"name":"v","shape":[2,2],"datatype":"FP32","data":[1,2,3,4.5]}],"parameters":{"content_type":"pd","top_k":3,"s":"x"}}',
  );
  t.equal(
    oip('{"dataframe_split":{"columns":["v"],"data":[]}}'),
    '{"inputs":[{"name":"v","shape":[0],"datatype":"FP32","data":[]}],"parameters":{"content_type":"pd"}}',
  );
});

test('tensors are named or not, by rows or by columns', async (t) => {
  const unnamed =
    '{"inputs":[{"name":"input","shape":[2,1],"datatype":"INT64","data":[1,2]}],"parameters":{"content_type":"np"}}';
  t.equal(oip('{"instances":[[1],[2]]}'), unnamed);
  t.equal(oip('{"inputs":[[1],[2]]}'), unnamed);
  const named =
    '{"inputs":[{"name":"a","shape":[2],"datatype":"INT64","data":[1,2]},{"name":"b","shape":[2,1],"datatype":"BOOL","data":[true,false]}],"parameters":{"content_type":"dict"}}';
  t.equal(oip('{"instances":[{"a":1,"b":[true]},{"a":2,"b":[false]}]}'), named);
  t.equal(oip('{"inputs":{"a":[1,2],"b":[[true],[false]]}}'), named);
});

test('SageMaker has the same forms', async (t) => {
  const request = translated('sagemaker', 'oip', '{"instances":[1]}', {
    contentType: 'application/json; charset=utf-8',
  });
  t.equal(request.path, '/v2/models/m/infer');
  t.match(textOf(request), /^\{"inputs":\[\{"name":"input"/);
});

test('what has no translation is refused with its place', async (t) => {
  const split = (columns: string, data: string) => `{"dataframe_split":{"columns":${columns},"data":${data}}}`;
  const failures: readonly (readonly [string, RegExp])[] = [
    ['{"instances":[{"b64":"AA=="}]}', /^UNSUPPORTED_FIELD: The elements \{"b64": \.\.\.\} of "instances"/],
    [
      split('["a","b"]', '[[1,2],[3]]'),
      /^ROW_COUNT: dataframe_split\.data\[1\] has 1 elements, and there are 2 columns/,
    ],
    [split('["a","b"]', '[[1,2],[3,null]]'), /^NULL_VALUE: dataframe_split\.data\[1\], column "b", is null/],
    [split('["a"]', '[[1],["x"]]'), /^WRONG_TYPE: dataframe_split\.data\[1\], column "a", is a string/],
    [split('["a","a"]', '[[1,2]]'), /^UNSUPPORTED_FIELD: .*columns\[1\]" needs a name of its own/],
    [split('[null]', '[[1]]'), /^WRONG_TYPE/],
    [split('[]', '[[]]'), /^MISSING: .*no columns/],
    [split('["a"]', '[1]'), /^WRONG_TYPE: .*dataframe_split\.data\[0\]" must be an array/],
    ['{"dataframe_split":{"data":[[1]]}}', /^WRONG_TYPE: .*dataframe_split\.columns/],
    ['{"dataframe_split":{"columns":["a"],"data":[[1]],"x":1}}', /^UNSUPPORTED_FIELD: .*dataframe_split\.x/],
    ['{"dataframe_split":[1]}', /^WRONG_TYPE/],
    ['{"dataframe_records":[[1]]}', /^WRONG_TYPE: .*array of objects/],
    ['{"inputs":{"a":1}}', /^WRONG_TYPE: The field "inputs\.a" must be an array/],
    ['{"inputs":{}}', /^MISSING/],
    ['{"inputs":[1],"instances":[1]}', /^UNSUPPORTED_FIELD: .*"instances" stands beside other data/],
    ['{"inputs":[1],"params":{"content_type":"x"}}', /^UNSUPPORTED_FIELD: .*params\.content_type/],
    ['{"columns":["a"],"data":[[1]]}', /^UNSUPPORTED_FIELD: The field "columns"/],
    ['{}', /^MISSING: .*dataframe_split/],
  ];
  for (const [body, failure] of failures) t.match(oip(body), failure, body);
  t.match(
    oip('a,b\n1,2', { contentType: 'text/csv' }),
    /^CONTENT_TYPE: The content type "text\/csv" has no translation; send application\/json/,
  );
});

test('answers are lists, or records of several outputs, without the second dimension that MLServer adds', async (t) => {
  const { answer } = translated('mlflow', 'oip', '{"inputs":[1]}');
  const output = (name: string, shape: string, data: string) =>
    `{"name":"${name}","datatype":"FP32","shape":${shape},"data":${data}}`;
  t.equal(answerText(answer, `{"outputs":[${output('y', '[2,1]', '[1,2.5]')}]}`), '{"predictions":[1,2.5]}');
  t.equal(answerText(answer, `{"outputs":[${output('y', '[2]', '[1,2.5]')}]}`), '{"predictions":[1,2.5]}');
  t.equal(answerText(answer, `{"outputs":[${output('y', '[1,2]', '[1,2.5]')}]}`), '{"predictions":[[1,2.5]]}');
  t.equal(
    answerText(answer, `{"outputs":[${output('a', '[2,1]', '[1,2]')},${output('b', '[2]', '[3,4]')}]}`),
    '{"predictions":[{"a":1,"b":3},{"a":2,"b":4}]}',
  );
});
