"""All benchmarks of README's table, one after the other: `make bench`, or `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from benchmarks.turns import ROOT

# name -> what it takes in a full run; each writes benchmarks/results/NAME.json
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "keras_tuner_digits": (),
    "kept_structure": (),
    "cifar_epoch": (),
    "coordination": (),
    "first_trial": (),
    "commands": (),
    "memory_cifar": (),
    "slots_busy": (),
    "dashboard": ("--rounds", "1"),
    "viewers": ("--rounds", "1"),
}


def main() -> None:
    """Run them, then write README's table. Exit code 1 where one failed; the others are run all the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    names = parser.parse_args().names or list(BENCHMARKS)
    failed = []
    for name in names:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name]], cwd=ROOT)
        print(f"== {name}: {time.monotonic() - began:.0f} s\n", flush=True)
        failed += [name] if done.returncode else []
    subprocess.run([sys.executable, "-m", "benchmarks.readme_figures"], cwd=ROOT, check=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
