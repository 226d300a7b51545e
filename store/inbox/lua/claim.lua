-- Lease what is due, oldest due first. Atomic, on Redis' own clock.
-- KEYS: batches, due, accepted, claims, marks
-- ARGV: most items, most sealed bytes, lease (ms), token
-- Returns for each batch: id, sealed bytes, accepted at (ms), leases that ran out before, mark ('' where none)
local most, most_bytes, lease_ms, token = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed, items, bytes = {}, 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, most)) do
  local count = tonumber(string.match(id, '%.(%d+)$'))
  local size = redis.call('HSTRLEN', KEYS[1], id)
  if items > 0 and (items + count > most or bytes + size > most_bytes) then
    break
  end
  items, bytes = items + count, bytes + size
  local claims = tonumber(string.match(redis.call('HGET', KEYS[4], id) or '0:', '^(%d+):'))
  redis.call('HSET', KEYS[4], id, (claims + 1) .. ':' .. token)
  redis.call('ZADD', KEYS[2], now_ms + lease_ms, id)
  claimed[#claimed + 1] = {
    id,
    redis.call('HGET', KEYS[1], id),
    redis.call('ZSCORE', KEYS[3], id),
    claims,
    redis.call('HGET', KEYS[5], id) or '',
  }
end
return claimed
