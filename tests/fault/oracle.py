"""The oracle: reads folder, ledger, registry, storage and staging, and says which promise is broken.

Place:   tests/fault. Shares no code with Waybill: psql, Python's sqlite3 and hashlib, and the words of
         docs and schema. It is asked when everything has settled and no process writes.
Method:  check() returns a list of sentences; none means that every promise held.
"""

import collections
import hashlib
import json
import sqlite3

LIVE = {"verified", "split", "staged", "processed", "archived"}
DONE = {"processed", "archived"}
STORED = {"received", *LIVE}
WITHDRAWN = "WB-2115"
FELLOW_REFUSED = "WB-2114"


def file_sha256(path):
    hashing = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            hashing.update(piece)
    return hashing.hexdigest()


class Ledger:
    """An agent's SQLite ledger, read beside a running agent or after it."""

    def __init__(self, state_folder):
        self.path = state_folder / "ledger.sqlite3"

    def rows(self, query, *values):
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()

    def versions(self, prefix=""):
        return self.rows("""SELECT f.*, p.relative_path IS NOT NULL AS is_there FROM job_file f LEFT JOIN path p USING (relative_path)
                             WHERE f.relative_path LIKE ? || '%' ORDER BY file_number""", prefix)

    def unhappy_paths(self, prefix=""):
        return self.rows("SELECT relative_path, state, error_code FROM path WHERE state <> 'recorded' AND relative_path LIKE ? || '%'", prefix)

    def check(self):
        """The ledger by itself: sound, its chain unbroken, each state the one its last event led to."""
        wrong = []
        sound = self.rows("PRAGMA integrity_check")[0]["integrity_check"]
        if sound != "ok":
            wrong.append(f"the ledger is damaged: {sound}")
        previous, seq, last = "0" * 64, 0, {}
        for event in self.rows("SELECT * FROM event ORDER BY seq"):
            seq += 1
            fields = [event["prev_hash"], event["seq"], event["at_ms"], event["kind"], event["relative_path"],
                      event["content_sha256"], "" if event["file_number"] is None else event["file_number"],
                      event["from_state"], event["to_state"], event["detail"]]
            text = b"".join(b"%d:%s," % (len(field), field) for field in (str(f).encode() for f in fields))
            if event["seq"] != seq or event["prev_hash"] != previous or event["hash"] != hashlib.sha256(text).hexdigest():
                wrong.append(f"the ledger's chain is broken at event {event['seq']}")
                break
            previous = event["hash"]
            if event["to_state"] and event["file_number"] is not None:
                last[event["file_number"]] = event["to_state"]
        for file in self.rows("SELECT file_number, relative_path, state FROM job_file"):
            if last.get(file["file_number"], file["state"]) != file["state"]:
                wrong.append(f"{file['relative_path']}: state {file['state']}, its last event led to {last[file['file_number']]}")
        return wrong


class Oracle:
    """The promises for one agency: its truth, its agent's state folder, and the central side of a loop."""

    def __init__(self, loop, slug, state_folder, truth):
        self.loop, self.slug, self.truth = loop, slug, truth
        self.ledger = Ledger(state_folder)

    def registry(self, prefix=""):
        """Every file, with its object: where the row says, or where a move has brought it whose answer was lost."""
        return self.loop.database.rows(f"""
            SELECT f.*, o.version, o.size, s.staged_rows FROM ingest.job_file f
              JOIN ingest.tenant t USING (tenant_id)
              LEFT JOIN LATERAL (SELECT o.version, (o.metadata ->> 'size')::bigint AS size FROM storage.objects o
                                  WHERE o.bucket_id = f.bucket AND o.name IN (f.object_path, ingest.processed_path(f.object_path),
                                        ingest.archive_path(t.slug, f.processed_at, ingest.processed_path(f.object_path)))
                                  ORDER BY o.name = f.object_path DESC LIMIT 1) o ON true
              LEFT JOIN LATERAL (SELECT count(*) AS staged_rows FROM staging.party r WHERE r.job_file_id = f.job_file_id) s ON true
             WHERE t.slug = '{self.slug}' AND starts_with(f.relative_path, '{prefix}')""")

    def staged(self, prefix=""):
        """{(tag, sha256 of the partner's file): [(source_row, code), ...]}, and rows that lead nowhere."""
        rows = self.loop.database.run(f"""
            SELECT coalesce(p.file_tag, '') || E'\\t' || coalesce(p.original_sha256, '') || E'\\t' || r.source_row || E'\\t' || (r.payload ->> 'party_code')
              FROM staging.party r JOIN ingest.tenant t USING (tenant_id) LEFT JOIN staging.provenance p USING (job_file_id)
             WHERE t.slug = '{self.slug}' AND (p.relative_path IS NULL OR starts_with(p.relative_path, '{prefix}'))""")
        found = collections.defaultdict(list)
        for line in rows.splitlines():
            tag, sha256, source_row, code = line.split("\t")
            found[tag, sha256].append((int(source_row), code))
        return found

    # ---- the promises

    def check(self, prefix=""):
        registry = self.registry(prefix)
        return (self.staged_once_or_refused(registry, prefix) + self.same_at_both_ends(registry, prefix)
                + self.stored_as_promised(registry) + self.ledger.check())

    def staged_once_or_refused(self, registry, prefix=""):
        """Promises 1 and 3: every row of every last content exactly once, with lineage, or refused and said."""
        wrong, staged = [], self.staged(prefix)
        contents = {key: export for key, export in self.truth.contents().items() if export.path.startswith(prefix)}
        for key in staged.keys() - contents.keys():
            wrong.append(f"rows are staged of a content that was never complete in the folder: {key}")
        by_content = collections.defaultdict(list)
        for file in registry:
            by_content[file["file_tag"], file["original_sha256"]].append(file)
        for key in by_content.keys() - contents.keys():
            wrong.append(f"central knows a content that was never complete in the folder: {by_content[key][0]['relative_path']} {key}")
        for key, export in contents.items():
            rows, files = sorted(staged.get(key, [])), by_content.get(key, [])
            if export.is_good and rows and rows != export.codes():
                wrong.append(f"{export.path}: its staged rows are not its rows, once each: {len(rows)} for {export.rows}")
            if not export.is_good and rows:
                wrong.append(f"{export.path}: {len(rows)} rows of a bad file are staged")
            if export.is_good and export.is_last and not rows and not any(self._is_refused(file) for file in files):
                wrong.append(f"{export.path}: neither staged nor refused: {[(f['state'], f['error_code']) for f in files]}")
            if not export.is_good and export.is_last and not any(self._is_refused(file) for file in files):
                wrong.append(f"{export.path}: bad, but not refused: {[(f['state'], f['error_code']) for f in files]}")
        for file in registry:
            if file["state"] in ("staged", *DONE) and file["rows_staged"] != file["staged_rows"]:
                wrong.append(f"{file['relative_path']}: the registry tells {file['rows_staged']} rows, staging has {file['staged_rows']}")
            elif file["state"] not in ("staged", *DONE) and file["staged_rows"]:
                wrong.append(f"{file['relative_path']}: {file['state']} with {file['staged_rows']} rows in staging")
        return wrong

    def _is_refused(self, file):
        return file["state"] == "refused" and file["error_code"] != WITHDRAWN and bool((file["error"] or {}).get("message"))

    def _is_let_go(self, file, registry):
        """Does central know that it will not come? With a part goes the whole file."""
        if file["state"] != "refused":
            return False
        return file["error_code"] == WITHDRAWN or file["error_code"] == FELLOW_REFUSED and any(
            other["error_code"] == WITHDRAWN and other["relative_path"] == file["relative_path"]
            and other["original_sha256"] == file["original_sha256"] for other in registry)

    def same_at_both_ends(self, registry, prefix=""):
        """Ledger and registry tell the same of every file, and nothing is in anybody's hands any more."""
        wrong, versions = [], self.ledger.versions(prefix)
        known = {file["job_file_id"]: file for file in registry}
        for file in versions:
            central = known.pop(file["job_file_id"], None)
            label = f"{file['relative_path']} ({file['part_number']}/{file['part_count']})"
            if file["state"] in ("superseded", "vanished"):
                if central and not self._is_let_go(central, registry):
                    wrong.append(f"{label}: {file['state']} at the edge, {central['state']} {central['error_code']} at central")
            elif central is None:
                wrong.append(f"{label}: {file['state']} at the edge, unknown at central")
            elif central["state"] != file["state"]:
                wrong.append(f"{label}: {file['state']} at the edge, {central['state']} at central")
            elif file["state"] not in (*DONE, "refused", "duplicate"):
                wrong.append(f"{label}: {file['state']}: not settled")
            elif file["state"] == "refused" and (file["error_code"] != central["error_code"] or "message" not in json.loads(file["error"])):
                wrong.append(f"{label}: refused with {file['error_code']} at the edge, {central['error_code']} at central")
            if central and (file["content_sha256"], file["original_sha256"]) != (central["content_sha256"], central["original_sha256"]):
                wrong.append(f"{label}: another content at central")
        # A file that its agent did not cut (its own preflight refused it) is cut at central; those parts are central's alone.
        wrong += [f"{file['relative_path']}: {file['state']} at central, unknown at the edge"
                  for file in known.values() if file["split_of"] is None]
        recorded = {file["relative_path"] for file in versions}
        last = {export.path: export for export in self.truth.below(prefix) if export.is_last}
        for path, export in last.items():
            if path not in recorded:
                wrong.append(f"{path}: in the folder, and not in the ledger")
            elif (self.truth.folder / path).exists() and file_sha256(self.truth.folder / path) != export.sha256:
                wrong.append(f"{path}: the file was altered in the export folder")
        wrong += [f"{row['relative_path']}: {row['state']} in the folder" for row in self.ledger.unhappy_paths(prefix)]
        return wrong

    def stored_as_promised(self, registry):
        """Promise 4: what central says that it has is there, with the bytes of the ledger's SHA-256."""
        wrong = []
        for file in registry:
            if file["state"] not in STORED:
                continue
            label = f"{file['relative_path']} ({file['part_number']}/{file['part_count']}) {file['state']}"
            if not file["version"]:
                wrong.append(f"{label}: its object is not in storage")
                continue
            path = self.object_file(file["version"])
            if not path.exists():
                wrong.append(f"{label}: its object has a row and no bytes")
            elif path.stat().st_size != file["size"] or file_sha256(path) != file["content_sha256"]:
                wrong.append(f"{label}: its stored bytes are not those of its SHA-256")
        return wrong

    def object_file(self, version):
        return self.loop.folder / "objects" / version[:2] / version

    def orphans(self):
        """(objects that no registered file has at its path, their paths that no registered file ever had)."""
        rows = self.loop.database.rows(f"""
            SELECT o.name, EXISTS (SELECT FROM ingest.job_file f WHERE o.name LIKE '%/' || f.job_file_id || '/%') AS is_known
              FROM storage.objects o WHERE o.name ~ '^(archive/)?{self.slug}/'
               AND NOT EXISTS (SELECT FROM ingest.job_file f WHERE f.bucket = o.bucket_id AND f.object_path = o.name)""")
        return [row["name"] for row in rows], [row["name"] for row in rows if not row["is_known"]]

    def left_over(self):
        """What nobody would ever end or remove: jobs that stay open, objects that no file ever had."""
        jobs = self.loop.database.rows(f"""
            SELECT j.job_key FROM ingest.job j JOIN ingest.tenant t USING (tenant_id)
             WHERE t.slug = '{self.slug}' AND j.state = 'open' ORDER BY j.opened_at""")
        return ([f"{job['job_key']}: the job is still open" for job in jobs]
                + [f"{path}: stored, and never registered" for path in self.orphans()[1]])

    def chain_of_custody(self):
        """Every move in central's log follows the one before it, file by file."""
        wrong, state = [], {}
        for event in self.loop.database.rows(f"""
                SELECT e.seq, e.job_file_id, e.from_state, e.to_state FROM ingest.job_event e JOIN ingest.tenant t USING (tenant_id)
                 WHERE t.slug = '{self.slug}' AND e.job_file_id IS NOT NULL AND e.to_state IS NOT NULL ORDER BY e.seq"""):
            before = state.get(event["job_file_id"])
            if before is not None and event["from_state"] is not None and event["from_state"] != before:
                wrong.append(f"central's event {event['seq']} leaves {event['from_state']}, the file was {before}")
            state[event["job_file_id"]] = event["to_state"]
        return wrong
