"""Nights with one fault: every kind of fault at every step of the exchange, each judged by the oracle.

Method:  a clean night tells how many steps there are; then each (side, kind, step) is a night of its own.
         The line counts the requests from the agent's start, so the fault's place is exact; uploads go
         one after the other. The worker's steps are counted per agency.
Run:     python3 tests/fault/nights.py --programs build/release/bin --all
         --seed and --sample choose some of them; --only agent:truncated:7 replays one.
"""

import collections
import queue
import random
import sys
import threading
import time

import settings
from exports import night
from fault_proxy import KINDS, Fault
from lanes import SETTLED, Central

AGENT_KINDS = [kind for kind in KINDS if kind != "stall"]  # and KILLS
WORKER_KINDS = ["refused", "drop_request", "lost_response", "drop_response", "truncated", "unavailable", "busy",
                "gateway_timeout", "portal", "delay", "slow_response", "duplicate_last", "late_duplicate"]
# The agent is killed in the step, at these moments of it, and started again; the last two without its ledger.
KILLS = {"killed_head": "head", "killed_half": "half", "killed_forwarded": "forwarded", "killed_answered": "answered",
         "killed_relayed": "relayed", "ledger_lost": "forwarded", "ledger_lost_later": "relayed"}
LEDGER_LOST = {"ledger_lost": "deleted", "ledger_lost_later": "zeroed"}
TOKEN_KINDS = {"expired_token", "tampered_token", "corrupt"}  # only where an upload's token is
NIGHT_TIMEOUT_S = 90
CHUNKS_MAX = 4  # of the largest file of a night
PAUSE_S = {"delay": 1.5, "late_duplicate": 2.5}


class Case(collections.namedtuple("Case", "side kind step")):
    def __str__(self):
        return f"{self.side}:{self.kind}:{self.step}"

    def rule(self):
        if self.kind in KILLS:
            return lambda exchange: None
        fault = Fault(self.kind, pause_s=PAUSE_S.get(self.kind, 0.7))
        return lambda exchange: fault if exchange.number == self.step else None


class Nights:
    """Runs cases on some lanes side by side and collects what the oracle says."""

    def __init__(self, central, lanes):
        self.central = central
        self.lanes = [central.lane(f"n{number}") for number in range(lanes)]
        for lane in self.lanes:
            lane.ends = SETTLED - {"processed"}  # a night is over when it is archived
        self.counts = collections.Counter()   # nights by "side:kind", and those whose fault happened
        self.happened = collections.Counter()
        self.failures = []
        self.clean_bodies = 0
        self._worker_rules = {}
        central.line.rule = lambda exchange: self._worker_rules.get(exchange.key, lambda _: None)(exchange)

    def steps(self):
        """(the agent's exchanges, how many the worker has) in a night without a fault."""
        lane = self.lanes[0]
        wrong = self.night(lane, None, "clean")
        if wrong:
            raise AssertionError(f"a night without faults is not clean: {wrong}")
        worker = [step for step in self.central.line.exchanges if step.key == lane.slug]
        return list(lane.line.exchanges), len(worker)

    def run(self, cases):
        work = queue.SimpleQueue()
        for number, case in enumerate(cases):
            work.put((number, case))
        threads = [threading.Thread(target=self._drain, args=(lane, work)) for lane in self.lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for lane in self.lanes:
            self._note(None, lane.oracle.check() + lane.oracle.chain_of_custody())

    def _drain(self, lane, work):
        while True:
            try:
                number, case = work.get_nowait()
            except queue.Empty:
                return
            try:
                self._note(case, self.night(lane, case, f"{number:05}"))
            except Exception as error:  # a broken harness is a failure with the case's name, not a silent end
                self._note(case, [f"{type(error).__name__}: {error}"])

    def _note(self, case, wrong):
        for sentence in wrong:
            print(f"BROKEN {case}: {sentence}", flush=True)
        if wrong:
            self.failures.append((case, wrong))

    def night(self, lane, case, folder):
        """One night in a folder of its own; what the oracle finds wrong."""
        agents_rule = case.rule() if case and case.side == "agent" else None
        lane.line.reset(agents_rule)
        steps_before = sum(step.key == lane.slug for step in self.central.line.exchanges)
        if case and case.side == "worker":
            rule, at = Case(*case).rule(), steps_before
            self._worker_rules[lane.slug] = lambda step: rule(Numbered(step.number - at))
        night(lane.truth, folder)
        began = time.monotonic()
        kill = AgentKill(lane, case) if case and case.kind in KILLS else None
        mend = kill.mend if kill else lambda: False
        lane.agent.start()
        try:
            left = lane.wait_settled(folder + "/", NIGHT_TIMEOUT_S, mend)
            lane.line.settle()
            self.central.line.settle()
            wrong = self._once_more(lane, folder + "/", mend)
            wrong += [f"{path}: no end after {time.monotonic() - began:.0f} s" for path in left]
        finally:
            self._worker_rules.pop(lane.slug, None)
            lane.line.hook = None
            lane.agent.process.stop()
        faults = [step for step in lane.line.exchanges if step.fault]
        faults += [step for step in self.central.line.exchanges[-2000:] if step.key == lane.slug and step.fault
                   and step.number > steps_before]
        wrong += self._sent_too_often(lane, case)
        if case:
            self.counts[f"{case.side}:{case.kind}"] += 1
            self.happened[f"{case.side}:{case.kind}"] += bool(faults or kill and kill.fired)
        return wrong

    @staticmethod
    def _once_more(lane, prefix, mend):
        """Central and ledger may be one sync apart for a moment: judged when it stays. The agent may be
        killed as late as here, and its ledger lost."""
        deadline = time.monotonic() + 20
        while True:
            is_again = mend()
            wrong = [f"{path}: no end" for path in lane.unsettled(prefix)]
            wrong = wrong or lane.oracle.check(prefix) + lane.oracle.left_over()
            if not is_again and (not wrong or time.monotonic() > deadline):
                return wrong
            time.sleep(0.3)

    def _sent_too_often(self, lane, case):
        """No path takes two bodies; only a fault on the way to storage costs a body, and only one."""
        wrong = [f"{path} was taken {count} times" for path, count in lane.uploads().items()
                 if count > 1 and not (case and "duplicate" in case.kind)]
        bodies = sum(step.forwarded and step.method in ("PUT", "PATCH") for step in lane.line.exchanges)
        if case is None:
            self.clean_bodies = bodies
            return wrong
        hit = [step for step in lane.line.exchanges if "/storage/" in step.path
               and (step.fault or case.kind in KILLS and step.number == case.step)]
        # Central read other bytes, or what storage had of a file went with the ledger.
        begins_anew = case.kind == "corrupt" or case == ("worker", "portal", case.step) or case.kind in LEDGER_LOST
        allowed = self.clean_bodies + (CHUNKS_MAX - 1 if begins_anew else 1 if hit else 0)
        if bodies > allowed:
            wrong.append(f"{bodies} bodies were sent, {allowed} are enough")
        return wrong


class AgentKill:
    """Kills a lane's agent in one step; mend() starts it again, with or without its ledger."""

    def __init__(self, lane, case):
        self.lane, self.case = lane, case
        self.fired = self.mended = False
        lane.line.hook = self._look

    def _look(self, exchange, moment):
        if not self.fired and exchange.number == self.case.step and moment == KILLS[self.case.kind]:
            self.fired = True
            if self.lane.agent.process:
                self.lane.agent.process.child.kill()

    def mend(self):
        if not self.fired or self.mended:
            return False
        self.mended = True
        self.lane.agent.process.kill()  # step 1 may come before we know the process that is started
        if self.case.kind in LEDGER_LOST:
            self.lane.lose_ledger(LEDGER_LOST[self.case.kind])
        self.lane.agent.start()
        return True


class Numbered(collections.namedtuple("Numbered", "number")):
    """What a case's rule looks at."""


def cases_of(exchanges, worker_steps):
    """Every fault at every step where it can happen, and two steps beyond: a fault may lengthen the exchange."""
    cases = [Case("agent", kind, step.number) for step in exchanges for kind in (*AGENT_KINDS, *KILLS)
             if step.has_token or kind not in TOKEN_KINDS]
    cases += [Case("agent", kind, len(exchanges) + more) for more in (1, 2) for kind in AGENT_KINDS
              if kind not in TOKEN_KINDS]
    return cases + [Case("worker", kind, step) for step in range(1, worker_steps + 3) for kind in WORKER_KINDS]


def arguments():
    parser = settings.parser(__doc__)
    parser.add_argument("--all", action="store_true", help="every case, not a sample")
    parser.add_argument("--sample", type=int, default=60, help="cases to choose")
    parser.add_argument("--only", action="append", metavar="SIDE:KIND:STEP", help="this case; may be repeated")
    parser.add_argument("--lanes", type=int, default=8, help="nights side by side")
    return parser.parse_args()


def choose(args, every):
    if args.only:
        parts = [text.split(":") for text in args.only]
        return [Case(side, kind, int(step)) for side, kind, step in parts]
    if args.all:
        return every
    return random.Random(args.seed).sample(every, min(args.sample, len(every)))


def run(args, folder):
    central = Central(folder, args.programs, args.server)
    try:
        central.start()
        nights = Nights(central, args.lanes)
        exchanges, worker_steps = nights.steps()
        cases = choose(args, cases_of(exchanges, worker_steps))
        print(f"seed {args.seed}: a night has {len(exchanges)} steps of the agent and {worker_steps} of the worker; "
              f"{len(cases)} nights with a fault, {args.lanes} side by side", flush=True)
        began = time.monotonic()
        nights.run(cases)
        for name in sorted(nights.counts):
            print(f"{name:28} {nights.counts[name]:4} nights, the fault happened in {nights.happened[name]}")
        print(f"{sum(nights.counts.values())} nights in {time.monotonic() - began:.0f} s, {len(nights.failures)} broken")
        for case, _ in nights.failures:
            print(f"again: --seed {args.seed} --only {case}")
        left = central.sweep()
        return not nights.failures and not left
    finally:
        central.close()


if __name__ == "__main__":
    sys.exit(settings.in_folder(arguments(), run))
