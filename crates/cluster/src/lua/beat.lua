-- A node says that it is there, and hears how many are. It writes, so it fails wherever the other scripts would.
-- KEYS: the nodes, the seed.
-- ARGV: the node, its seed, milliseconds for which a node counts, milliseconds for which it is kept
-- Answer: how many nodes, the seed that holds for all
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
-- First of all what needs memory: a server that is out of it lets a script go on that has written before.
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
-- A clock that has stepped back leaves marks of the future, which would count for ever.
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + tonumber(ARGV[4])), '+inf')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - tonumber(ARGV[4])))
local nodes = redis.call('ZCOUNT', KEYS[1], string.format('%.0f', now - tonumber(ARGV[3])), '+inf')
redis.call('SET', KEYS[2], ARGV[2], 'NX')
return { nodes, redis.call('GET', KEYS[2]) }
