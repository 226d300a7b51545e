-- Remove batches whose work is committed. Batches that are gone already do not count twice.
-- KEYS: batches, due, accepted, claims, marks, messages
-- ARGV: batch ids
for _, id in ipairs(ARGV) do
  if redis.call('HDEL', KEYS[1], id) == 1 then
    redis.call('DECRBY', KEYS[6], tonumber(string.match(id, '%.(%d+)$')))
  end
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('HDEL', KEYS[4], id)
  redis.call('HDEL', KEYS[5], id)
end
return #ARGV
