"""What the drivers of tests/fault have in common on their command lines; the environment gives defaults."""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile


def parser(description):
    new = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument("--programs", type=pathlib.Path, default=os.environ.get("WAYBILL_PROGRAMS"),
                     required="WAYBILL_PROGRAMS" not in os.environ, help="folder of waybill and waybill-central")
    new.add_argument("--server", default=os.environ.get("WAYBILL_TEST_POSTGRES"),
                     help="address of a PostgreSQL to use; none: one of our own")
    new.add_argument("--seed", type=int, default=int(os.environ.get("WAYBILL_SEED") or random.SystemRandom().randrange(1 << 32)))
    new.add_argument("--keep", action="store_true", help="keep the folder")
    return new


def in_folder(args, run):
    """Runs run(args, folder) -> bool in a new folder, which stays when something was wrong. An exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended also then
    folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-fault-"))
    good = False
    try:
        good = run(args, folder)
    finally:
        if good and not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept: {folder}", flush=True)
    return 0 if good else 1
