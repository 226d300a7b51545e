-- Change leases that are still ours: renew them, or give them back.
-- KEYS: due, claims, marks
-- ARGV: due in (ms), 'keep' | 'count' | 'forgive', then for each batch: id, token
-- keep: the lease goes on. count: it is over and counts like one that ran out. forgive: it is over and was never taken;
-- what was last begun alone counts once less.
-- Returns how many were still ours.
local due_in_ms, what, ours = tonumber(ARGV[1]), ARGV[2], 0
local time = redis.call('TIME')
local due_ms = time[1] * 1000 + math.floor(time[2] / 1000) + due_in_ms
for at = 3, #ARGV, 2 do
  local id = ARGV[at]
  local claims, token = string.match(redis.call('HGET', KEYS[2], id) or '', '^(%d+):(.*)$')
  if token == ARGV[at + 1] then
    ours = ours + 1
    redis.call('ZADD', KEYS[1], 'XX', due_ms, id)
    if what == 'count' then
      redis.call('HSET', KEYS[2], id, claims .. ':')
    elseif what == 'forgive' then
      redis.call('HSET', KEYS[2], id, (claims - 1) .. ':')
      local item, begun = string.match(redis.call('HGET', KEYS[3], id) or '', '^(%d+):(%d+)$')
      if item then
        redis.call('HSET', KEYS[3], id, item .. ':' .. math.max(0, begun - 1))
      end
    end
  end
end
return ours
