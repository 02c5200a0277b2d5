-- What the scripts share. Times are microseconds since 2025 in doubles: that leaves fractions of a microsecond for 280 years.
local EPOCH = 1735689600
-- No debt is longer than 35 years, so that every sum here stays exact.
local FAR = 2 ^ 50

local function clock()
  local t = redis.call('TIME')
  return (tonumber(t[1]) - EPOCH) * 1000000 + tonumber(t[2])
end

-- What stands at a key, if it is a text: whatever else somebody has put there counts as nothing, and is overwritten.
local function text(key)
  local found = redis.pcall('GET', key)
  if type(found) == 'string' then return found end
  return ''
end

-- The theoretical arrival time of a bucket (GCRA), never in the past. It is kept with the time at which it was written: where
-- the server's clock has stepped back since, the bucket steps back with it and nobody waits for the clock to catch up.
local function arrival(key, now)
  local at, seen = string.match(text(key), '^(%d+%.%d+);(%d+%.%d+)$')
  if not at then return now end
  at, seen = tonumber(at), tonumber(seen)
  if now < seen then at = at - (seen - now) end
  return math.max(at, now)
end

local function keep_arrival(key, at, now)
  local ahead = math.ceil(math.min(at - now, FAR) / 1000)
  redis.call('SET', key, string.format('%.3f;%.3f', at, now), 'PX', string.format('%.0f', ahead + 1000))
end

-- The day of the month, from 0, of a day since 1970 (the calendar's cycle of 400 years, counted from a first of March).
local function day_of_month(day)
  local doe = (day + 719468) % 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local month = math.floor((5 * doy + 2) / 153)
  return doy - math.floor((153 * month + 2) / 5)
end

-- First second of the window that now is in, and of the next one.
local function window(kind, now)
  if kind == 'hour' then
    local start = now - now % 3600
    return start, start + 3600
  end
  local day = math.floor(now / 86400)
  if kind == 'day' then return day * 86400, (day + 1) * 86400 end
  local first = day - day_of_month(day)
  local next_month = first + 32
  return first * 86400, (next_month - day_of_month(next_month)) * 86400
end

-- What has been used of a quota: first second of its window, first of the next, used. known_start and known_used are what the
-- caller remembers, which counts where this server has lost its own. A window only moves forward, until the clock is a
-- whole window behind it.
local function usage(key, kind, now, known_start, known_used)
  local start, ends = window(kind, now)
  local used = 0
  local kept, count = string.match(text(key), '^(%d+);(%d+)$')
  kept, count = tonumber(kept), tonumber(count)
  if kept and kept > start and kept - now < ends - start then
    start, ends = window(kind, kept)
  end
  if kept == start then used = count end
  if known_start == start and known_used > used then used = known_used end
  return start, ends, used
end

local function keep_usage(key, start, ends, used)
  redis.call('SET', key, string.format('%.0f;%.0f', start, used))
  redis.call('EXPIREAT', key, string.format('%.0f', ends + 3600))
end
