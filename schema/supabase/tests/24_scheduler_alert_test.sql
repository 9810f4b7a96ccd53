-- Goal:   an agency whose next step cannot be found is told of once for each cause, and keeps nobody else waiting.
-- Method: ingest.next_step fails for one agency, as a defect would make it.
BEGIN;
\ir support/world.psql
SELECT no_plan();

SELECT test.deliver('k', 'a.csv', 'a');
SELECT test.as_agent('birch token');
SELECT test.deliver('k', 'b.csv', 'b');
ALTER FUNCTION ingest.next_step(uuid) RENAME TO real_next_step;
CREATE TABLE test.defect (how text);
INSERT INTO test.defect VALUES ('divide');
GRANT USAGE ON SCHEMA test TO postgres;  -- whose function claim_next is
GRANT SELECT ON test.defect, test.id TO postgres;
CREATE FUNCTION ingest.next_step(p_tenant_id uuid) RETURNS ingest.due_step LANGUAGE plpgsql AS $$
BEGIN
  IF p_tenant_id = test.id('alder') THEN
    IF (SELECT how FROM test.defect) = 'divide' THEN
      PERFORM 1 / 0;
    ELSIF (SELECT how FROM test.defect) = 'cast' THEN
      PERFORM 'a secret value'::integer;
    ELSIF (SELECT how FROM test.defect) = 'move' THEN
      PERFORM ingest.refuse('WB-2105', 500, 'no move leads from here');
    END IF;
  END IF;
  RETURN ingest.real_next_step(p_tenant_id);
END
$$;
CREATE FUNCTION test.alerts() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM ingest.alert WHERE kind = 'scheduler_failed' $$;
CREATE FUNCTION test.problem() RETURNS text LANGUAGE sql AS $$
  SELECT e #>> '{scheduler,problem}' FROM jsonb_array_elements(ingest.tenant_report()) AS e WHERE e ->> 'tenant' = 'alder'
$$;

SELECT is((SELECT array_agg(test.step()) FROM generate_series(1, 4)), '{verify,stage,rename,NULL}', 'the other agency is worked for');
SELECT is(test.alerts(), 1::bigint, 'one alert, however often it is polled');
SELECT is(test.problem(), 'SQLSTATE 22012 in ingest.next_step', 'the report of agencies says what and where');
SELECT matches((SELECT code || ' ' || message FROM ingest.alert WHERE kind = 'scheduler_failed'), '^WB-9001 alder is not worked for.*22012', 'the alert says whose, and what');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'scheduler_failed' AND tenant_id = test.id('alder')), 1::bigint, 'the log says so once');
UPDATE test.defect SET how = 'cast';
SELECT count(test.step()) FROM generate_series(1, 3);
SELECT is(test.alerts(), 2::bigint, 'another cause is told');
SELECT is_empty($$SELECT FROM ingest.alert WHERE message || details::text ~ 'secret'$$, 'without a value');
UPDATE test.defect SET how = 'move';
SELECT count(test.step()) FROM generate_series(1, 3);
SELECT is(test.problem(), 'WB-2105 in ingest.next_step', 'a refusal of ours goes by its own code');
UPDATE test.defect SET how = 'none';
SELECT is(test.step(), 'verify', 'the defect mended, it goes on by itself');
SELECT is(test.problem(), NULL, 'and nothing is reported any more');
SELECT is((SELECT count(*) FROM ingest.job_event WHERE event = 'scheduler_works'), 1::bigint, 'the log says so');
UPDATE test.defect SET how = 'move';
SELECT count(test.step()) FROM generate_series(1, 3);
SELECT is(test.alerts(), 4::bigint, 'when it comes back it is told again');

SELECT * FROM finish();
ROLLBACK;
