-- wrk's part of the load: sends whole requests that were made before, each once, and counts answers that are not 200.
-- Arguments: the file of requests, the size of each in bytes.
local threads = {}
local requests, size
refused, spent = 0, 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  requests, size = assert(io.open(args[1], "rb")), tonumber(args[2])
end

function request()
  local one = requests:read(size)
  if not one then
    spent = 1
    requests:seek("set", 0)
    one = requests:read(size)
  end
  return one
end

function response(status)
  if status ~= 200 then
    refused = refused + 1
  end
end

function done(summary, latency)
  local not_200, ran_out, errors = 0, 0, summary.errors
  for _, thread in ipairs(threads) do
    not_200, ran_out = not_200 + thread:get("refused"), ran_out + thread:get("spent")
  end
  io.write(string.format(
    '\n{"answers": %d, "took_s": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d, "ran_out": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, not_200,
    errors.connect + errors.read + errors.write + errors.timeout, ran_out
  ))
end
