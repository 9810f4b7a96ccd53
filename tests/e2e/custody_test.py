"""The agent's record under bad conditions: a second instance, a foreign lock, a full disk, an auditor."""

import os
import sqlite3
import subprocess
import time
import unittest

from harness import ROOT, LoopTest
from loop import Agent

GOOD = ROOT / "fixtures/exports/good"
DELIVERED = {"processed", "archived"}


def health(agent):
    return agent.status()["health"]


class CustodyTest(LoopTest):
    def test_a_second_instance_ends_with_a_clear_message(self):
        agent = self.agent().start()
        self.wait(lambda: agent.status()["running"], "a running agent")
        second = agent.run("run", check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("WB-1101", second.stderr)
        self.assertIn("another instance", second.stderr)
        self.put_own(agent, "recipes_20261120.csv")  # the first goes on
        self.local(agent, "recipes_20261120.csv", DELIVERED)

    def test_a_ledger_that_another_program_holds_is_told_and_waited_for(self):
        agent = self.agent().start()
        self.wait(lambda: agent.status()["running"], "a running agent")
        agent.put(GOOD / "parties_20261120.csv")
        self.local(agent, "parties_20261120.csv", DELIVERED)
        held_s = float(os.environ.get("WAYBILL_TEST_LOCK_S", "15"))
        with sqlite3.connect(agent.folder / "state/ledger.sqlite3", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + held_s
            before = other.execute("SELECT max(seq) FROM event").fetchone()
            self.put_own(agent, "recipes_20261120.csv")
            self.wait(lambda: any("WB-1104" in reason for reason in health(agent)["reasons"]), "trouble that is told")
            self.assertEqual(health(agent)["level"], "red")
            while time.monotonic() < until:
                self.assertTrue(agent.process.running())
                self.assertEqual(other.execute("SELECT max(seq) FROM event").fetchone(), before)
                time.sleep(0.5)
            other.execute("ROLLBACK")
        self.local(agent, "recipes_20261120.csv", DELIVERED)
        self.assertNotEqual(health(agent)["level"], "red")
        self.assertIn("The chain is whole", agent.run("audit", "verify").stdout)

    def test_an_audit_is_exported_while_the_agent_runs_and_the_backup_is_sound(self):
        agent = self.agent().start()
        self.put_own(agent, "recipes_20261120.csv")
        self.local(agent, "recipes_20261120.csv", DELIVERED)
        folder = agent.folder / "audit"
        agent.run("audit", "export", str(folder))
        for command in (["sha256sum", "--strict", "-c", "SHA256SUMS"],
                        ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "SHA256SUMS.sig",
                         "SHA256SUMS"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        subprocess.run(["sha256sum", "--strict", "-c", str(folder / "files.sha256")], cwd=agent.export, check=True,
                       capture_output=True)
        self.assertIn("recipes_20261120.csv", (folder / "MANIFEST.tsv").read_text(encoding="utf-8"))
        self.wait(lambda: agent.status()["backup"]["last_at"], "a backup")
        backup = next((agent.folder / "state/backups").glob("ledger-*.sqlite3"))
        self.assertEqual(backup.stat().st_mode & 0o777, 0o600)
        self.assertIn("The chain is whole", agent.run("audit", "verify", "--ledger", str(backup)).stdout)
        for path, mode in ((".", 0o700), ("ledger.sqlite3", 0o600), ("agent-key.pem", 0o600), ("backups", 0o700)):
            self.assertEqual((agent.folder / "state" / path).stat().st_mode & 0o777, mode, path)


class SmallDiskTest(LoopTest):
    """A state folder on a disk of 24 MiB, which only root can make."""

    def mounted(self, agent):
        state = agent.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(state)], capture_output=True,
                              check=False)
        if done.returncode != 0:
            self.skipTest("no right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", str(state)], check=False)
        return state

    def test_a_disk_that_runs_low_pauses_intake_and_one_that_is_full_loses_nothing(self):
        agent = self.loop_agent()
        state = self.mounted(agent)
        agent.enroll()
        agent.start()
        agent.put(GOOD / "parties_20261120.csv")
        self.local(agent, "parties_20261120.csv", DELIVERED)

        (state / "ballast").write_bytes(bytes(18 << 20))  # less than the reserve is left
        self.wait(lambda: health(agent)["level"] == "red", "red health")
        self.assertTrue(any("WB-1108" in reason for reason in health(agent)["reasons"]))
        time.sleep(6)  # the agent looks every five seconds
        self.put_own(agent, "recipes_20261120.csv")
        time.sleep(6)
        self.assertEqual(agent.local("recipes_20261120.csv")[0], None)
        (state / "ballast").unlink()
        self.local(agent, "recipes_20261120.csv", DELIVERED)
        self.assertNotEqual(health(agent)["level"], "red")

        with open(state / "ballast", "wb") as ballast:  # to the last octet
            try:
                while True:
                    ballast.write(bytes(1 << 16))
                    ballast.flush()
            except OSError:
                pass
        time.sleep(6)
        self.assertEqual(health(agent)["level"], "red")
        self.assertTrue(agent.process.running())
        (state / "ballast").unlink()
        agent.put(GOOD / "components_20261120.csv")
        self.local(agent, "components_20261120.csv", DELIVERED)
        self.wait(lambda: health(agent)["level"] != "red", "recovery")
        self.assertIn("The chain is whole", agent.run("audit", "verify").stdout)

    def loop_agent(self):
        return Agent(self.loop, "small-disk", "harbor-kitchen", ledger={"reserve_mib": 8})


if __name__ == "__main__":
    unittest.main()
