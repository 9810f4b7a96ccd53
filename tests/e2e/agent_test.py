"""The agent in the running loop: what it takes, what it does not take twice, what it survives."""

import hashlib
import time
import unittest

from harness import ROOT, Fault, FaultProxy, LoopTest

GOOD = ROOT / "fixtures/exports/good"
HEADER = (GOOD / "recipes_20261120.csv").read_bytes().splitlines(keepends=True)[0]


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def objects(loop):
    return loop.database.value("SELECT count(*) AS n FROM storage.objects")


class AgentTest(LoopTest):
    def test_a_file_dropped_while_running_is_staged_within_seconds_and_trace_tells_its_story(self):
        agent = self.agent().start()
        self.wait(lambda: agent.status()["running"], "a running agent")
        started = time.monotonic()
        agent.put(GOOD / "recipes_20261120.csv")
        file = self.registered("harbor-kitchen", "recipes_20261120.csv", {"staged", "processed", "archived"})
        seconds = time.monotonic() - started
        print(f"dropped to staged: {seconds:.1f} s")
        self.local(agent, "recipes_20261120.csv", {"processed", "archived"})
        text = agent.run("trace", "recipes_20261120.csv").stdout
        for part in (file["content_sha256"], file["job_key"], file["job_file_id"], "recipe", "32"):
            self.assertIn(part, text)
        self.assertEqual(agent.process.stop(), 0)  # SIGTERM ends it cleanly

    def test_the_same_content_again_is_recorded_as_duplicate_and_not_uploaded(self):
        agent = self.agent().start()
        agent.put(GOOD / "parties_20261120.csv")
        first = self.registered("harbor-kitchen", "parties_20261120.csv")
        before = objects(self.loop)
        agent.put(GOOD / "parties_20261120.csv", "parties_20261120_again.csv")
        second = self.registered("harbor-kitchen", "parties_20261120_again.csv")
        self.assertEqual(second["state"], "duplicate")
        self.assertEqual(second["content_sha256"], first["content_sha256"])
        self.assertEqual(objects(self.loop), before)
        self.local(agent, "parties_20261120_again.csv", {"duplicate"})

    def test_the_same_path_with_new_content_is_a_new_version(self):
        agent = self.agent().start()
        content = (GOOD / "variants_20261120.csv").read_bytes()
        agent.put(GOOD / "variants_20261120.csv", "variants_v.csv")
        self.registered("harbor-kitchen", "variants_v.csv", {"archived"})
        shorter = content[: content.rstrip().rfind(b"\n") + 1]
        (agent.export / "variants_v.csv").write_bytes(shorter)

        def both():
            rows = [r for r in self.loop.files("harbor-kitchen") if r["relative_path"] == "variants_v.csv"]
            return len(rows) == 2 and all(r["state"] == "archived" for r in rows) and rows
        hashes = {row["content_sha256"] for row in self.wait(both, "two versions archived")}
        self.assertEqual(hashes, {sha256(content), sha256(shorter)})

    def test_a_file_that_is_still_being_written_is_not_taken(self):
        agent = self.agent().start()
        path = agent.export / "components_slow.csv"
        lines = (GOOD / "components_20261120.csv").read_bytes().splitlines(keepends=True)
        with open(path, "wb") as file:
            for at in range(0, len(lines), 20):
                file.writelines(lines[at:at + 20])
                file.flush()
                time.sleep(0.5)  # shorter than the quiet period of 1 s
                self.assertEqual([r for r in self.loop.files() if r["relative_path"] == "components_slow.csv"], [])
        file = self.registered("harbor-kitchen", "components_slow.csv")
        self.assertEqual(file["content_sha256"], sha256(path.read_bytes()))
        self.assertEqual(len([r for r in self.loop.files() if r["relative_path"] == "components_slow.csv"]), 1)

    def test_killed_in_mid_upload_and_restarted_it_ends_in_the_same_state(self):
        # Goal:   SIGKILL while bytes are on the wire loses nothing and stages nothing twice.
        # Method: a proxy holds the upload after a megabyte; the agent dies there; a new one runs.
        hold = [True]
        proxy = FaultProxy(self.loop.port, lambda step: Fault("stall", after_bytes=1_000_000)
                           if hold[0] and step.body_bytes > 1_000_000 else None)
        self.addCleanup(proxy.close)
        agent = self.agent(project_url=proxy.url)
        header, *rows = (GOOD / "components_20261120.csv").read_bytes().splitlines(keepends=True)
        path = agent.export / "components_big.csv"
        path.write_bytes(header + b"".join(
            b"K%05d" % n + row[row.index(b";" if b";" in header else b","):]
            for n, row in enumerate(rows[:1] * 40_000)))
        agent.start()
        self.assertTrue(proxy.stalled.wait(60), "the upload never started")
        agent.process.kill()
        row = self.registered("harbor-kitchen", "components_big.csv", {"awaiting_upload"})
        hold[0] = False
        agent.start()
        after = self.registered("harbor-kitchen", "components_big.csv", {"archived"})
        self.assertEqual(after["job_file_id"], row["job_file_id"])
        self.assertEqual(after["rows_staged"], 40_000)
        self.assertEqual(len([r for r in self.loop.files() if r["relative_path"] == "components_big.csv"]), 1)
        self.local(agent, "components_big.csv", {"processed", "archived"})

    def test_while_central_is_away_files_wait_and_then_travel(self):
        agent = self.agent()
        self.loop.standin.stop()
        agent.start()
        agent.put(GOOD / "parties_20261120.csv", "parties_waiting.csv")
        self.local(agent, "parties_waiting.csv", {"ready"})
        self.loop.start_standin()
        self.registered("harbor-kitchen", "parties_waiting.csv")

    def test_no_token_or_signed_url_is_in_any_log_ledger_or_message(self):
        agent = self.agent().start()
        self.put_own(agent, "recipes_20261120.csv", "recipes_secret.csv")
        self.assertEqual(self.registered("harbor-kitchen", "recipes_secret.csv")["state"], "archived")
        agent.process.stop()
        token = (agent.folder / "state" / "agent-token").read_bytes().strip()
        secrets = [token, b"?token=", self.loop.keys["jwt_secret"].encode(), self.loop.keys["secret_key"].encode()]
        searched = 0
        for path in [*self.folder.rglob("*.log"), *(agent.folder / "state").glob("ledger*")]:
            content = path.read_bytes()
            searched += len(content)
            for secret in secrets:
                self.assertNotIn(secret, content, path.name)
        self.assertGreater(searched, 1000)


class RefusalsTest(LoopTest):
    agencies = ("harbor-kitchen", "juniper-county")
    with_worker = False

    def test_a_wrong_used_or_expired_enrolment_code_is_refused(self):
        from loop import Agent
        agent = Agent(self.loop, "enrolment", "harbor-kitchen")
        wrong = agent.run("enroll", check=False, text="AAAA-BBBB-CCCC-DDDD\n")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("WB-2003", wrong.stderr)
        code = self.loop.enrolment_code("harbor-kitchen")
        agent.enroll(code)
        other = Agent(self.loop, "enrolment-2", "harbor-kitchen")
        used = other.run("enroll", check=False, text=code + "\n")
        self.assertIn("WB-2003", used.stderr)
        self.assertNotIn(code, used.stderr)

    def test_a_revoked_agent_is_refused_at_once_and_says_so(self):
        agent = self.agent().start()
        agent.put(GOOD / "parties_20261120.csv")
        self.registered("harbor-kitchen", "parties_20261120.csv", {"awaiting_upload", "received"})
        agent_id = self.loop.database.value(
            f"SELECT agent_id FROM ingest.agent WHERE agent_name = '{agent.name}'")
        self.loop.central("agent", "revoke", agent_id, "--reason", "test")
        agent.put(GOOD / "recipes_20261120.csv")
        self.wait(lambda: "WB-2002" in agent.run("status").stdout, "the refusal in the status")
        self.assertEqual([r for r in self.loop.files() if r["relative_path"] == "recipes_20261120.csv"], [])

    def test_an_unenrolled_agent_does_not_run(self):
        from loop import Agent
        agent = Agent(self.loop, "stranger", "harbor-kitchen")
        refused = agent.run("run", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("WB-1003", refused.stderr)

    def test_a_configuration_mistake_is_named_with_file_key_and_what_is_allowed(self):
        from loop import Agent
        agent = Agent(self.loop, "config", "harbor-kitchen")
        good = {"project_url": self.loop.project_url, "publishable_key": "sb_publishable_x",
                "export_folder": str(agent.export), "state_folder": str(agent.folder / "state")}
        for wrong, words in (
                ({"exprot_folder": "/srv"}, ("exprot_folder", "export_folder")),
                ({"ready": {"quiet_ms": "soon"}}, ("ready.quiet_ms", "number")),
                ({"ready": {"quiet_ms": -1}}, ("ready.quiet_ms",)),
                ({"project_url": "http://central.example"}, ("project_url", "https")),
        ):
            with self.subTest(wrong):
                agent.write_config({**good, **wrong})
                refused = agent.run("run", check=False)
                self.assertNotEqual(refused.returncode, 0)
                for word in (agent.config.name, *words):
                    self.assertIn(word, refused.stderr)


if __name__ == "__main__":
    unittest.main()
