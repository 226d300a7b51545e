-- The names of the keys that sealed some of the waiting batches; the batches themselves stay where they are.
-- KEYS: batches
-- ARGV: cursor, about how many, bytes of a name
-- Returns the next cursor ('0' at the end) and the names. A batch begins with one byte for its format.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local names = {}
for at = 2, #page[2], 2 do
  names[#names + 1] = string.sub(page[2][at], 2, 1 + tonumber(ARGV[3]))
end
return {page[1], names}
