-- Account for frames of one camera, and write one result at most once. Safe to call again with the same plan.
--
-- KEYS: cursor, holes, ledger, hour, day, latest, results (all of one camera).
-- ARGV[1]: plan, JSON {run, base, captured, live, ended, sequence, spans [[first, last, outcome]…],
--          counts {field of hour: number}, hour_counts {field of day: number}, tracks, results_seconds,
--          minutes_seconds}; sequence 0 means "no result".
-- ARGV[2]: the result's JSON. Returns {1 if the result was written else 0, outcome, count, outcome, count…}.
--
-- Always: sum of outcomes + holes + (cursor.captured - cursor.sequence) = ledger.captured.
-- All is read and reckoned first and written afterwards, so that a full Redis refuses the whole and not a half.

local MAX_HOLES = 10000
local CHUNK = 500
local cursor_key, holes_key, ledger_key, hour_key, day_key, latest_key, results_key = unpack(KEYS)
local plan = cjson.decode(ARGV[1])
local stored = redis.call('HMGET', cursor_key,
  'run', 'sequence', 'captured', 'ended', 'before_run', 'before_captured', 'tracks')
local run, sequence, captured, ended, before_run, before_captured =
  tonumber(stored[1]) or 0, tonumber(stored[2]) or 0, tonumber(stored[3]) or 0,
  tonumber(stored[4]) or 0, tonumber(stored[5]) or 0, tonumber(stored[6]) or 0
local tracks = tonumber(stored[7]) or 0
local counted, raised, recorded = {}, 0, 0
local opened, removed, hole_count = {}, {}, nil

local function text(number)
  return string.format('%.0f', number) -- tostring() would write large numbers with an exponent
end

local function count(outcome, number)
  if number > 0 then counted[outcome] = (counted[outcome] or 0) + number end
end

-- Keep first..last as holes; where there are too many, the oldest are lost.
local function open(of_run, first, last)
  hole_count = hole_count or redis.call('HLEN', holes_key)
  local surplus = math.min(math.max(hole_count + last - first + 1 - MAX_HOLES, 0), last - first + 1)
  count('lost', surplus)
  for number = first + surplus, last do
    opened[text(of_run) .. ':' .. text(number)] = true
    hole_count = hole_count + 1
  end
end

local function close_hole(id, outcome)
  removed[id] = true
  count(outcome, 1)
end

-- Close the holes among first..last; sequences that are no holes are accounted for already.
local function close(first, last, outcome)
  if last < first then return end
  local prefix = text(plan.run) .. ':'
  for id in pairs(opened) do
    local number = string.sub(id, 1, #prefix) == prefix and tonumber(string.sub(id, #prefix + 1))
    if number and number >= first and number <= last and not removed[id] then close_hole(id, outcome) end
  end
  if last - first < CHUNK then
    local ids = {}
    for number = first, last do ids[#ids + 1] = prefix .. text(number) end
    for index, value in ipairs(redis.call('HMGET', holes_key, unpack(ids))) do
      if value and not removed[ids[index]] then close_hole(ids[index], outcome) end
    end
    return
  end
  for _, id in ipairs(redis.call('HKEYS', holes_key)) do
    local number = string.sub(id, 1, #prefix) == prefix and tonumber(string.sub(id, #prefix + 1))
    if number and number >= first and number <= last and not removed[id] then close_hole(id, outcome) end
  end
end

if plan.run > run then
  if run > 0 then
    open(run, sequence + 1, captured)
    before_run, before_captured = run, captured
  end
  run, sequence, captured, ended = plan.run, plan.base, plan.base, 0
end
local newest = plan.run == run

local function raise(number)
  if newest and number > captured then
    raised = raised + number - captured
    captured = number
  elseif plan.run == before_run and number > before_captured then
    raised = raised + number - before_captured
    open(before_run, before_captured + 1, number)
    before_captured = number
  end
end

local function cover(first, last, outcome)
  raise(last)
  local above = last + 1
  if newest and last > sequence then
    above = math.max(first, sequence + 1)
    count('lost', above - sequence - 1) -- nobody spoke of these: Redis came back with an older state
    if outcome == 'hole' then open(run, above, last) else count(outcome, last - above + 1) end
    sequence = last
  end
  if outcome ~= 'hole' then close(first, above - 1, outcome) end
end

for _, span in ipairs(plan.spans) do cover(span[1], span[2], span[3]) end
raise(plan.captured)
if plan.sequence > 0 then
  raise(plan.sequence)
  if newest and plan.sequence > sequence then
    cover(plan.sequence, plan.sequence, 'recorded')
    recorded = 1
    tracks = math.max(tracks, plan.tracks)
  else
    close(plan.sequence, plan.sequence, 'late')
  end
end
if newest and plan.ended then ended = 1 end

-- From here on only writes; the first one is refused when Redis is full.
redis.call('HSET', cursor_key, 'run', text(run), 'sequence', text(sequence), 'captured', text(captured),
  'ended', text(ended), 'before_run', text(before_run), 'before_captured', text(before_captured),
  'tracks', text(tracks))
if newest then redis.call('HSET', cursor_key, 'live', plan.live and '1' or '0') end
if raised > 0 then redis.call('HINCRBY', ledger_key, 'captured', text(raised)) end
local answer = {recorded}
for outcome, number in pairs(counted) do
  redis.call('HINCRBY', ledger_key, outcome, text(number))
  answer[#answer + 1] = outcome
  answer[#answer + 1] = number
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function in_chunks(command, key, arguments)
  for start = 1, #arguments, CHUNK do
    redis.call(command, key, unpack(arguments, start, math.min(start + CHUNK - 1, #arguments)))
  end
end

local fresh, gone = {}, {}
for id in pairs(opened) do
  if not removed[id] then
    fresh[#fresh + 1] = id
    fresh[#fresh + 1] = text(now_ms)
  end
end
for id in pairs(removed) do
  if not opened[id] then gone[#gone + 1] = id end
end
in_chunks('HSET', holes_key, fresh)
in_chunks('HDEL', holes_key, gone)

-- Seconds are fractions even where this number is whole: HINCRBY would refuse a field that has one.
local function add(key, counts)
  for field, number in pairs(counts) do
    if string.find(field, 'seconds:', 1, true) then
      redis.call('HINCRBYFLOAT', key, field, string.format('%.3f', number))
    else
      redis.call('HINCRBY', key, field, text(number))
    end
  end
  redis.call('EXPIRE', key, plan.minutes_seconds)
end

if recorded == 1 then
  redis.call('SET', latest_key, ARGV[2], 'EX', plan.results_seconds)
  redis.call('XADD', results_key, 'MINID', '~', text(now_ms - plan.results_seconds * 1000), '*', 'json', ARGV[2])
  redis.call('EXPIRE', results_key, plan.results_seconds)
  add(hour_key, plan.counts)
  add(day_key, plan.hour_counts)
end
return answer
