-- Arguments: the plan (a Lua file that returns a table) and "check" when every answer is to be compared.
local requests = {}
local at = 0
local threads = {}
wrong_status = 0
wrong_body = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  local plan = dofile(args[1])
  for n, each in ipairs(plan.requests) do
    requests[n] = wrk.format(each.method, each.path, each.headers, each.body)
  end
  if args[2] == "check" then
    response = function(status, headers, body)
      if status ~= 200 then
        wrong_status = wrong_status + 1
      elseif body ~= plan.answer then
        wrong_body = wrong_body + 1
      end
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local status, body = 0, 0
  for _, thread in ipairs(threads) do
    status = status + thread:get("wrong_status")
    body = body + thread:get("wrong_body")
  end
  local errors = summary.errors
  io.write(string.format(
    "result requests=%d durationUs=%d p50Us=%d p99Us=%d connect=%d read=%d write=%d timeout=%d status=%d body=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, math.max(errors.status, status), body))
end
