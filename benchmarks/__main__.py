"""Run every benchmark of this folder, or those named: ``python -m benchmarks discrimination``.

Each module ``bench_NAME.py`` has ``run()``, which yields rows with job, size, peer, peer_seconds,
ours_seconds, ratio and agreement. The table goes to stdout, and to benchmarks/results/NAME.json.
"""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
HEADER = ("job", "size", "peer", "peer s", "ours s", "ratio", "agreement")


def main(wanted):
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(names)}.")
    print(" | ".join(HEADER))
    for name in names:
        if wanted and name not in wanted:
            continue
        rows = list(importlib.import_module(f"benchmarks.bench_{name}").run())
        for row in rows:
            print(" | ".join(cells(row)), flush=True)
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        text = json.dumps(rows, indent=1, default=str)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def cells(row):
    numbers = (row.get("peer_seconds"), row.get("ours_seconds"), row.get("ratio"))
    shown = ["-" if value is None else f"{value:.3g}" for value in numbers]
    return [str(row["job"]), str(row["size"]), str(row["peer"]), *shown, str(row["agreement"])]


if __name__ == "__main__":
    main(sys.argv[1:])
