"""Sudden ends: agents, worker, stand-in and database connections are killed while exports go on.

Method:  every round kills one victim when a line carries its n-th request from now, at a chosen moment of
         that request, starts it again, and goes on. The schedule is made from the seed alone: victim,
         request, moment, pause. What the seed cannot fix is which request is the n-th, since processes run
         side by side; the log tells the request that was met. Afterwards everything settles and the oracle
         reads it all.
Run:     python3 tests/fault/kills.py --programs build/release/bin --kills 1000 --seed 7
"""

import collections
import os
import random
import signal
import sys
import threading
import time

import settings
from exports import ROWS_PER_PART, copy_of, make
from lanes import Central, LoopError, wait_until

VICTIMS = {"agent": 45, "worker": 25, "standin": 20, "database": 10}  # in hundredths
MOMENTS = ("head", "half", "forwarded", "answered", "relayed")
TRIGGER_TIMEOUT_S = 2.0   # nothing is on the line: killed all the same
QUIET_S = 30  # nothing changed for so long: it is the end
SETTLE_TIMEOUT_S = 240
BACKLOG_MAX = 12          # unsettled exports of a lane; more wait

CONNECTIONS = """(SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                   AND backend_type = 'client backend') AS connection"""

PREFLIGHT_ROUNDS = 10
Round = collections.namedtuple("Round", "number victim lane line request moment pause_s")


def schedule(seed, kills, lanes):
    """The rounds of a seed."""
    rng = random.Random(f"schedule {seed}")
    for number in range(1, kills + 1):
        victim = rng.choices(list(VICTIMS), VICTIMS.values())[0]
        lane = rng.randrange(lanes)
        line = "agent" if victim == "agent" else "worker" if victim == "worker" else rng.choice(("agent", "worker"))
        yield Round(number, victim, lane, line, rng.randint(1, 8), rng.choice(MOMENTS), rng.random() * 0.3)


class Exporter(threading.Thread):
    """Continuous traffic of one lane, its files chosen by the seed: good, bad, again, changed, removed, large, cut."""

    def __init__(self, lane, seed):
        super().__init__(daemon=True)
        self.lane, self.rng = lane, random.Random(f"exports {seed} {lane.slug}")
        self.over = threading.Event()
        self.count = 0
        self.failure = None

    def run(self):
        try:
            while not self.over.is_set():
                if len(self.lane.unsettled()) < BACKLOG_MAX:
                    self.export()
                self.over.wait(self.rng.random() * 0.25)
        except Exception as error:  # told by the main thread
            self.failure = error

    def export(self):
        self.count += 1
        rng, truth, folder = self.rng, self.lane.truth, f"{self.count // 100:04}"
        stem, kind = f"{self.count:06}", rng.random()
        good = [export for export in truth.exports if export.is_good]
        if kind < 0.40 or not good:
            truth.put(make(f"{folder}/small_{stem}.csv", rng.randint(1, 60)))
        elif kind < 0.50:
            truth.put(make(f"{folder}/small_{stem}.csv", 20, bad_row=rng.randint(1, 20)))
        elif kind < 0.62:
            again = rng.choice(good[-50:])
            truth.put(copy_of(again, f"{folder}/{again.tag}_{stem}.csv"))
        elif kind < 0.74:
            truth.put(make(f"{folder}/large_{stem}.csv", rng.randint(50, 150), 400))
        elif kind < 0.84:
            truth.put(make(f"{folder}/cut_{stem}.csv", rng.randint(ROWS_PER_PART + 1, 4 * ROWS_PER_PART)))
        elif kind < 0.94:
            self.change_soon(f"{folder}/{rng.choice(('small', 'large', 'cut'))}_{stem}.csv")
        else:
            path = f"{folder}/small_{stem}.csv"
            truth.put(make(path, rng.randint(1, 60)))
            self.over.wait(rng.random() * 1.2)
            truth.remove(path)

    def change_soon(self, path):
        """A file that is replaced or written over while it may be read or sent."""
        first = make(path, self.rng.randint(50, 110), self.rng.choice((24, 300)))
        self.lane.truth.put(first)
        self.over.wait(self.rng.random() * 1.2)
        other = make(path, self.rng.randint(50, 110), self.rng.choice((24, 300)))
        other.content = other.content.replace(b",", b",changed ", 10)
        self.lane.truth.put(other, in_place=self.rng.random() < 0.5)


class Kills:
    def __init__(self, central, lanes, seed):
        self.central, self.seed = central, seed
        self.lanes = [central.lane(f"k{number}", upload={"parallel": 2}) for number in range(lanes)]
        self.killed = collections.Counter()
        self.database_kills = 0
        self.met = collections.Counter()     # by victim, killed at the very request
        self.exporters = [Exporter(lane, seed) for lane in self.lanes]

    def run(self, kills, log):
        for lane in self.lanes:
            lane.agent.start()
        for exporter in self.exporters:
            exporter.start()
        for step in schedule(self.seed, kills, len(self.lanes)):
            if step.number % PREFLIGHT_ROUNDS == 0:  # bad files are refused at either end in turn
                self._put_preflight("stop" if step.number // PREFLIGHT_ROUNDS % 2 else "report")
            log(self.round(step))
        for exporter in self.exporters:
            exporter.over.set()
            exporter.join()
            if exporter.failure:
                raise exporter.failure

    def _put_preflight(self, value):
        try:
            self.central.put_setting("preflight", f'"{value}"')
        except LoopError as error:  # the database may be starting again
            print(f"preflight stays as it was: {error}", flush=True)

    def round(self, step):
        """Kills one victim at its moment and starts it again; a line for the log."""
        lane = self.lanes[step.lane]
        line = lane.line if step.line == "agent" else self.central.line
        self._no_one_ended_alone()
        left, fired, met, trouble, lock = [step.request], threading.Event(), [], [], threading.Lock()

        def hook(exchange, moment):
            if moment != step.moment:
                return
            with lock:  # other connections wait until the victim is dead
                left[0] -= 1
                if left[0] != 0:
                    return
                met.append(str(exchange))
                try:
                    self.kill(step.victim, lane)
                except (LoopError, OSError) as error:  # this is a thread of the line
                    trouble.append(error)
                fired.set()

        line.hook = hook
        fired.wait(TRIGGER_TIMEOUT_S)
        line.hook = None
        with lock:
            left[0] = 0  # nobody kills any more
            if not met:
                self.kill(step.victim, lane)
        if trouble:
            raise trouble[0]
        time.sleep(step.pause_s)
        self.start_again(step.victim, lane)
        self.killed[step.victim] += 1
        self.met[step.victim] += bool(met)
        return f"{step.number} {step.victim} {lane.slug} {step.moment} of {step.request}. on the {step.line}'s line: {met[0] if met else 'nothing came'}"

    def _no_one_ended_alone(self):
        processes = [lane.agent.process for lane in self.lanes] + [self.central.worker, self.central.loop.standin]
        for process in processes:
            if not process.running():
                raise LoopError(f"{process.name} ended by itself with {process.child.returncode}:\n{process.tail(40)}")

    def kill(self, victim, lane):
        if victim == "agent":
            lane.agent.process.child.kill()
        elif victim == "worker":
            self.central.worker.child.kill()
        elif victim == "standin":
            self.central.loop.standin.child.kill()
        else:
            self.kill_connections()

    def kill_connections(self):
        """Ends some connections; on a server of our own sometimes one with SIGKILL, which is a crash of all of it."""
        self.database_kills += 1
        database = self.central.loop.database
        if self.central.loop.server_url is None and self.database_kills % 3 == 0:
            pid = database.value(f"SELECT pid FROM {CONNECTIONS} ORDER BY random() LIMIT 1")
            if pid:
                self.killed["server"] += 1
                os.kill(pid, signal.SIGKILL)
        else:
            database.run(f"SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM {CONNECTIONS} ORDER BY random() LIMIT 3) AS some_of_them")

    def start_again(self, victim, lane):
        if victim == "agent":
            lane.agent.process.child.wait()
            lane.agent.start()
        elif victim == "worker":
            self.central.worker.child.wait()
            self.central.start_worker()
        elif victim == "standin":
            self.central.loop.standin.child.wait()
            self.central.loop.start_standin()
        else:
            wait_until(self.database_answers, 60, "the database after a crash")

    def database_answers(self):
        try:
            return self.central.loop.database.value("SELECT 1 AS one") == 1
        except LoopError:
            return False

    def settle(self):
        """Waits for an end of everything, stops the agents and asks the oracle; what is wrong."""
        wrong = []
        for lane in self.lanes:
            wrong += [f"{lane.slug}: {path}: no end" for path in lane.wait_settled(timeout_s=SETTLE_TIMEOUT_S)]
        self._no_one_ended_alone()
        self._wait_while_told()
        for lane in self.lanes:
            lane.agent.process.stop()
            found = lane.oracle.check() + lane.oracle.left_over() + lane.oracle.chain_of_custody()
            wrong += [f"{lane.slug}: {sentence}" for sentence in found]
        return wrong

    def _wait_while_told(self):
        """The archive and the last syncs may still be under way: waits as long as anything changes."""
        open_ends, changed_at = None, time.monotonic()
        while time.monotonic() < changed_at + QUIET_S:
            found = [lane.oracle.check() + lane.oracle.left_over() for lane in self.lanes]
            if not any(found):
                return
            if found != open_ends:
                open_ends, changed_at = found, time.monotonic()
            time.sleep(1)

    def report(self):
        exports = [export for lane in self.lanes for export in lane.truth.exports]
        killed = ", ".join(f"{self.killed[victim]} {victim} ({self.met[victim]} in mid-request)" for victim in VICTIMS)
        crashes = f"; {self.killed['server']} of the database's were crashes of the whole server"
        return (f"killed: {killed}{crashes}\n{len(exports)} exports, {sum(not e.is_good for e in exports)} of them bad, "
                f"{sum(not e.is_last for e in exports)} replaced or removed")


def arguments():
    parser = settings.parser(__doc__)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("WAYBILL_KILLS") or 50))
    parser.add_argument("--lanes", type=int, default=4)
    return parser.parse_args()


def run(args, folder):
    central = Central(folder, args.programs, args.server, lease_s=2)
    try:
        central.start()
        kills = Kills(central, args.lanes, args.seed)
        print(f"seed {args.seed}: {args.kills} kills, {args.lanes} agents", flush=True)
        began = time.monotonic()
        with open(folder / "schedule.log", "w", encoding="utf-8") as file:
            kills.run(args.kills, lambda text: print(text, file=file, flush=True))
        wrong = kills.settle()
        for sentence in wrong:
            print(f"BROKEN {sentence}")
        print(kills.report())
        wrong += central.sweep()
        print(f"{args.kills} kills in {time.monotonic() - began:.0f} s, {len(wrong)} promises broken")
        if wrong:
            print(f"again: --kills {args.kills} --lanes {args.lanes} --seed {args.seed}")
        return not wrong
    finally:
        central.close()


if __name__ == "__main__":
    sys.exit(settings.in_folder(arguments(), run))
