-- Note that one item of a batch is begun alone, and renew the lease.
-- KEYS: due, claims, marks
-- ARGV: batch id, token, item, lease (ms)
-- Returns how often this item was begun in a row, or 0 where the lease is no longer ours.
local id = ARGV[1]
local token = string.match(redis.call('HGET', KEYS[2], id) or '', '^%d+:(.*)$')
if token ~= ARGV[2] then
  return 0
end
local item, begun = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%d+):(%d+)$')
begun = item == ARGV[3] and begun + 1 or 1
local time = redis.call('TIME')
redis.call('HSET', KEYS[3], id, ARGV[3] .. ':' .. begun)
redis.call('ZADD', KEYS[1], 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4]), id)
return begun
