"""The demo's second act: a bakery's nights. A late one, files in the wrong order, one in parts, a poisoned one.

Owner:  Nights tells what it does and what it saw, and collects what was not as it should be.
"""

import time

import quayside
from loop import LoopError, wait_until
from quayside import AGENCY

PATIENCE_S = 60


class Nights:
    def __init__(self, loop, say):
        self.loop, self.say = loop, say
        self.problems = []
        self.agent = None

    def start(self):
        self.loop.put_agency(AGENCY)
        self.agent = self.loop.agent(AGENCY).start()

    def run(self):
        """All scenes, one after the other; what was wrong is in problems."""
        for scene in (self.late_night, self.wrong_order, self.poison):
            try:
                scene()
            except LoopError as error:
                self.problems.append(f"{AGENCY}: {scene.__name__}: {error}")

    def expect(self, what, found, expected):
        if found != expected:
            self.problems.append(f"{AGENCY}: {what}: {found!r}, expected {expected!r}")

    def wait(self, condition, what):
        return wait_until(condition, PATIENCE_S, what, interval_s=0.2)

    def staged(self, date):
        return [(e["file_tag"], e["part_number"]) for e in self.loop.events(AGENCY, "staged")
                if e["delivery_date"] == quayside.iso(date)]

    def late_night(self):
        date = quayside.day(3)
        self.say(f"the night of {quayside.iso(date)} is overdue; only its components come")
        self.agent.write(f"components_{date}.csv", quayside.components())
        self.wait(lambda: self.staged(date), "the late components are staged")
        state = self.wait(lambda: self.loop.delivery_state(AGENCY, quayside.iso(date)) in ("late", "partial")
                          and self.loop.delivery_state(AGENCY, quayside.iso(date)), "the night is late")
        missing = sorted(e["details"]["file_tag"] for e in self.loop.events(AGENCY, "file_missing")
                         if e["details"].get("delivery_date") == quayside.iso(date))
        self.expect("missing files", missing, ["recipe", "recipe_line"])
        self.say(f"  components staged; the night is {state}; missing: {', '.join(missing)}")

    def wrong_order(self):
        date = quayside.day(0)
        self.say("tonight: recipe lines come first and wait for their recipes")
        self.agent.write(f"recipe_lines_{date}.csv", quayside.recipe_lines())
        self.wait(lambda: self.loop.events(AGENCY, "waiting"), "the lines wait")
        self.expect("staged before the recipes came", self.staged(date), [])
        self.agent.write(f"components_{date}.csv", quayside.components() + b"900001,Late flour,,Baking,kg,,,,,,N,,\r\n")
        self.agent.write(f"recipes_{date}.csv", quayside.recipes())
        self.wait(lambda: len(self.staged(date)) >= 5, "components, recipes and lines are staged")
        order = self.staged(date)
        self.expect("order of staging", order, [("component", 1), ("recipe", 1), ("recipe_line", 1), ("recipe_line", 2),
                                                ("recipe_line", 3)])
        self.say("  staged in the order of the plan: " + ", ".join(
            tag if tag != "recipe_line" else f"{tag} part {part}" for tag, part in order))

    def poison(self):
        date = quayside.day(0)
        whole = quayside.packed(quayside.suppliers())
        name = f"suppliers_{date}.csv.gz"
        self.say("a supplier file arrives that was cut short; its spec says halt")
        self.agent.write(name, whole[:len(whole) // 2])
        self.wait(lambda: self.loop.tenant_state(AGENCY) == "halted", "the agency halts")
        file = next(f for f in self.loop.files(AGENCY) if f["relative_path"] == name)
        self.expect("the cut file", (file["state"], file["error_code"]), ("refused", "WB-3101"))
        self.agent.write(f"conversions_{date}.jsonl", quayside.conversions())
        self.wait(lambda: any(f["relative_path"].startswith("conversions") and f["state"] != "awaiting_upload"
                              for f in self.loop.files(AGENCY)), "the next file arrives")
        time.sleep(1)  # long enough for a worker that would take it
        self.expect("staged while halted", [t for t, _ in self.staged(date) if t == "uom_conversion"], [])
        self.say("  halted; the next file is received and waits. An operator looks, and decides:")
        self.say(f'  waybill-central skip {file["job_file_id"]} --reason "cut short by a full disk at the bakery"')
        self.loop.central("skip", file["job_file_id"], "--reason", "cut short by a full disk at the bakery")
        self.wait(lambda: ("uom_conversion", 1) in self.staged(date), "the next file is staged")
        self.agent.write(name, whole)
        self.wait(lambda: ("supplier", 1) in self.staged(date), "the whole supplier file is staged")
        self.say("  the agency goes on; the file written again in whole is staged too")
