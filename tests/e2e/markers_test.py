"""No value of a file is shown anywhere: not in what is printed, logged, told to central or kept, but where it must be.

Every file of fixtures/broken holds MARKER in its values. Each goes through two agencies: one whose specs are as they
are, one whose specs set rows aside wherever a rule allows it. Then everything that was written is looked through, byte
by byte: the agents' folders, all logs, what their commands print, and every table of the database as text. Values may
stand in the export folder, the quarantine (for the owner alone), the stored objects, and as payload and natural key of
staged rows; that they are found there shows that the search finds what there is.
"""

import json
import re
import unittest

from harness import FINAL, ROOT, LoopTest

BROKEN = ROOT / "fixtures/broken"
MARKER = "QZX7"
# As it stands in a file of any encoding, and where bytes are shown as hex.
FORMS = [MARKER.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")] + [MARKER.encode().hex().encode()]
DONE = FINAL | {"processed"}
AGENCIES = {"marker-mill": None, "marker-mill-aside": "quarantine_row"}


def cases():
    listed = json.loads((BROKEN / "expected.json").read_text(encoding="utf-8"))["files"]
    return [case for case in listed if (BROKEN / case["path"]).stat().st_size > 0]


def name_of(case):
    """A name of its own for each case, which tells its spec: "csv__nul.csv"."""
    return f"{case['spec']}__{case['path'].replace('/', '_')}"


def rules_that_allow(action):
    schema = json.loads((ROOT / "config/file-spec.schema.json").read_text(encoding="utf-8"))
    rules = schema["properties"]["on_finding"]["properties"]
    return {rule: action for rule, about in rules.items() if action in about["enum"]}


def holds_marker(data):
    folded = data.lower()
    return any(form.lower() in folded for form in FORMS)


class MarkersTest(LoopTest):
    agencies = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agents = {}
        for agency, action in AGENCIES.items():
            cls.loop.central("agency", "put", cls.write_agency(agency, rules_that_allow(action) if action else {}))
            cls.agents[agency] = cls.loop.agent(agency)
            for case in cases():
                cls.agents[agency].write(name_of(case), (BROKEN / case["path"]).read_bytes())
            cls.agents[agency].start()

    @classmethod
    def write_agency(cls, agency, on_finding):
        folder = cls.folder / "agencies" / agency
        folder.mkdir(parents=True)
        (folder / "_agency.json").write_text(json.dumps(
            {"slug": agency, "display_name": "Marker Mill", "time_zone": "Europe/Berlin"}))
        for path in sorted((BROKEN / "specs").glob("*.json")):
            spec = json.loads(path.read_text(encoding="utf-8"))
            spec |= {"file_name": f"{spec['file_tag']}__*", "on_refusal": "quarantine",
                     "on_finding": spec.get("on_finding", {}) | on_finding}
            (folder / path.name).write_text(json.dumps(spec))
        return folder

    def may_hold_values(self, path):
        """The exports themselves, rows set aside, stored objects, and PostgreSQL's own files, looked at as tables."""
        parts = path.relative_to(self.folder).parts
        return "export" in parts or "quarantine" in parts or parts[0] in ("objects", "postgres")

    def printed(self, agency):
        """What the agent's commands print about its files; tests/property/broken_fixtures.py asks `check`."""
        agent = self.agents[agency]
        commands = [("status",), ("status", "--json"), ("audit", "verify"),
                    ("audit", "export", str(self.folder / f"audit-{agency}"))]
        as_json = AGENCIES[agency] is not None
        for case in cases():
            commands.append(("trace", name_of(case), *(["--json"] if as_json else [])))
        for command in commands:
            done = agent.run(*command, check=False)
            yield command, done.stdout + done.stderr

    def told_at_central(self):
        commands = [("tenants",), ("deliveries",), ("alerts",), ("orphans",)]
        for agency, agent in self.agents.items():
            commands += [("agent", "list", agency), ("sandbox", "--spec-folder", self.folder / "agencies" / agency,
                                                     *(agent.export / name_of(case) for case in cases()))]
        for command in commands:
            done = self.loop.central(*command, check=False)
            yield command, done.stdout + done.stderr

    def tables(self):
        """Every table that is not PostgreSQL's own, and its rows as text; of staged rows all but payload and key."""
        for table in self.loop.database.rows("""
                SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
                 WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"""):
            row = "to_jsonb(t) - 'payload' - 'natural_key'" if table["schema"] == "staging" else "to_jsonb(t)"
            yield table, self.loop.database.run(f"SELECT {row} FROM \"{table['schema']}\".\"{table['name']}\" t")

    def test_no_value_is_written_anywhere_but_where_it_must_be(self):
        for agency in AGENCIES:
            for case in cases():
                self.registered(agency, name_of(case), DONE)
                self.local(self.agents[agency], name_of(case), DONE)
        printed = [one for agency in AGENCIES for one in self.printed(agency)]
        for command, text in [*printed, *self.told_at_central()]:
            self.assertFalse(holds_marker(text.encode()), (command, text))
        counts = {schema: 0 for schema in ("ingest", "staging", "storage")}
        for table, text in self.tables():
            self.assertFalse(holds_marker(text.encode()), table)
            counts[table["schema"]] = counts.get(table["schema"], 0) + len(text)
        for agent in self.agents.values():
            agent.process.stop()  # what it writes last is written
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        looked_at = [path for path in files if not self.may_hold_values(path)]
        for path in looked_at:
            self.assertFalse(holds_marker(path.read_bytes()), path)
        self.check_that_the_search_finds(files, looked_at, counts, printed)

    def check_that_the_search_finds(self, files, looked_at, counts, printed):
        names = {path.name for path in looked_at}
        self.assertLessEqual({"ledger.sqlite3", "waybill.log", "worker.log", "standin.log"}, names)
        self.assertTrue(all(counts[schema] for schema in ("ingest", "staging", "storage")), counts)
        told = [text for _, text in printed if re.search(r"WB-3\d\d\d", text)]
        self.assertGreater(len(told), len(cases()))
        exported = [path for path in files if "export" in path.parts]
        self.assertGreater(sum(holds_marker(path.read_bytes()) for path in exported), len(cases()))
        kept = [path for path in files if "quarantine" in path.parts]
        self.assertTrue(any(holds_marker(path.read_bytes()) for path in kept), "no row was set aside")
        self.assertEqual({path.stat().st_mode & 0o777 for path in kept}, {0o600})
        self.assertTrue(holds_marker(self.loop.database.run("SELECT payload FROM staging.component").encode()))
        print(f"{2 * len(cases())} broken files delivered; {len(looked_at)} files, {len(printed)} answers and "
              f"{sum(counts.values())} bytes of tables looked through")


if __name__ == "__main__":
    unittest.main()
