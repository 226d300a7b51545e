-- Store a batch unless every item of it was seen before; mark its new items. Atomic.
-- Order matters: all reads, then the batch, then the marks. After the first write nothing can fail,
-- so that no mark is ever left without its message.
--
-- KEYS: batches, due, accepted, messages
-- ARGV: batch id, sealed bytes, most waiting items, mark lifetime (s), mark prefix, marks: for each item a key of 16 bytes, a value of 8
-- Returns one letter an item (n new, d duplicate, c conflict), or 'full'.
local id, sealed, most, lifetime, prefix, given = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local keys, values = {}, {}
for at = 1, #given, 24 do
  keys[#keys + 1] = prefix .. string.sub(given, at, at + 15)
  values[#keys] = string.sub(given, at + 16, at + 23)
end
local marks = redis.call('MGET', unpack(keys))
local seen, fresh = {}, 0
for item, mark in ipairs(marks) do
  if not mark then
    seen[item], fresh = 'n', fresh + 1
  elseif mark == values[item] then
    seen[item] = 'd'
  else
    seen[item], fresh = 'c', fresh + 1
  end
end
if fresh == 0 then
  return table.concat(seen)
end
if tonumber(redis.call('GET', KEYS[4]) or '0') + #keys > most then
  return 'full'
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], id, sealed)
redis.call('ZADD', KEYS[2], now_ms, id)
redis.call('ZADD', KEYS[3], now_ms, id)
redis.call('INCRBY', KEYS[4], #keys)
for item, letter in ipairs(seen) do
  if letter == 'n' then
    redis.call('SET', keys[item], values[item], 'EX', lifetime, 'NX')
  end
end
return table.concat(seen)
