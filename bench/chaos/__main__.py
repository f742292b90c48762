"""`python -m bench.chaos`: exit code 0 only if every invariant held."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench.chaos.plants import Plant
from bench.chaos.run import Options, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides ticks and faults")
    parser.add_argument("--minutes", type=float, default=5, help="how long there are faults")
    parser.add_argument("--kills", type=int, default=0, help="at least so many SIGKILLs of the jobs")
    parser.add_argument("--rate", type=float, default=200, help="ticks a second")
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--plant", choices=list(Plant), type=Plant, help="a fault that has to be found")
    parser.add_argument("--logs", type=Path, help="a folder for what the processes have said")
    given = parser.parse_args()
    options = Options(given.seed, given.minutes, given.kills, given.rate, given.symbols, given.plant, given.logs)
    print(options, flush=True)
    return 1 if run(options, lambda text: print(text, flush=True)) else 0


if __name__ == "__main__":
    sys.exit(main())
