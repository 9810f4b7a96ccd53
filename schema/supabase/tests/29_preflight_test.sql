-- Goal:   a file that its own spec refuses at the agency is registered and refused, and its bytes are never asked for.
BEGIN;
\ir support/world.psql
SELECT no_plan();

CREATE FUNCTION test.notice(p_outcome text, p_version integer DEFAULT 1, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('preflight', jsonb_strip_nulls(jsonb_build_object('spec_version', p_version, 'outcome', p_outcome, 'rows', 12,
    'rows_quarantined', 1, 'bytes', 99, 'complete', true, 'findings_count', 2, 'groups', '[{"code": "WB-3012"}]'::jsonb,
    'error', CASE p_outcome WHEN 'refused' THEN '{"code": "WB-3012", "message": "no date", "row": 7, "column": "From", "count": 2}'::jsonb END)) || p_more)
$$;
CREATE FUNCTION test.told(p_job text, p_path text, p_content text, p_more jsonb, p_tag text DEFAULT 'component') RETURNS jsonb LANGUAGE sql AS $$
  SELECT test.open(p_job, test.offer(p_path, p_content, p_tag, p_more)) #> '{files,0}'
$$;

-- good, with its report
CREATE TEMP TABLE good AS SELECT test.told('n', 'good.csv', 'good', test.notice('accepted')) AS f;
SELECT is(f ->> 'outcome', 'upload', 'a good file is asked for') FROM good;
SELECT results_eq($$SELECT a.kind, a.content ->> 'outcome', a.content -> 'rows', a.content -> 'groups', a.created_by, a.content_sha256 FROM ingest.artifact AS a
    JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'good.csv'$$,
  $$SELECT 'preflight_report', 'accepted', '12'::jsonb, '[{"code": "WB-3012", "message": "see the code"}]'::jsonb, 'agent:' || test.id('alder agent'), ingest.sha256_hex(a.content::text)
      FROM ingest.artifact AS a$$, 'and its report is kept, with its hash');
SELECT is(test.told('n', 'good.csv', 'good', test.notice('accepted')) ->> 'job_file_id', f ->> 'job_file_id', 'a retry finds the same file') FROM good;
SELECT is((SELECT count(*) FROM ingest.artifact), 1::bigint, 'and no second report');
SELECT is(test.told('n', 'silent.csv', 'silent', '{}') ->> 'outcome', 'upload', 'an agent that does not look is heard');
SELECT is(test.told('n', 'silent2.csv', 'silent2', '{"preflight": null}') ->> 'outcome', 'upload', 'nor one that says null');

-- refused
CREATE TEMP TABLE bad AS SELECT test.told('n', 'bad.csv', 'bad', test.notice('refused')) AS f;
SELECT is(f - 'job_file_id', '{"index": 0, "state": "refused", "outcome": "refused", "upload": null, "duplicate_of": null,
  "error": {"code": "WB-3012", "message": "no date", "row": 7, "column": "From", "count": 2}}'::jsonb, 'a bad file is refused with the reason') FROM bad;
SELECT is(test.told('n', 'bad.csv', 'bad', test.notice('refused')), f, 'a retry gets the same answer') FROM bad;
SELECT results_eq($$SELECT e.event, e.from_state, e.to_state, e.actor FROM ingest.job_event AS e JOIN ingest.job_file AS f USING (job_file_id)
    WHERE f.relative_path = 'bad.csv' ORDER BY e.seq$$,
  $$VALUES ('opened', 'new', 'awaiting_upload', 'agent:' || test.id('alder agent')), ('refused', 'awaiting_upload', 'refused', 'agent:' || test.id('alder agent'))$$,
  'the log says who refused it');
SELECT is((SELECT state FROM ingest.tenant WHERE slug = 'alder'), 'active', 'a spec that quarantines halts nothing');
SELECT is((SELECT count(*) FROM ingest.artifact AS a JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'bad.csv'), 1::bigint, 'its report is kept');

-- an operator lets it through; then the agent's word is not asked again
SELECT is(ingest.retry_file((f ->> 'job_file_id')::uuid, 'we read it ourselves', 'kim') ->> 'state', 'awaiting_upload', 'an operator may want the bytes all the same') FROM bad;
SELECT is(test.told('n', 'bad.csv', 'bad', test.notice('refused')) ->> 'outcome', 'upload', 'and the same offer is taken now');

-- whose verdict counts
SELECT is(test.told('n', 'old.csv', 'old', test.notice('refused', 2)) ->> 'outcome', 'upload', 'a verdict by another version of the spec does not count');
SELECT is(test.told('n', 'tag.csv', 'tag', test.notice('refused'), 'unheard_of') #>> '{error,code}', 'WB-2108', 'what is refused anyway keeps its reason');
SELECT ingest.put_setting('preflight', '"report"', 'kim');
SELECT is(test.told('n', 'report.csv', 'report', test.notice('refused')) ->> 'outcome', 'upload', 'with preflight = report it is sent all the same');
SELECT ingest.put_setting('preflight', '"stop"', 'kim');
SELECT is(test.refusal($$SELECT ingest.put_setting('preflight', '"maybe"', 'kim')$$), 'WB-5006 400', 'other words are no setting');
SELECT is(ingest.agent_settings() -> 'preflight', '"stop"', 'agents are told');

-- a newer spec judges it anew
SELECT test.told('n', 'anew.csv', 'anew', test.notice('refused'));
SELECT ingest.put_file_spec('alder', '{"file_tag": "component", "entity": "component", "on_refusal": "halt", "columns": [{"name": "M", "to": "m"}]}', 'tester');
SELECT is(test.told('n', 'anew.csv', 'anew', test.notice('refused', 2)) ->> 'outcome', 'refused', 'offered again under the newer spec it is refused again');
SELECT is((SELECT count(*) FROM ingest.artifact AS a JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'anew.csv'), 2::bigint, 'with a report of each reading');
SELECT is((SELECT state || ' ' || state_reason FROM ingest.tenant WHERE slug = 'alder'), 'halted WB-3012: no date (anew.csv)', 'a spec that halts does so here, too');
SELECT ingest.resume_tenant('alder', 'seen', 'kim');
SELECT test.told('m', 'good now.csv', 'good now', test.notice('refused', 2));
SELECT ingest.put_file_spec('alder', '{"file_tag": "component", "entity": "component", "columns": [{"name": "O", "to": "o"}]}', 'tester');
SELECT is(test.told('m', 'good now.csv', 'good now', test.notice('accepted', 3)) ->> 'outcome', 'upload', 'or is asked for, when it is good by then');

-- what agents may say
SELECT is(test.refusal(format('SELECT test.told(''n'', ''x.csv'', ''x'', %L)', o)), 'WB-2101 400', w) FROM (VALUES
  ('{"preflight": 7}'::jsonb, 'a notice is an object'), ('{"preflight": {"outcome": "refused"}}', 'a notice names its spec'),
  (test.notice('refused', 1, '{"outcome": "perhaps"}'), 'and an outcome we know'), (test.notice('refused', 1, '{"error": {"message": "x"}}'), 'a refusal has a code'),
  (test.notice('refused', 1, '{"error": null}'), 'and an error')) AS t (o, w);
SELECT is(test.told('n', p || '.csv', p, test.notice('refused', 3, jsonb_build_object('error', e))) -> 'error', '{"code": "WB-3012", "message": "see the code"}' || k, w) FROM (VALUES
  ('long', jsonb_build_object('code', 'WB-3012', 'message', repeat('x', 5000), 'column', repeat('c', 300)), jsonb_build_object('message', repeat('x', 1000)),
   'what an agent says is cut, and the file is refused all the same'),
  ('lies', '{"code": "WB-3012", "message": 7, "row": -5, "line": 1e300, "count": "7", "column_number": 1.5, "byte_offset": 12, "more": 1}', '{"byte_offset": 12}', 'numbers that are none are dropped'),
  ('escapes', '{"code": "WB-3012", "message": "a\u001b[2J\nb", "column": "x\u0007"}', '{"message": "a [2J b"}', 'and control characters')) AS t (p, e, k, w);
SELECT test.told('n', 'groups.csv', 'groups', test.notice('accepted', 3, '{"groups": [7, {"code": "none"}, {"code": "WB-3012", "message": "m", "rule": "value-invalid", "action": "warn", "count": 3, "column": "c",
  "what_to_do": "mend it", "places": [{"row": 2, "line": 3, "byte_offset": 9, "value": "v"}, 8], "value": "v"}]}'));
SELECT is((SELECT a.content -> 'groups' FROM ingest.artifact AS a JOIN ingest.job_file AS f USING (job_file_id) WHERE f.relative_path = 'groups.csv'),
  '[{"code": "WB-3012", "message": "m", "rule": "value-invalid", "action": "warn", "count": 3, "column": "c", "what_to_do": "mend it", "places": [{"row": 2, "line": 3, "byte_offset": 9}]}]',
  'groups are reduced to what a report has');

-- the reason is what is wrong with the file, not how it would have travelled
SELECT ingest.put_setting('max_file_bytes', '50', 'kim');
SELECT is(test.told('n', 'large.csv', 'large', test.notice('refused', 3) || '{"size_bytes": 51}') #>> '{error,code}', 'WB-3012', 'a large file that its spec refuses is refused for that');
SELECT is(test.told('n', 'too large.csv', 'too large', test.notice('accepted', 3) || '{"size_bytes": 51}') #>> '{error,code}', 'WB-2109', 'a good one for its size');
SELECT ingest.put_setting('max_file_bytes', '5000000000', 'kim');
SELECT test.told('n', 'big.csv', 'big', test.notice('accepted', 3, jsonb_build_object('groups', jsonb_build_array(repeat('x', 70000)), 'secret', 'x')));
SELECT test.told('n', 'url.csv', 'url', test.notice('accepted', 3, '{"groups": [{"message": "see https://x.example/a"}]}'));
SELECT is((SELECT jsonb_agg(a.content - 'bytes' - 'complete' - 'rows' - 'rows_quarantined' - 'findings_count' ORDER BY f.relative_path) FROM ingest.artifact AS a JOIN ingest.job_file AS f USING (job_file_id)
            WHERE f.relative_path IN ('big.csv', 'url.csv')),
  '[{"report": "preflight", "outcome": "accepted", "spec_version": 3, "left_out": true}, {"report": "preflight", "outcome": "accepted", "spec_version": 3, "left_out": true}]',
  'details too long, or like an address, are dropped; keys that nobody knows, too');

SELECT * FROM finish();
ROLLBACK;
