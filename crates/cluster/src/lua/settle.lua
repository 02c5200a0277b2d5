-- Books what a node has admitted on its own, and says how it stands on all nodes.
-- KEYS: buckets' and quotas'.
-- ARGV, four a key: 'bucket', microseconds to add, 0, 0
--               or: 'hour' | 'day' | 'month', to add, start and use that the node remembers
-- Answer, two a key: a bucket's microseconds until it is full, and 0; or a quota's start, and what is used.
local now = clock()
local seconds = math.floor(now / 1000000) + EPOCH
local answer = {}
for i, key in ipairs(KEYS) do
  local kind, add = ARGV[4 * i - 3], tonumber(ARGV[4 * i - 2])
  if kind == 'bucket' then
    local at = math.min(arrival(key, now) + add, now + FAR)
    keep_arrival(key, at, now)
    answer[2 * i - 1], answer[2 * i] = math.ceil(at - now), 0
  else
    local start, ends, used = usage(key, kind, seconds, tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i]))
    used = used + add
    keep_usage(key, start, ends, used)
    answer[2 * i - 1], answer[2 * i] = start, used
  end
end
return answer
