"""Real agencies' exports through the whole loop, in place, when WAYBILL_REAL_DATA says where they lie."""

import json
import unittest

import independent
from harness import REAL_DATA, ROOT, LoopTest


def real_files():
    return json.loads((ROOT / "fixtures/real_exports.json").read_text(encoding="utf-8"))["files"]


@unittest.skipUnless(REAL_DATA, "WAYBILL_REAL_DATA is not set: the real exports are not on this machine")
class RealExportsTest(LoopTest):
    agencies = ("usda-sr28", "adventureworks", "dotgov", "kansas-1033")

    def test_every_row_of_every_real_export_is_staged_as_an_independent_reader_reads_it(self):
        agents = {agency: self.loop.agent(agency) for agency in self.agencies}
        for entry in real_files():
            agents[entry["tenant"]].put(REAL_DATA / entry["path"])
        for agent in agents.values():
            agent.start()
        total = 0
        for entry in real_files():
            name = entry["path"].rsplit("/", 1)[1]
            with self.subTest(entry["path"]):
                file = self.registered(entry["tenant"], name, {"archived", "duplicate"})
                if file["state"] == "duplicate":
                    continue  # two nights with the same bytes: one is staged, the other recorded
                self.assertEqual(file["rows_staged"], entry["rows"])
                spec = independent.spec_of(entry["tenant"], entry["file_tag"])
                for fact in entry["values"]:
                    self.assertEqual(self.loop.database.value(f"""
                        SELECT payload -> '{fact["key"]}' AS value FROM staging.{entry["entity"]}
                         WHERE job_file_id = '{file["job_file_id"]}' AND source_row = {fact["source_row"]}"""),
                        fact["value"])
                total += independent.compare(self, self.loop.database, file["job_file_id"], entry["entity"],
                                             spec, (REAL_DATA / entry["path"]).read_bytes())
        twins = [entry for entry in real_files() if "same_content_as" in entry]
        states = sorted(row["state"] for row in self.loop.files())
        self.assertEqual(states, ["archived"] * (len(states) - len(twins)) + ["duplicate"] * len(twins))
        print(f"real exports: {total} rows of {len(real_files())} files compared one by one")


if __name__ == "__main__":
    unittest.main()
