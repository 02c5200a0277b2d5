-- Takes from one bucket or quota, if there is enough in it. Cost 0 takes nothing, and asks whether cost 1 would be admitted.
-- KEYS: the bucket's or quota's.
-- ARGV: 'bucket', microseconds from one to the next, burst, cost
--   or: 'hour' | 'day' | 'month', count, cost, start and use that the caller remembers
-- Answer: admitted (0 or 1), remaining, microseconds until the reset, microseconds to wait[, the window's start, used]
local key, kind = KEYS[1], ARGV[1]
local now = clock()

if kind == 'bucket' then
  local interval, burst, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  local at = arrival(key, now)
  local next_at = at + math.max(cost, 1) * interval
  -- A hundredth of a microsecond is what sums of fractions may be wrong by.
  local wait = next_at - burst * interval - now
  local admitted = wait <= 0.01
  if admitted then
    wait = 0
    if cost > 0 then
      at = next_at
      keep_arrival(key, at, now)
    end
  end
  local remaining = math.max(0, math.floor((now + burst * interval - at) / interval + 0.001))
  local reset = at - now
  if remaining == 0 then reset = math.max(0, at + interval - burst * interval - now) end
  return { admitted and 1 or 0, remaining, math.ceil(reset), math.ceil(wait) }
end

local count, cost = tonumber(ARGV[2]), tonumber(ARGV[3])
local seconds = math.floor(now / 1000000) + EPOCH
local start, ends, used = usage(key, kind, seconds, tonumber(ARGV[4]), tonumber(ARGV[5]))
local admitted = used + math.max(cost, 1) <= count
if admitted and cost > 0 then
  used = used + cost
  keep_usage(key, start, ends, used)
end
local reset = (ends - EPOCH) * 1000000 - now
return { admitted and 1 or 0, math.max(0, count - used), reset, admitted and 0 or reset, start, used }
