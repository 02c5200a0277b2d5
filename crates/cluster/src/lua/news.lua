-- The records that were written behind a number, in the order in which they were.
-- KEYS: the records, their order, the last number.
-- ARGV: the number, how many at most
-- Answer: the last number of all, then for each record: its number, its id, what stands there
local answer = { tonumber(redis.call('GET', KEYS[3]) or 0) }
local rows = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for i = 1, #rows, 2 do
  answer[#answer + 1] = tonumber(rows[i + 1])
  answer[#answer + 1] = rows[i]
  answer[#answer + 1] = redis.call('HGET', KEYS[1], rows[i]) or ''
end
return answer
