"""Runs campaigns and prints one table, promise by promise.

    python tests/nightly/night.py [--small] [--only WORD] [--share S] [--seed N]

Ends with status 1 if a promise was broken.  A campaign is called with its number of trials and a
random generator, and returns the trials it made, the failures, and a note; a failure is printed
with what is needed to see it again.
"""

import argparse
import random
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

import bits  # noqa: E402
import durability  # noqa: E402
import processes  # noqa: E402
import resources  # noqa: E402

CAMPAIGNS = [
    *durability.CAMPAIGNS,
    *bits.CAMPAIGNS,
    *processes.CAMPAIGNS,
    *resources.CAMPAIGNS,
]


def main():
    """Run the campaigns; return the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few trials of each")
    parser.add_argument("--only", default="", help="campaigns whose promise has this word")
    parser.add_argument("--share", type=float, default=1.0, help="of the trials of a night")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    rows = []
    for promise, campaign, night, small in CAMPAIGNS:
        if options.only in promise:
            trials = small if options.small else max(small, int(night * options.share))
            begin = time.perf_counter()
            made, failures, note = campaign(trials, random.Random(options.seed))
            rows.append((promise, made, failures, time.perf_counter() - begin, note))
            print(f"{promise}: {made:,} trials, {failures} failures; {note}", flush=True)
    print("\n| promise | trials | seconds | what was tried | failures |\n|---|---|---|---|---|")
    for promise, made, failures, seconds, note in rows:
        print(f"| {promise} | {made:,} | {seconds:.0f} | {note} | {failures} |")
    return int(any(failures for _, _, failures, _, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
