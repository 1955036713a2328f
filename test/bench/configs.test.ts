import { test } from 'tap';
import { prepareConfigText } from '../../src/config/prepare.ts';
import { caddySplit } from '../../bench/configs/caddy.ts';
import { haproxySplit } from '../../bench/configs/haproxy.ts';
import { nginxSplit } from '../../bench/configs/nginx.ts';
import { nginxLuaEnrich } from '../../bench/configs/nginx-lua.ts';
import { caddyGrpcSplit, haproxyGrpcSplit, nginxGrpcSplit } from '../../bench/configs/grpc-proxies.ts';
import { isGrpc, type Place } from '../../bench/scenario.ts';
import { FEATURES } from '../../bench/scenarios/flower.ts';
import { scenarios } from '../../bench/scenarios/table.ts';

const place: Place = { port: 8_001, adminPort: 8_002, upstreamPort: 8_003, redisPort: 8_004, dir: '/tmp/x' };

test('every configuration of Makas is accepted', (t) => {
  for (const { name, cases } of scenarios) {
    for (const each of cases.filter(({ name: own }) => own !== '10000 routes')) {
      for (const peer of ['makas', 'makas-main']) {
        const text = each.configs[peer]?.(place);
        if (text === undefined) continue;
        const errors = prepareConfigText(text).problems.filter(({ severity }) => severity === 'error');
        t.same(errors, [], `${name} ${each.name} ${peer}`);
      }
    }
  }
  t.end();
});

test('the main lane is forced for makas-main and only there', (t) => {
  for (const { cases } of scenarios) {
    for (const { configs } of cases.filter((each) => !isGrpc(each))) {
      t.match(configs['makas']?.(place), /express: true/);
      if (configs['makas-main'] !== undefined) t.match(configs['makas-main'](place), /express: false/);
    }
  }
  t.end();
});

test('every proxy listens on its port, keeps connections to the upstream, and splits by the user', (t) => {
  const nginx = nginxSplit()(place);
  t.match(nginx, /split_clients \$http_x_user_id \$backend \{ 90% iris_v1; \* iris_v2; \}/);
  t.match(nginx, /server 127\.0\.0\.1:8003; keepalive 128/);
  t.match(nginx, /listen 127\.0\.0\.1:8001/);
  t.match(nginx, /access_log off/);
  const haproxy = haproxySplit()(place);
  t.match(haproxy, /balance hdr\(x-user-id\)/);
  t.match(haproxy, /weight 90[\s\S]*weight 10/);
  t.match(haproxy, /http-reuse always/);
  t.match(caddySplit(place), /lb_policy header x-user-id/);
  t.end();
});

test('every proxy of gRPC speaks HTTP/2 without TLS on both sides, keeps connections, and splits by the user', (t) => {
  const nginx = nginxGrpcSplit(place);
  t.match(nginx, /split_clients \$http_x_user_id \$backend \{ 90% iris_v1; \* iris_v2; \}/);
  t.match(nginx, /server 127\.0\.0\.1:8003; keepalive 128/);
  t.match(nginx, /listen 127\.0\.0\.1:8001 http2[\s\S]*grpc_pass grpc:\/\/\$backend/);
  const haproxy = haproxyGrpcSplit(place);
  t.match(haproxy, /bind 127\.0\.0\.1:8001 proto h2/);
  t.match(haproxy, /http-reuse always[\s\S]*balance hdr\(x-user-id\)/);
  t.match(haproxy, /:8003 proto h2 weight 90[\s\S]*:8003 proto h2 weight 10/);
  const caddy = caddyGrpcSplit(place);
  t.match(caddy, /protocols h1 h2c[\s\S]*lb_policy header x-user-id[\s\S]*versions h2c/);
  t.end();
});

test('nginx runs as one process, or as many workers as asked for', (t) => {
  t.match(nginxSplit()(place), /master_process off/);
  t.match(nginxSplit({ workers: 2 })(place), /worker_processes 2;/);
  t.notMatch(nginxSplit({ workers: 2 })(place), /master_process/);
  t.end();
});

test('nginx with Lua asks Redis for every feature, in order, on a kept connection', (t) => {
  const config = nginxLuaEnrich(place);
  t.ok(config.includes(FEATURES.map((name) => `"${name}"`).join(', ')));
  t.match(config, /connect\("127\.0\.0\.1", 8004\)/);
  t.match(config, /set_keepalive/);
  t.end();
});
