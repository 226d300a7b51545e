-- What waits: items, batches, batches due now, age of the oldest (ms).
-- KEYS: due, accepted, messages
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {
  tonumber(redis.call('GET', KEYS[3]) or '0'),
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCOUNT', KEYS[1], '-inf', now_ms),
  oldest[2] and math.max(0, now_ms - tonumber(oldest[2])) or 0,
}
