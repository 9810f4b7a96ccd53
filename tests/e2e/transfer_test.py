"""Large files on bad and slow lines: nothing starts over, and no more than a chunk is sent twice.

Small sizes by default. The full measure is `./dev bench transfer`, which sets WAYBILL_TRANSFER_FULL=1: 1 GiB killed at
90 % and staged; 5 MB and 12 MB with 10-second tokens, at 1 and 4 Mbit/s; and the peak memory of every process.
"""

import json
import os
import re
import time
import unittest

from harness import FaultProxy, LoopTest
from large_file import peak_mb

FULL = os.environ.get("WAYBILL_TRANSFER_FULL") == "1"
CHUNK = 6 * 1024 * 1024
KILLED_BYTES = 1 << 30 if FULL else 40 * 1000 * 1000
TOKEN_S = 10 if FULL else 2
LIMITED = {"put": (5_000_000, 1_000 if FULL else 8_000), "tus": (12_000_000, 4_000 if FULL else 16_000)}
SPEC = {"file_tag": "component", "entity": "component", "file_name": "c_*.csv", "split_rows": 1_000_000_000,
        "columns": [{"name": "Code", "to": "code", "required": True}, {"name": "Name", "to": "name"}],
        "natural_key": ["code"]}


def make(path, size):
    """A CSV file of exactly `size` bytes."""
    row = b"C-1000," + b"n" * 1016 + b"\n"
    with open(path, "wb") as file:
        left = size - file.write(b"Code,Name\n")
        block = row * 1024
        while left > len(block) + 2048:
            left -= file.write(block)
        while left > 2048:
            left -= file.write(row)
        file.write(b"C-1," + b"x" * (left - 5) + b"\n")


ARRIVED = {"received", "verified", "staged", "processed", "archived"}
PEAK_MB_MAX = 150


class TransferTest(LoopTest):
    agencies = ()
    with_worker = FULL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder / "agencies/line"
        folder.mkdir(parents=True)
        (folder / "_agency.json").write_text(json.dumps({"slug": "line", "display_name": "Line", "time_zone": "Europe/Berlin"}))
        (folder / "component.json").write_text(json.dumps(SPEC))
        cls.loop.central("agency", "put", folder)

    def setUp(self):
        self.proxy = FaultProxy(int(self.loop.project_url.rsplit(":", 1)[1]))
        self.addCleanup(self.proxy.close)

    def line_agent(self, **settings):
        agent = self.agent("line", project_url=self.proxy.url, **settings)
        return agent

    def export(self, agent, name, size):
        make(self.folder / name, size)
        (self.folder / name).rename(agent.export / name)

    def setting(self, name, value):
        self.loop.database.run(f"SET ROLE service_role; SELECT ingest.put_setting('{name}', '{value}', 'transfer test')")

    def sent(self, method):
        return sum(e.body_bytes for e in self.proxy.exchanges if e.method == method and "/storage/" in e.path)

    def settled(self, agent, name):
        """The full measure goes on to the last row in staging, and tells what that took of memory."""
        if not FULL:
            return
        self.registered("line", name, {"processed", "archived"}, timeout_s=900)
        peaks = {process.name.split()[0]: peak_mb(process) for process in self.loop.processes if process.running()}
        print("peak memory: " + ", ".join(f"{process} {mb:.0f} MB" for process, mb in peaks.items()), flush=True)
        self.assertEqual(set(peaks), {"stand-in", "worker", "agent"})
        self.assertLess(max(peaks.values()), PEAK_MB_MAX)

    def bodies(self):
        """How storage answered each body of an upload."""
        log = self.loop.standin.log.read_text(encoding="utf-8")
        return [int(status) for status in re.findall(r" (?:PUT|PATCH) /storage/\S+ (\d{3}) ", log)]

    def test_an_agent_killed_near_the_end_sends_at_most_a_chunk_again(self):
        kill_at = int(KILLED_BYTES * 0.9) // CHUNK
        agent = self.line_agent()
        done = []

        def kill(exchange, moment):
            patches = sum(1 for e in self.proxy.exchanges if e.method == "PATCH")
            if moment == "half" and exchange.method == "PATCH" and patches > kill_at and not done:
                done.append(patches)
                agent.process.child.kill()

        self.proxy.hook = kill
        self.export(agent, "c_killed.csv", KILLED_BYTES)
        agent.start()
        self.wait(lambda: done, "the agent killed", 900)
        agent.process.child.wait()
        agent.start()
        self.registered("line", "c_killed.csv", ARRIVED, timeout_s=900)
        again = self.sent("PATCH") - KILLED_BYTES
        print(f"{KILLED_BYTES} bytes, killed in chunk {done[0]}: {again} bytes sent again", flush=True)
        self.assertGreaterEqual(again, 0)
        self.assertLessEqual(again, CHUNK)
        self.assertEqual(sum(1 for e in self.proxy.exchanges if e.method == "POST" and e.path.endswith("resumable/sign")), 1)
        self.settled(agent, "c_killed.csv")
        agent.process.stop()

    def test_tokens_shorter_than_the_file_takes_do_not_make_it_start_over(self):
        self.setting("upload_token_ttl_s", TOKEN_S)
        self.addCleanup(self.setting, "upload_token_ttl_s", 7200)
        # Straight to the stand-in: the proxy passes a body on only when it has all of it, and a token
        # has to be good when a body begins, not when it ends.
        for way, (size, kbit_s) in LIMITED.items():
            with self.subTest(way):
                name = f"c_{way}.csv"
                agent = self.loop.agent("line", f"limited-{way}",
                                        upload={"bandwidth": {"limit_kbit_s": kbit_s}, "give_up_after": 3})
                before = len(self.bodies())
                self.export(agent, name, size)
                agent.start()
                self.wait(lambda: agent.local(name)[0] == "uploading", "the upload to begin")
                began = time.monotonic()
                self.registered("line", name, ARRIVED, timeout_s=300)
                took = time.monotonic() - began
                bodies = self.bodies()[before:]
                print(f"{way}: {size} bytes at {kbit_s} kbit/s with {TOKEN_S} s tokens: {took:.1f} s, answers {bodies}",
                      flush=True)
                taken = [status for status in bodies if status < 300]
                self.assertEqual(len(taken), 1 if way == "put" else -(-size // CHUNK))
                self.assertLessEqual(len(bodies) - len(taken), 1)
                self.assertGreater(took, size * 8 / 1000 / kbit_s * 0.5)
                self.settled(agent, name)
                agent.process.stop()


if __name__ == "__main__":
    unittest.main()
