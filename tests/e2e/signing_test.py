"""Both signers of upload targets, each through the whole loop: a small file by PUT, a large one in chunks."""

import unittest

from harness import LoopTest

HEADER = "Party No,Name,Kind,Street,Postcode,City,Country,E-Mail,Note\n"


def parties(prefix, count):
    return (HEADER + "".join(f"{prefix}{n:04},Bakery {n},supplier,,,,DE,,\n" for n in range(count))).encode()


class SigningTest(LoopTest):
    # Goal:   the mode is a setting; an agent needs no change, and no secret in Vault when Storage signs.
    # Method: the same two deliveries in each mode; what the stand-in was asked shows who signed.
    def asked(self, words):
        lines = self.loop.standin.log.read_text(encoding="utf-8").splitlines()
        return sum(all(word in line for word in words) for line in lines)

    def set(self, name, value):
        self.loop.database.run(f"SET ROLE service_role; SELECT ingest.put_setting('{name}', '{value}', 'test')")

    def deliver(self, mode):
        self.set("signing_mode", f'"{mode}"')
        # The rule "above 6 MiB in chunks" at a size that is quick to make.
        self.set("resumable_above_bytes", "2000")
        signed, sent = self.asked(["POST", "/object/upload/sign/"]), self.asked(["PATCH", "/upload/resumable/sign"])
        agent = self.agent(name=f"signed-by-{mode}").start()
        small, large = parties(f"{mode[0]}s", 3), parties(f"{mode[0]}l", 300)
        agent.write(f"parties_20261121_{mode}.csv", small)
        agent.write(f"parties_20261122_{mode}.csv", large)
        for name, rows in ((f"parties_20261121_{mode}.csv", 3), (f"parties_20261122_{mode}.csv", 300)):
            file = self.registered("harbor-kitchen", name, {"archived", "refused"})
            self.assertEqual((file["state"], file["rows_staged"]), ("archived", rows), file["error"])
        self.assertEqual(agent.process.stop(), 0)
        return self.asked(["POST", "/object/upload/sign/"]) - signed, self.asked(["PATCH", "/upload/resumable/sign"]) - sent

    def test_the_registry_signs_with_the_secret_in_vault(self):
        signed_by_storage, chunks = self.deliver("database")
        self.assertEqual(signed_by_storage, 0)
        self.assertGreaterEqual(chunks, 1)

    def test_storage_signs_what_the_registry_has_reserved(self):
        self.loop.database.run("UPDATE vault.secrets SET name = 'put away' WHERE name = 'waybill_storage_signing_secret'")
        self.addCleanup(self.loop.database.run,
                        "UPDATE vault.secrets SET name = 'waybill_storage_signing_secret' WHERE name = 'put away'")
        signed_by_storage, chunks = self.deliver("storage")
        self.assertGreaterEqual(signed_by_storage, 2)
        self.assertGreaterEqual(chunks, 1)


if __name__ == "__main__":
    unittest.main()
