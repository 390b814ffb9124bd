"""A storm over the whole of Kogge, and then calm: `python -m tests.faults sqlite|postgres`.

`KOGGE_FAULTS_SEED` repeats a storm as far as chance goes, `KOGGE_FAULTS_ORDERS` and `KOGGE_FAULTS_SECONDS`
say how large it is.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SEED = int(os.environ.get("KOGGE_FAULTS_SEED") or random.SystemRandom().randrange(10**6))
ORDERS = int(os.environ.get("KOGGE_FAULTS_ORDERS") or 2000)
LOGS = Path(tempfile.gettempdir()) / "kogge-faults"  # of a storm that broke something
SECONDS = float(os.environ.get("KOGGE_FAULTS_SECONDS") or 100)


def main() -> int:
    databases = sys.argv[1:] or ["sqlite", "postgres"]
    if len(databases) > 1:  # Django knows one database a process
        return max(subprocess.call([sys.executable, "-m", "tests.faults", one]) for one in databases)
    [database] = databases
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kogge-faults-", ignore_cleanup_errors=True) as home:
        from tests.faults.disk import SmallDisk

        with SmallDisk(Path(home) / "disk") as disk:
            figures, complaints = _storm(database, disk, Path(home))
    figures |= {"database": database, "seed": SEED, "seconds": round(time.monotonic() - began)}
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.writelines(f"BROKEN: {complaint}\n" for complaint in complaints[:40])
    return 1 if complaints else 0


def _storm(database: str, disk: object, home: Path) -> tuple[dict[str, object], list[str]]:
    from tests.faults.disk import SmallDisk
    from tests.faults.storm import Storm

    assert isinstance(disk, SmallDisk)
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {database}, seed {SEED}\n")
    complaints = ["it broke off"]
    try:
        with Storm(database, disk, home, random.Random(SEED), orders=ORDERS) as storm:
            storm.blow(SECONDS)
            storm.lose_machines()
            storm.calm()
            complaints = storm.complaints()
            return storm.figures(), complaints
    finally:
        if complaints:  # what the processes said is worth a look then
            shutil.copytree(home, LOGS / database, ignore=shutil.ignore_patterns("disk"), dirs_exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
