-- Writes a record, if nobody has done so since the writer looked. An empty text removes it, and nobody is told.
-- KEYS: the records, their order, the last number.
-- ARGV: the record's id, what the writer has seen there (empty: nothing), what it is to be
-- Answer: written (0 or 1), and what stands there
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then return { 0, found } end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
end
return { 1, ARGV[3] }
