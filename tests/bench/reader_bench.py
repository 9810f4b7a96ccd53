"""How fast exports are read and checked, and in how much memory, beside wc, sha256sum and Python's csv.

All programs read the same file from memory, one after the other, round after round. What is compared is the CPU time
of the whole process (user and system), so that other work on the machine counts for nobody; ratios are made within a
round, and the median round is shown. MB are 10^6 octets of the file.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

SHARED_MEMORY = pathlib.Path("/dev/shm")
BLOCK_BYTES = 1 << 20
RECORD_BYTES_MAX = 2 * 1024 * 1024  # kRecordBytesMax
LIMIT_MB = 32

COLUMNS = ["Item No", "Description", "Unit", "Quantity", "Price", "Valid From"]
HEADER = ",".join(COLUMNS).encode() + b"\n"
PLAIN = (b"10-20031,Butter unsalted block 250g,EA,12.500,1.99,2026-11-20\n"
         b"10-20032,Wheat flour type 550 25 kg bag,BAG,4,18.75,2026-10-01\n")
KINDS = {
    "plain": HEADER + PLAIN,
    "accented": HEADER + "10-20033,Crème fraîche 30 % Becher,EA,12.500,1.99,2026-11-20\n".encode(),
    "quoted": HEADER + b'"10-20031","Butter, ""unsalted"" block","EA","12.500","1.99","2026-11-20"\n',
    "crlf": (HEADER + PLAIN).replace(b"\n", b"\r\n"),
    "wide": HEADER + b"1," + b"x" * 240 + b",EA,1,1," + b"2026-11-20\n",
    "utf-16le": (HEADER + PLAIN).decode().encode("utf-16le"),
    "jsonl": b'{"Item No":"10-20031","Description":"Butter unsalted block 250g","Unit":"EA","Quantity":12.500,'
             b'"Price":1.99,"Valid From":"2026-11-20"}\n',
}
PYTHON_CSV = "import csv, sys\nfor row in csv.reader(open(sys.argv[1], newline='')): pass"


def spec(is_typed=True, **more):
    """The file spec: typed columns, or all text."""
    types = [{}, {}, {}, {"type": "decimal"}, {"type": "decimal"}, {"type": "date", "date_format": "%Y-%m-%d"}]
    columns = [{"name": name, "to": name.lower().replace(" ", "_"), **(kind if is_typed else {})}
               for name, kind in zip(COLUMNS, types)]
    columns[0]["required"] = True
    return {"file_tag": "bench", "entity": "component", "file_name": "*", "columns": columns,
            "natural_key": ["item_no"], **more}


class Bench:
    def __init__(self, folder, programs, size_mb, rounds):
        self.folder, self.program, self.rounds = folder, str(programs / "read_file"), rounds
        self.size_bytes = size_mb * 1_000_000
        self.specs = {}
        for name, wanted in {"typed": spec(), "text": spec(False), "jsonl": spec(format="jsonl"),
                             "utf-16le": spec(encoding="utf-16le")}.items():
            self.specs[name] = folder / f"{name}.json"
            self.specs[name].write_text(json.dumps(wanted))

    def ours(self, how, spec_name, file):
        return [self.program, how, str(self.specs[spec_name]), str(file)]

    def make(self, kind):
        """A file of one kind: its header once, then its rows until it is large enough."""
        content = KINDS[kind]
        header = HEADER if kind != "utf-16le" else HEADER.decode().encode("utf-16le")
        header = header.replace(b"\n", b"\r\n") if kind == "crlf" else header
        header = b"" if kind == "jsonl" else header
        rows = content[len(header):]
        path = self.folder / f"{kind}.csv"
        many = rows * (BLOCK_BYTES // len(rows))
        with path.open("wb") as file:
            file.write(header)
            while file.tell() < self.size_bytes:
                file.write(many)
        return path

    def compare(self, title, commands, baselines):
        """Runs every command once a round; prints medians, and ratios to the baselines named."""
        print(f"\n{title}")
        runs = {name: [] for name in commands}
        for _ in range(self.rounds):
            for name, (command, file) in commands.items():
                runs[name].append(cpu_seconds(command) / (file.stat().st_size / 1e6))
        for name, taken in runs.items():
            ratios = "".join(
                f"   {statistics.median(a / b for a, b in zip(taken, runs[base])):6.2f}x {base}"
                for base in baselines if base != name)
            print(f"  {name:34} {1 / statistics.median(taken):7.0f} MB/s a core{ratios}")


def cpu_seconds(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[:2]} ended with {process.returncode}: the figures would mean nothing")
    return usage.ru_utime + usage.ru_stime


def compare_with_others(bench, plain):
    commands = {
        "wc -l": (["wc", "-l", str(plain)], plain),
        "sha256sum": (["sha256sum", str(plain)], plain),
        "Python's csv": ([sys.executable, "-c", PYTHON_CSV, str(plain)], plain),
    }
    for name, how, spec_name in [("SHA-256 alone", "hash", "typed"), ("records", "records", "typed"),
                                 ("rows checked, typed", "check", "typed"),
                                 ("rows checked + SHA-256, one pass", "check+hash", "typed"),
                                 ("rows checked, all text", "check", "text"),
                                 ("rows to JSON, typed", "json", "typed"),
                                 ("rows to JSON, all text", "json", "text")]:
        commands[name] = (bench.ours(how, spec_name, plain), plain)
    bench.compare(f"plain rows, {plain.stat().st_size / 1e6:.0f} MB; a ratio below 1 is less time than the other takes",
                  commands, ["wc -l", "sha256sum", "Python's csv"])


def compare_kinds(bench, files):
    for title, how in [("records of other kinds", "records"), ("rows of other kinds, checked", "check"),
                       ("rows of other kinds, to JSON", "json")]:
        commands = {kind: (bench.ours(how, kind if kind in bench.specs else "typed", file), file)
                    for kind, file in files.items() if how != "records" or kind not in ("jsonl", "utf-16le")}
        bench.compare(title, commands, ["plain"])


def show_memory(bench, stream_gb):
    """Peak memory over a long stream that nobody keeps, and over the longest record there may be."""
    header_and_rows = KINDS["plain"]
    rows = header_and_rows[len(HEADER):]
    block = rows * (BLOCK_BYTES // len(rows))
    print("\npeak memory of the process")
    worst = [
        peak(bench, f"{stream_gb} GB of plain rows, checked + SHA-256", "check+hash", "typed",
             [HEADER], block, stream_gb * 10**9 // len(block)),
    ]
    utf16 = block.decode().encode("utf-16le")
    worst.append(peak(bench, "1 GB of UTF-16, checked", "check", "utf-16le",
                      [HEADER.decode().encode("utf-16le")], utf16, 10**9 // len(utf16)))
    long_field = b"x" * (RECORD_BYTES_MAX - 64)
    for name, how in [("checked", "check"), ("to JSON", "json")]:
        worst.append(peak(bench, f"records of 2 MiB, {name}", how, "text",
                          [HEADER], b"1," + long_field + b",EA,1,1,2026-11-20\n", 20))
    return 0 if max(worst) <= LIMIT_MB else 1


def peak(bench, title, how, spec_name, head, block, count):
    process = subprocess.Popen(bench.ours(how, spec_name, "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write():
        with process.stdin as pipe:
            for piece in head:
                pipe.write(piece)
            for _ in range(count):
                pipe.write(block)

    writer = threading.Thread(target=write)
    writer.start()
    answer = json.loads(process.stdout.read())
    writer.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_mb = usage.ru_maxrss * 1024 / 1e6
    print(f"  {title:44} {peak_mb:6.1f} MB   (limit {LIMIT_MB}; {answer['bytes'] / 1e9:.2f} GB, "
          f"{answer['records']} records, exit {process.returncode})")
    return peak_mb if process.returncode == 0 else float("inf")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--size-mb", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stream-gb", type=int, default=10)
    arguments = parser.parse_args()
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-reader-", dir=where))
    try:
        bench = Bench(folder, arguments.programs, arguments.size_mb, arguments.rounds)
        plain = bench.make("plain")
        compare_with_others(bench, plain)
        bench.size_bytes //= 4
        compare_kinds(bench, {kind: bench.make(kind) for kind in KINDS})
        return show_memory(bench, arguments.stream_gb)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
