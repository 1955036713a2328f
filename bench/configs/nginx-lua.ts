import { READY_PATH, renderNginx } from '../nginx.ts';
import type { Configure } from '../scenario.ts';
import { FEATURES } from '../scenarios/flower.ts';
import { renderPass, renderPool } from './nginx.ts';

const NAMES = FEATURES.map((name) => `"${name}"`).join(', ');

/** Reads the ten features of a flower in one round trip on a kept connection and appends them as an input tensor. */
function renderEnrich(redisPort: number): string {
  return `access_by_lua_block {
        local cjson = require "cjson"
        local redis = require "nginx.redis"
        local request = ngx.req
        request.read_body()
        local document = cjson.decode(request.get_body_data())
        local store = redis:new()
        store:set_timeout(1000)
        if not store:connect("127.0.0.1", ${redisPort}) then return ngx.exit(503) end
        local values = store:hmget("flower:" .. document.parameters.flower_id, ${NAMES})
        if not values then return ngx.exit(503) end
        store:set_keepalive(600000, 128)
        for i = 1, ${FEATURES.length} do values[i] = tonumber(values[i]) or 0 end
        local inputs = document.inputs
        inputs[#inputs + 1] = { name = "features", shape = { 1, ${FEATURES.length} }, datatype = "FP32", data = values }
        request.set_body_data(cjson.encode(document))
      }`;
}

/** The enrichment job alone: no split, no shadow, no metrics. */
export const nginxLuaEnrich: Configure = (place) => {
  const http = `${renderPool('iris', place)}
  lua_package_path "/usr/share/lua/5.1/?.lua;;";
  server {
    listen 127.0.0.1:${place.port} backlog=1024;
    location = ${READY_PATH} { return 200; }
    location /v2/models/ {
      client_max_body_size 1m;
      client_body_buffer_size 64k;
      ${renderEnrich(place.redisPort)}
      ${renderPass('iris')}
    }
  }
`;
  return renderNginx({ http, modules: ['ndk_http_module.so', 'ngx_http_lua_module.so'] });
};
