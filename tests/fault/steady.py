"""Steady state: an hour of exports sped up, while memory and open files of every process are sampled.

Method:  one agency exports small files in bursts and removes them a while after they are done, so the folder
         stays of one size; scan and sync run as fast as they may. The slope of each process's resident
         memory over the files done is fitted by least squares, the first third left out as warm-up.
Run:     ./dev bench steady (WAYBILL_STEADY_FILES), or this file with --programs build/release/bin
"""

import os
import sys
import time

import settings
from exports import make
from lanes import Central

BURST = 40
IN_FOLDER_MAX = 600
BACKLOG_MAX = 200
GROWTH_KIB_MAX = 1024  # a thousand files; beyond it something is kept that should not be


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slope(points):
    """Least squares: growth of y by x."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    over = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / over if over else 0.0


class Steady:
    def __init__(self, central):
        self.central = central
        self.lane = central.lane("steady", upload={"parallel": 2})
        self.samples = {}  # name: [(files done, resident KiB, open files)]

    def processes(self):
        return {"agent": self.lane.agent.process, "worker": self.central.worker, "stand-in": self.central.loop.standin}

    def done(self):
        return self.lane.ledger.rows("SELECT count(*) AS n FROM job_file WHERE state IN ('processed', 'archived')")[0]["n"]

    def sample(self):
        done = self.done()
        for name, process in self.processes().items():
            pid = process.child.pid
            self.samples.setdefault(name, []).append((done, resident_kib(pid), open_files(pid)))
        return done

    def run(self, files):
        self.lane.agent.start()
        made, removed, done, next_sample = 0, 0, 0, 0.0
        while done < files:
            if made < files and made - done < BACKLOG_MAX:
                for _ in range(BURST):
                    made += 1
                    self.lane.truth.put(make(f"{made // 1000:03}/small_{made:06}.csv", 20))
            while made - removed > IN_FOLDER_MAX and removed < done - BACKLOG_MAX:
                self.lane.truth.remove(self.lane.truth.exports[removed].path)
                removed += 1
            if time.monotonic() > next_sample:
                next_sample = time.monotonic() + 1.0
                done = self.sample()
            for name, process in self.processes().items():
                if not process.running():
                    raise AssertionError(f"{name} ended:\n{process.tail(30)}")
            time.sleep(0.1)
        return made

    def report(self):
        """Prints every process's growth; true when none grows beyond the limit."""
        good = True
        for name, samples in self.samples.items():
            settled = [s for s in samples if s[0] > samples[-1][0] / 3]
            memory = 1000 * slope([(done, kib) for done, kib, _ in settled])
            files = 1000 * slope([(done, count) for done, _, count in settled])
            good = good and memory <= GROWTH_KIB_MAX and files <= 1
            print(f"{name:9} resident {samples[0][1] / 1024:.1f} MiB at the start, {settled[0][1] / 1024:.1f} warm, "
                  f"{samples[-1][1] / 1024:.1f} at the end, {max(s[1] for s in samples) / 1024:.1f} at most; "
                  f"{memory:+.0f} KiB and {files:+.2f} open files per 1,000 files")
        return good


def arguments():
    parser = settings.parser(__doc__)
    parser.add_argument("--files", type=int, default=int(os.environ.get("WAYBILL_STEADY_FILES") or 6000))
    return parser.parse_args()


def run(args, folder):
    central = Central(folder, args.programs, args.server)
    try:
        central.start()
        steady = Steady(central)
        began = time.monotonic()
        made = steady.run(args.files)
        seconds = time.monotonic() - began
        syncs = sum(step.path.endswith("/ingest_sync") for step in steady.lane.line.exchanges)
        print(f"{made} files in {seconds:.0f} s, {len(steady.lane.line.exchanges)} requests of the agent, {syncs} of them syncs")
        return steady.report()
    finally:
        central.close()


if __name__ == "__main__":
    sys.exit(settings.in_folder(arguments(), run))
