-- Goal:   "did the delivery arrive, and what is missing" is answered, in time and once, at both ends.
-- Method: time is stepped by hand through nights with files missing, late, surplus and unexpected.
BEGIN;
\ir support/world.psql
\ir support/clock.psql
SELECT no_plan();
CREATE FUNCTION test.log() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(event || coalesce(' ' || (details ->> 'file_tag'), ''), ', ' ORDER BY seq) FROM ingest.job_event
   WHERE tenant_id = test.id('alder') AND (event LIKE 'delivery\_%' AND event <> 'delivery_plan_published' OR event LIKE 'file\_%' AND event NOT LIKE 'file\_spec%')
     AND details ->> 'delivery_date' = (SELECT max(details ->> 'delivery_date') FROM ingest.job_event WHERE tenant_id = test.id('alder'))
$$;

-- the plan's own checks
SELECT is(test.refusal(format('SELECT ingest.put_delivery_plan(''alder'', %L, ''kim'')', p)), 'WB-3014 400', 'no plan: ' || p) FROM unnest(ARRAY['[]', '{}', '{"files": []}', '{"files": [{}]}',
  '{"files": [{"file_tag": "A"}]}', '{"files": [{"file_tag": "a"}, {"file_tag": "a"}]}', '{"files": [{"file_tag": "a", "rank": -1}]}', '{"files": [{"file_tag": "a", "required": 1}]}',
  '{"files": [{"file_tag": "a"}], "deadline": "24:00"}', '{"files": [{"file_tag": "a"}], "deadline_days": 8}', '{"files": [{"file_tag": "a"}], "weekdays": []}',
  '{"files": [{"file_tag": "a"}], "weekdays": ["day"]}', '{"files": [{"file_tag": "a"}], "wait_s": 999999}', '{"files": [{"file_tag": "a"}], "older_files": "maybe"}', '{"files": [{"file_tag": "a"}], "name": " "}']) AS p;
SELECT is(ingest.put_delivery_plan('alder', NULL, 'kim'), 0, 'no plan before, none now');
SELECT is((SELECT ingest.current_specs(test.id('alder')) ->> 'digest'), (SELECT ingest.sha256_hex(string_agg(file_tag || ' 1 ' || spec_sha256, E'\n' ORDER BY file_tag))
  FROM ingest.file_spec WHERE tenant_id = test.id('alder')), 'without plan the digest is what it was before there were plans');
SELECT test.plan('alder', '{"weekdays": ["mon", "tue", "wed", "thu", "fri"]}');
SELECT is(ingest.current_specs(test.id('alder')) #>> '{delivery_plan,deadline}', '06:00', 'agents are told the plan');
SELECT isnt(ingest.current_specs(test.id('alder')) ->> 'digest', (SELECT ingest.sha256_hex(string_agg(file_tag || ' 1 ' || spec_sha256, E'\n' ORDER BY file_tag))
  FROM ingest.file_spec WHERE tenant_id = test.id('alder')), 'and the digest covers it');

-- deadlines are local, and the clocks change
SELECT is(ingest.deadline_of(full_plan, d::date, 'Europe/Berlin'), t::timestamptz, 'deadline of ' || d) FROM (SELECT ingest.full_plan('{"files": [], "deadline": "02:30"}') AS full_plan) AS p,
  (VALUES ('2026-11-20', '2026-11-21T01:30Z'), ('2026-07-01', '2026-07-02T00:30Z'), ('2026-03-28', '2026-03-29T01:30Z'), ('2026-10-24', '2026-10-25T01:30Z')) AS v (d, t);

-- a good night (Friday)
SELECT test.bring('2026-11-20', 'c1.csv', 'component');
SELECT is(test.delivery('2026-11-20'), 'open recipe,recipe_line', 'an open delivery says what has not come yet');
SELECT test.bring('2026-11-20', 'r1.csv', 'recipe'), test.bring('2026-11-20', 'l1.csv', 'recipe_line');
SELECT is(test.delivery('2026-11-20'), 'complete ', 'it is complete when all required files came');
SELECT test.bring('2026-11-20', 'extra.csv', 'uom_conversion'), test.bring('2026-11-20', 'r1b.csv', 'recipe'), test.bring('2026-11-20', 'v1.csv', 'variant'), test.bring('2026-11-20', 'v2.csv', 'variant');
SELECT is(test.log(), 'delivery_opened, delivery_complete, file_unexpected uom_conversion, file_surplus recipe', 'what is not in the plan, or one too many, is told');
SELECT is(test.close('job-2026-11-20'), 'closed', 'the agent closes the job');
SELECT is(test.delivery('2026-11-20'), 'complete ', 'while files are under way it is complete');
SELECT test.work();
SELECT is(test.delivery('2026-11-20'), 'closed ', 'and closed when all are archived');
SELECT test.at('2026-11-21T05:00Z');
SELECT is(ingest.sweep(), 0, 'the deadline of a complete delivery is no event');

-- a weekend: nothing is expected
SELECT test.at('2026-11-23T05:00Z');
SELECT is(ingest.sweep(), 0, 'on Saturday and Sunday nothing is missed');

-- a late night (Monday): one file comes after the deadline
SELECT test.bring('2026-11-23', 'c2.csv', 'component'), test.bring('2026-11-23', 'l2.csv', 'recipe_line');
SELECT test.at('2026-11-24T04:59:59Z');
SELECT is(ingest.sweep(), 0, 'a second before the deadline');
SELECT test.at('2026-11-24T05:00Z');
SELECT is(ingest.sweep(), 1, 'at the deadline');
SELECT is(test.delivery('2026-11-23'), 'late recipe', 'the delivery is late');
SELECT is(ingest.sweep(), 0, 'once');
SELECT is((SELECT kind || ': ' || message FROM ingest.alert), 'delivery_late: alder: delivery nightly of 2026-11-23 is late; missing: recipe; agent down: it was never heard of', 'and a person is told');
SELECT is((public.ingest_sync() #> '{deliveries,0}') - 'deadline_at', '{"date": "2026-11-23", "name": "nightly", "state": "late", "missing": ["recipe"]}', 'the agent hears it with its next sync');
SELECT is(public.ingest_sync() #>> '{deliveries,0,deadline_at}', '2026-11-24T05:00:00.000000Z', 'and when the deadline was');
SELECT test.bring('2026-11-23', 'r2.csv', 'recipe');
SELECT is(test.delivery('2026-11-23'), 'complete ', 'when the file comes after all, the delivery is complete');
SELECT is(test.log(), 'delivery_opened, file_missing recipe, delivery_late, file_late recipe, delivery_complete', 'each of it is one event');

-- a silent night (Tuesday): nothing comes at all
SELECT test.at('2026-11-25T05:00Z');
SELECT is(ingest.sweep(), 2, 'a date on which nothing came is opened and late at its deadline');
SELECT is(test.delivery('2026-11-24'), 'late component,recipe,recipe_line', 'with all that is missing');
SELECT is(test.log(), 'delivery_opened, file_missing component, file_missing recipe, file_missing recipe_line, delivery_late', 'each file is missed');
SELECT test.at('2026-11-26T05:00Z');
SELECT cmp_ok(ingest.sweep(), '>=', 1, 'a day later');
SELECT is(test.delivery('2026-11-24'), 'partial component,recipe,recipe_line', 'it is partial');
SELECT is((SELECT count(*) FROM ingest.alert WHERE kind = 'file_missing'), 1::bigint, 'and the missing files are an alert');
SELECT test.at('2026-11-26T12:00Z');
SELECT is(ingest.sweep(), 0, 'and nothing is told again');

-- the agent ends a delivery with something missing
SELECT test.at('2026-11-27T04:00Z');
SELECT test.bring('2026-11-26', 'c5.csv', 'component'), test.bring('2026-11-26', 'r5.csv', 'recipe');
SELECT test.work();
SELECT test.close('job-2026-11-26');
SELECT is(test.delivery('2026-11-26'), 'partial recipe_line', 'closing a job with something missing makes its delivery partial');
SELECT is(test.log(), 'delivery_opened, file_missing recipe_line, delivery_partial', 'and the file is missed then');
SELECT ok(test.work() @> ARRAY['archive c5.csv', 'archive r5.csv'], 'its files are archived');
SELECT is(test.delivery('2026-11-26'), 'closed recipe_line', 'and it is closed when all that came is final');

-- skipping what is missing for good; a refused file did arrive
SELECT test.bring('2026-11-27', 'c6.csv', 'component'), test.bring('2026-11-27', 'l6.csv', 'recipe_line');
SELECT public.ingest_open_job('job-2026-11-27', '{"date": "2026-11-27", "name": "nightly"}', jsonb_build_array(test.offer('r6.csv', 'r6', 'recipe')));
SELECT ok(NOT test.work() @> ARRAY['stage l6.csv'], 'a line waits for a recipe that is announced but never sent');
SELECT ingest.skip_file(job_file_id, 'export broken tonight', 'kim') FROM ingest.job_file WHERE relative_path = 'r6.csv' AND delivery_date = '2026-11-27';
SELECT is(test.delivery('2026-11-27'), 'complete ', 'a skipped file counts as settled');
SELECT ok(test.work() @> ARRAY['stage l6.csv'], 'and nothing waits for it');
SELECT is((SELECT error_code || ' ' || state FROM ingest.job_file WHERE relative_path = 'r6.csv' AND delivery_date = '2026-11-27'), 'WB-2116 refused', 'the agent hears that it was set aside');

-- one of two in a batch is surplus; a file in parts has come with its last part
SELECT public.ingest_open_job('batch', '{"date": "2026-11-28", "name": "nightly"}', jsonb_build_array(test.offer('s1.csv', 's1', 'recipe'), test.offer('s2.csv', 's2', 'recipe'),
  test.offer('p.csv', 'p1', 'component', jsonb_build_object('original_sha256', test.sha('p'), 'part_number', 1, 'part_count', 2)),
  test.offer('p.csv', 'p2', 'component', jsonb_build_object('original_sha256', test.sha('p'), 'part_number', 2, 'part_count', 2, 'first_source_row', 5))));
SELECT is((SELECT string_agg(f.relative_path, ',') FROM ingest.job_event AS e JOIN ingest.job_file AS f USING (job_file_id) WHERE e.event = 'file_surplus' AND f.delivery_date = '2026-11-28'),
  's2.csv', 'of two in one call the second is surplus');
SELECT ingest.put_delivery_plan('alder', '{"files": [{"file_tag": "component"}, {"file_tag": "party"}]}', 'kim');
SELECT test.bring('2026-11-29', 'q.csv', 'component', '{"part_number": 1, "part_count": 2}'::jsonb || jsonb_build_object('original_sha256', test.sha('q')));
SELECT is(test.delivery('2026-11-29'), 'open component,party', 'a part is not the file');
SELECT test.bring('2026-11-29', 'q2.csv', 'component', '{"part_number": 2, "part_count": 2, "first_source_row": 9}'::jsonb || jsonb_build_object('original_sha256', test.sha('q')));
SELECT is(test.delivery('2026-11-29'), 'open party', 'all its parts are');
SELECT test.plan('alder');

-- a new plan is followed by what is open
SELECT test.bring('2026-11-30', 'c7.csv', 'component');
SELECT is(test.delivery('2026-11-30'), 'open recipe,recipe_line', 'by the old plan two are missing');
SELECT is(ingest.put_delivery_plan('alder', '{"files": [{"file_tag": "component"}, {"file_tag": "party"}]}', 'kim'), 4, 'a new plan');
SELECT is(test.delivery('2026-11-30'), 'open party', 'by the new one another');
SELECT is(ingest.put_delivery_plan('alder', NULL, 'kim'), 5, 'no plan any more');
SELECT is(test.delivery('2026-11-30'), 'open ', 'nothing is missed');
SELECT test.work(), test.close('job-2026-11-30');
SELECT test.work();
SELECT is(test.delivery('2026-11-30'), 'closed ', 'and the delivery ends with its job');

-- without plan
SELECT test.as_agent('birch token');
SELECT test.bring('2026-11-30', 'b.csv', 'component');
SELECT is((SELECT state || coalesce(deadline_at::text, ' -') FROM ingest.delivery WHERE tenant_id = test.id('birch')), 'open -', 'an agency without plan has deliveries without deadline');
SELECT test.at('2027-01-30T05:00Z');
SELECT ingest.sweep();
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'file_missing' AND tenant_id = test.id('birch')), 0::bigint, 'and misses nothing, ever');

-- reports
SELECT test.at('2026-11-30T12:00Z');
SELECT is((SELECT jsonb_agg(e ->> 'date') FROM jsonb_array_elements(ingest.delivery_report('alder', 5)) AS e), '["2026-11-30", "2026-11-29", "2026-11-28", "2026-11-27", "2026-11-26"]', 'deliveries of five days');
SELECT is(ingest.delivery_report('alder', 1) #> '{0,files}', '{"archived": 1}', 'with their files by state');
SELECT is(jsonb_array_length(ingest.delivery_report()), (SELECT count(*)::int FROM ingest.delivery WHERE delivery_date > '2026-11-23'), 'of all agencies');
SELECT is((SELECT jsonb_agg(e ->> 'tenant') FROM jsonb_array_elements(ingest.tenant_report()) AS e WHERE e ->> 'tenant' IN ('alder', 'birch')), '["alder", "birch"]', 'the agencies');

-- alerts are sent by whoever asks first
SELECT test.at('2027-02-01T12:00Z');
CREATE TEMP TABLE a AS SELECT ingest.next_alerts('w1', 1) AS a;
SELECT is(a #>> '{0,kind}', 'delivery_late', 'the oldest alert first') FROM a;
SELECT is(jsonb_array_length(ingest.next_alerts('w2', 100)), (SELECT count(*)::int - 1 FROM ingest.alert), 'another worker gets the others');
SELECT is(ingest.next_alerts('w2', 100), '[]', 'nobody gets one twice');
SELECT ingest.finish_alert((a #>> '{0,alert_id}')::bigint, false, 'webhook answered 500') FROM a;
SELECT test.pass('29 seconds');
SELECT is(ingest.next_alerts('w', 100), '[]', 'one that failed waits');
SELECT test.pass('1 second');
SELECT is(ingest.next_alerts('w', 100) #> '{0,attempts}', '2', 'and is tried again');
SELECT ingest.finish_alert((a #>> '{0,alert_id}')::bigint, true, NULL) FROM a;
SELECT test.pass('60 seconds');
SELECT is(jsonb_array_length(ingest.next_alerts('w', 100)), (SELECT count(*)::int - 1 FROM ingest.alert), 'what nobody finished comes again, what was sent does not');
SELECT is(test.refusal('SELECT ingest.next_alerts('''', 1)'), 'WB-2101 400', 'a worker has a name');

SELECT * FROM finish();
ROLLBACK;
