"""Runs campaigns and prints one table, promise by promise.

    python tests/nightly/night.py [--small] [--only WORD] [--share S] [--seed N] [--jobs N]

Ends with status 1 if a promise was broken.  A campaign is called with its number of trials and a
random generator, and returns the trials it made, the failures, and a note; a failure is printed
with what is needed to see it again.  Each is a process of its own; those that measure time run one
by one, after the others.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time
import traceback
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

import bits  # noqa: E402
import crowding  # noqa: E402
import durability  # noqa: E402
import processes  # noqa: E402
import resources  # noqa: E402
import shapes  # noqa: E402
import suites  # noqa: E402

CAMPAIGNS = [
    *durability.CAMPAIGNS,
    *bits.CAMPAIGNS,
    *shapes.CAMPAIGNS,
    *suites.CAMPAIGNS,
    *processes.CAMPAIGNS,
    *resources.CAMPAIGNS,
    *crowding.CAMPAIGNS,
]


#: Classes of promises about time.
TIMED = ("signals", "speed")


def run(options, number):
    """Run a campaign; return the row of the table."""
    promise, campaign, night, small = CAMPAIGNS[number]
    trials = small if options.small else max(small, int(night * options.share))
    begin = time.perf_counter()
    try:
        made, failures, note = campaign(trials, random.Random(options.seed))
    except Exception:  # the others go on
        traceback.print_exc()
        made, failures, note = 0, 1, "the campaign itself failed"
    print(f"{promise}: {made:,} trials, {failures} failures; {note}", flush=True)
    return promise, made, failures, time.perf_counter() - begin, note


def run_all(options, numbers, jobs):
    """Run campaigns, so many at a time, each in a fresh process; return their rows."""
    if len(numbers) == 1:  # this one is fresh
        return [run(options, numbers[0])]
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        return pool.map(partial(run, options), numbers, chunksize=1)


def main():
    """Run the campaigns; return the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few trials of each")
    parser.add_argument("--only", default="", help="campaigns whose promise has this word")
    parser.add_argument("--share", type=float, default=1.0, help="of the trials of a night")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="campaigns at a time")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    begin = time.perf_counter()
    chosen = [n for n, (promise, *_) in enumerate(CAMPAIGNS) if options.only in promise]
    timed = [n for n in chosen if CAMPAIGNS[n][0].startswith(TIMED)]
    rows = run_all(options, [n for n in chosen if n not in timed], options.jobs)
    rows += run_all(options, timed, 1)
    print("\n| promise | trials | seconds | what was tried | failures |\n|---|---|---|---|---|")
    for promise, made, failures, seconds, note in rows:
        print(f"| {promise} | {made:,} | {seconds:.0f} | {note} | {failures} |")
    print(f"\n{(time.perf_counter() - begin) / 60:.0f} minutes")
    return int(any(failures for _, _, failures, _, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
