"""`python bench/compare.py old.json new.json`: what changed between two runs of `fastnn bench`."""

import sys

from fastnn.bench.compare import main

if __name__ == "__main__":
    sys.exit(main())
