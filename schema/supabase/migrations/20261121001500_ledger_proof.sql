-- 0015 A ledger proves with each sync that it continues the one central knows.
-- Why:    a cloned machine or a restored snapshot delivers twice, or loses a record of custody; both must show at once.
-- Needs:  0014.   Locks: none.
-- Rule:   released migrations are never edited; add the next number.

CREATE TYPE ingest.ledger_proof AS (
  ledger_id text, seq bigint, hash text, anchored_seq bigint, anchored_hash text, public_key text);
COMMENT ON TYPE ingest.ledger_proof IS 'ledger_head of ingest_sync, checked: the head, and the head that central acknowledged last (nulls: none).';

CREATE FUNCTION ingest.read_proof(p_head jsonb) RETURNS ingest.ledger_proof
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
  v       ingest.ledger_proof;
  v_known jsonb := nullif(p_head -> 'anchored', 'null');
BEGIN
  v.ledger_id := nullif(p_head ->> 'ledger_id', '');
  v.seq := ingest.whole_number(p_head, 'seq', NULL);
  v.hash := p_head ->> 'hash';
  v.anchored_seq := ingest.whole_number(v_known, 'seq', NULL);
  v.anchored_hash := v_known ->> 'hash';
  v.public_key := nullif(p_head ->> 'public_key', '');
  IF v.seq IS NULL OR v.seq < 0 OR coalesce(v.hash, '') !~ '^[0-9a-f]{64}$' THEN
    PERFORM ingest.malformed('ledger_head needs seq and hash (SHA-256 in hex)');
  ELSIF v.ledger_id !~ '^[A-Za-z0-9_-]{1,64}$' THEN
    PERFORM ingest.malformed('ledger_head.ledger_id is 1 to 64 of A-Z a-z 0-9 _ -');
  ELSIF v_known IS NOT NULL AND (v.anchored_seq IS NULL OR coalesce(v.anchored_hash, '') !~ '^[0-9a-f]{64}$') THEN
    PERFORM ingest.malformed('ledger_head.anchored is null or has seq and hash');
  ELSIF length(v.public_key) > 8192 OR v.public_key !~ '^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n?$' THEN
    PERFORM ingest.malformed('ledger_head.public_key is a public key in PEM');
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION ingest.read_proof(jsonb) IS 'Checks ledger_head; refused (WB-2101) when it is not as agreed. No ledger_id: an agent that proves nothing yet.';

CREATE FUNCTION ingest.keep_anchor(p_agent ingest.agent, p_proof ingest.ledger_proof, p_is_divergent boolean) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
  INSERT INTO ingest.ledger_anchor (agent_id, ledger_id, ledger_seq, ledger_hash, tenant_id, is_divergent, anchored_at)
  VALUES (p_agent.agent_id, coalesce(p_proof.ledger_id, ''), p_proof.seq, p_proof.hash, p_agent.tenant_id, p_is_divergent, ingest.clock())
  ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION ingest.keep_anchor(ingest.agent, ingest.ledger_proof, boolean) IS 'Keeps a told head once.';

-- An agent that proves nothing yet: heads are kept, none is refused.
CREATE FUNCTION ingest.anchor_ledger(p_agent ingest.agent, p_head jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_proof     ingest.ledger_proof := ingest.read_proof(p_head);
  v_divergent boolean;
  v_facts     jsonb := jsonb_build_object('agent_id', p_agent.agent_id, 'ledger_seq', v_proof.seq);
BEGIN
  IF EXISTS (SELECT FROM ingest.ledger_anchor AS l WHERE l.agent_id = p_agent.agent_id AND l.ledger_id = ''
                AND l.ledger_seq = v_proof.seq AND l.ledger_hash = v_proof.hash) THEN
    RETURN;
  END IF;
  v_divergent := EXISTS (SELECT FROM ingest.ledger_anchor AS l
                          WHERE l.agent_id = p_agent.agent_id AND l.ledger_id = '' AND l.ledger_seq >= v_proof.seq);
  PERFORM ingest.keep_anchor(p_agent, v_proof, v_divergent);
  IF v_divergent THEN
    PERFORM ingest.append_event(p_agent.tenant_id, 'ledger_diverged', 'agent:' || p_agent.agent_id, p_details => v_facts);
    PERFORM ingest.raise_alert(p_agent.tenant_id, 'ledger_diverged', NULL,
      'an agent''s ledger went back, or tells another history than before', v_facts);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.anchor_ledger(ingest.agent, jsonb) IS
  'Keeps a ledger head once; one that went back or tells another hash for a number is kept as divergent.';

-- A line may deliver a call twice, the second time late, or a call only after its retry. That is no copy of the
-- ledger: the head was accepted once, and the agent's own clock says that it has spoken since. A copy that
-- does anything has a head of its own, and a restored ledger a later clock.
CREATE FUNCTION ingest.is_overtaken(p_agent ingest.agent, p_head jsonb, p_health jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT coalesce(jsonb_typeof(p_health -> 'clock_ms') = 'number' AND jsonb_typeof(p_agent.health -> 'clock_ms') = 'number'
     AND (p_health ->> 'clock_ms')::numeric < (p_agent.health ->> 'clock_ms')::numeric
     AND (v.seq, v.hash) IS DISTINCT FROM (p_agent.ledger_seq, p_agent.ledger_hash)
     AND EXISTS (SELECT FROM ingest.ledger_anchor AS l
                  WHERE l.agent_id = p_agent.agent_id AND l.ledger_id = v.ledger_id AND l.ledger_seq = v.seq
                    AND l.ledger_hash = v.hash AND NOT l.is_divergent), false)
    FROM ingest.read_proof(p_head) AS v WHERE nullif(p_head ->> 'ledger_id', '') IS NOT NULL
$$;
COMMENT ON FUNCTION ingest.is_overtaken(ingest.agent, jsonb, jsonb) IS
  'True for a sync that arrives after a later one of the same agent: it moves nothing and accuses nobody.';

-- What is wrong with a proof, in words; null when nothing is. Central keeps the newest head it accepted: only
-- who knows it may move it on, as with compare-and-set. Two copies of a ledger cannot both.
CREATE FUNCTION ingest.judge_proof(p_agent ingest.agent, p_proof ingest.ledger_proof) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT CASE
    WHEN p_agent.ledger_seq IS NULL THEN NULL  -- none is known yet, or a person said that the next one counts
    WHEN p_proof.ledger_id <> p_agent.ledger_id THEN CASE
      WHEN EXISTS (SELECT FROM ingest.ledger_anchor AS l WHERE l.agent_id = p_agent.agent_id AND l.ledger_id = p_proof.ledger_id)
        THEN 'a ledger that was replaced before is back'
      WHEN p_proof.anchored_seq IS NOT NULL THEN 'a ledger that central has never seen says that central knows it' END
    WHEN (p_proof.seq, p_proof.hash) = (p_agent.ledger_seq, p_agent.ledger_hash) THEN NULL  -- the answer was lost
    WHEN (p_proof.anchored_seq, p_proof.anchored_hash) IS DISTINCT FROM (p_agent.ledger_seq, p_agent.ledger_hash)
      THEN 'the ledger does not go on from the head that central knows: a copy of it is in use, or an older state was restored'
    WHEN p_proof.seq <= p_agent.ledger_seq THEN 'the ledger went back, or tells another history than before' END
$$;
COMMENT ON FUNCTION ingest.judge_proof(ingest.agent, ingest.ledger_proof) IS 'Why a ledger is not the one that central knows; null when it is.';

-- The first key is kept; another one is told to people, once, and changes nothing.
CREATE FUNCTION ingest.keep_public_key(p_agent ingest.agent, p_public_key text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_facts jsonb := jsonb_build_object('agent_id', p_agent.agent_id, 'agent_name', ingest.plain_text(p_agent.agent_name),
                                      'public_key_sha256', ingest.sha256_hex(p_public_key));
BEGIN
  IF p_agent.public_key IS NULL AND p_public_key IS NOT NULL THEN
    UPDATE ingest.agent AS a SET public_key = p_public_key WHERE a.agent_id = p_agent.agent_id;
    PERFORM ingest.append_event(p_agent.tenant_id, 'agent_key_kept', 'agent:' || p_agent.agent_id, p_details => v_facts);
  ELSIF p_public_key <> p_agent.public_key AND NOT EXISTS (
    SELECT FROM ingest.alert AS l WHERE l.tenant_id = p_agent.tenant_id AND l.kind = 'agent_key_changed' AND l.details = v_facts) THEN
    PERFORM ingest.append_event(p_agent.tenant_id, 'agent_key_changed', 'agent:' || p_agent.agent_id, p_details => v_facts);
    PERFORM ingest.raise_alert(p_agent.tenant_id, 'agent_key_changed', NULL,
      'an agent tells another key for its manifests than before; the first one still counts', v_facts);
  END IF;
END
$$;
COMMENT ON FUNCTION ingest.keep_public_key(ingest.agent, text) IS 'Keeps the key that an agent signs its manifests with at first sight, and tells of another.';

-- Takes the head on, or marks the agent; returns the problem that the agent is told, or null. It never
-- raises for a ledger that is not the known one, for the mark has to be committed.
CREATE FUNCTION ingest.prove_ledger(p_agent ingest.agent, p_head jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  v_proof  ingest.ledger_proof;
  v_reason text;
  v_actor  text := 'agent:' || p_agent.agent_id;
  v_facts  jsonb;
BEGIN
  IF p_head IS NULL OR p_head IN ('null', '{}') THEN
    RETURN NULL;
  END IF;
  v_proof := ingest.read_proof(p_head);
  IF v_proof.ledger_id IS NULL THEN
    PERFORM ingest.anchor_ledger(p_agent, p_head);
    RETURN NULL;
  END IF;
  v_reason := ingest.judge_proof(p_agent, v_proof);
  v_facts := jsonb_build_object('agent_id', p_agent.agent_id, 'agent_name', ingest.plain_text(p_agent.agent_name),
                                'ledger_id', v_proof.ledger_id, 'ledger_seq', v_proof.seq);
  PERFORM ingest.keep_anchor(p_agent, v_proof, v_reason IS NOT NULL);
  IF v_reason IS NOT NULL THEN
    UPDATE ingest.agent AS a SET ledger_refused_at = ingest.clock(), ledger_refused_reason = v_reason WHERE a.agent_id = p_agent.agent_id;
    v_facts := v_facts || jsonb_build_object('reason', v_reason, 'known_ledger_id', p_agent.ledger_id, 'known_seq', p_agent.ledger_seq);
    PERFORM ingest.append_event(p_agent.tenant_id, 'ledger_diverged', v_actor, p_details => v_facts);
    PERFORM ingest.raise_alert(p_agent.tenant_id, 'ledger_diverged', 'WB-2007', v_reason, v_facts);
    RETURN jsonb_build_object('code', 'WB-2007', 'message', v_reason);
  END IF;
  IF v_proof.ledger_id <> p_agent.ledger_id THEN
    PERFORM ingest.append_event(p_agent.tenant_id, 'ledger_begun', v_actor, p_details => v_facts || jsonb_build_object('replaced', p_agent.ledger_id));
    PERFORM ingest.raise_alert(p_agent.tenant_id, 'ledger_replaced', NULL,
      'an agent lost its ledger and began a new one; it fills it from what central holds', v_facts);
  END IF;
  UPDATE ingest.agent AS a SET ledger_id = v_proof.ledger_id, ledger_seq = v_proof.seq, ledger_hash = v_proof.hash
   WHERE a.agent_id = p_agent.agent_id
     AND (a.ledger_id, a.ledger_seq, a.ledger_hash) IS DISTINCT FROM (v_proof.ledger_id, v_proof.seq, v_proof.hash);
  PERFORM ingest.keep_public_key(p_agent, v_proof.public_key);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION ingest.prove_ledger(ingest.agent, jsonb) IS
  'Accepts the ledger''s head as the newest one, or refuses the agent from now on (WB-2007).';

-- A person vouches for the agent's ledger as it is now, its key included: the next sync's head and key count.
CREATE FUNCTION ingest.accept_ledger(p_agent_id uuid, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  v_agent ingest.agent;
BEGIN
  PERFORM ingest.authorize('ingest.accept_ledger');
  PERFORM ingest.check_decision(p_reason, p_actor);
  SELECT a.* INTO v_agent FROM ingest.agent AS a WHERE a.agent_id = p_agent_id;
  IF NOT FOUND THEN
    PERFORM ingest.refuse('WB-2001', 404, 'no agent has this id', 'Correct the id.');
  END IF;
  PERFORM ingest.lock_tenant(v_agent.tenant_id);
  SELECT a.* INTO STRICT v_agent FROM ingest.agent AS a WHERE a.agent_id = p_agent_id;
  IF v_agent.revoked_at IS NOT NULL THEN
    PERFORM ingest.not_possible('this agent is revoked; let the agency enrol again');
  END IF;
  UPDATE ingest.agent AS a
     SET ledger_refused_at = NULL, ledger_refused_reason = NULL, ledger_seq = NULL, ledger_hash = NULL, public_key = NULL
   WHERE a.agent_id = p_agent_id;
  PERFORM ingest.append_event(v_agent.tenant_id, 'ledger_accepted', 'operator:' || p_actor, p_details => jsonb_strip_nulls(jsonb_build_object(
    'agent_id', p_agent_id, 'reason', p_reason, 'refused', v_agent.ledger_refused_reason,
    'known_ledger_id', v_agent.ledger_id, 'known_seq', v_agent.ledger_seq, 'public_key', v_agent.public_key)));
END
$$;
COMMENT ON FUNCTION ingest.accept_ledger(uuid, text, text) IS
  'An operator lets a refused agent go on: the ledger head and the key of its next sync count, whatever they are.';
