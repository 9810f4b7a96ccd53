-- Goal:   what is published can be counted and cast with: limits of staleness are numbers, time zones are names that PostgreSQL knows.
BEGIN;
\ir support/world.psql
SELECT no_plan();

SELECT is(test.refusal(format($$SELECT ingest.put_file_spec('birch', %L, 'kim')$$, s)), 'WB-3014 400', 'no spec: ' || s) FROM unnest(ARRAY[
  '{"file_tag": "t", "entity": "party", "columns": [], "stale_after_hours": "soon"}', '{"file_tag": "t", "entity": "party", "columns": [], "stale_after_hours": 99999}',
  '{"file_tag": "t", "entity": "party", "columns": [{"time_zone": "Europe/Atlantis"}]}', '{"file_tag": "t", "entity": "party", "columns": [{"time_zone": "europe/paris"}]}',
  '{"file_tag": "t", "entity": "party", "columns": [{"time_zone": "UTC+3"}]}', '{"file_tag": "t", "entity": "party", "columns": [{}, {"time_zone": "CESTX"}]}']) AS s;
SELECT throws_like($$SELECT ingest.put_file_spec('birch', '{"file_tag": "t", "entity": "party", "columns": [{}, {"time_zone": "Europe/Atlantis"}]}', 'kim')$$, '%columns[1].time_zone%', 'the place is named');
SELECT is(test.refusal(format($$SELECT ingest.put_file_spec('birch', %L, 'kim')$$, s)), 'taken', 'a spec: ' || s) FROM unnest(ARRAY[
  '{"file_tag": "t", "entity": "party", "columns": [{"time_zone": "Europe/Paris"}, {"time_zone": "UTC"}, {"time_zone": ""}, {}]}',
  '{"file_tag": "t", "entity": "party", "columns": [{"time_zone": "America/Argentina/Buenos_Aires"}]}']) AS s;

SELECT * FROM finish();
ROLLBACK;
