"""Kill -9 of the workers of a real campaign, at random moments, and compare with an undisturbed run of it.

    python benchmarks/chaos_campaign.py tests/integration/small.yaml --kills 12

The stages are those of the quickstart (potentials, MD, labels of a teacher, trainings), in small sizes. ``chaos.py``
has cheap jobs instead, so that more can be killed, and kills the server, too.

Documents are compared by job and class, not by key, and numbers up to a tolerance: torch compiles a potential during
the first jobs of a process, so that results depend in their last digits on which jobs a worker had before.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chaos import COLUMNS, Setting, children_of  # noqa: E402 (beside this file)
from chaos_processes import CAMPAIGN_RUNNER  # noqa: E402

VOLATILE = ("resources", "software", "reused_from", "folder", "hostname", "seconds", "xyz")
"""Fields that differ between undisturbed runs; Cartesian coordinates repeat the fractional ones."""
TIMES = ("wall_time", "cpu_time", "per_day", "per_second", "_at")
"""Parts of the names of fields that tell when or how fast something was computed."""


HASH = re.compile(r"[0-9a-f]{12,}(:\d+)?")
PERIODIC = re.compile(r"\.abc\[\d\]$")
LONG_TEXT = 300
TOLERANCE = 1e-3
Documents = dict[str, dict[str, Any]]
"""Leaves of the documents, by class and job."""


@dataclass
class CampaignSetting(Setting):
    """A run of a campaign file."""

    spec: Any = None

    def submit(self) -> None:
        """Put the campaign on the queue."""
        from superionic.launch.campaigns import submit_campaign

        submit_campaign(self.choice, self.spec)

    def start(self, n: int | None = None) -> subprocess.Popen[str]:
        """Start workers in a process of their own, as the command line does."""
        command = [sys.executable, "-c", CAMPAIGN_RUNNER, str(self.folder), self.uri, self.database]
        command += [str(n or self.size.workers), self.spec.key]
        log = (self.folder / "runner.log").open("a")
        own = {f"SUPERIONIC_{name}_DIR": str(self.folder / name.lower()) for name in ("TRAINING", "MD")}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **own})

    def reconcile(self, *rerun: str) -> Any:  # noqa: ANN401 (RepairReport)
        """What ``superionic reconcile --apply`` does."""
        from superionic.database.stores import job_store
        from superionic.launch.launchpad import launchpad
        from superionic.launch.reconcile import repair

        store = job_store(self.choice)
        store.connect()
        return repair(launchpad(self.choice), self.spec.key, store, rerun=rerun)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (any JSON)
    """Numbers and words of a document, without what two undisturbed runs do not share: times, places, hashes."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in VOLATILE and not any(word in name for word in TIMES):
                yield from leaves(part, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from leaves(part, f"{path}[{index}]")
    elif isinstance(value, int | float) or (
        isinstance(value, str) and len(value) < LONG_TEXT and not HASH.search(value)
    ):
        yield path, value


def deviation(one: dict[str, Any], other: dict[str, Any]) -> tuple[float, str]:
    """Largest difference of two documents, relative where a number is above 1, and its place."""
    worst = (0.0, "")
    for path in one.keys() | other.keys():
        a, b = one.get(path), other.get(path)
        numbers = all(isinstance(value, int | float) for value in (a, b))
        if not numbers:
            gap = float("inf")
        elif PERIODIC.search(path):  # the same place in another cell
            gap = abs(abs(a - b) - round(abs(a - b)))
        else:
            gap = abs(a - b) / max(1.0, abs(a))
        worst = max(worst, (0.0 if a == b else gap, path))
    return worst


def documents_of(setting: CampaignSetting) -> tuple[Documents, int]:
    """All documents, and how many there are beyond one for each job."""
    from superionic.database.stores import job_store

    store = job_store(setting.choice)
    store.connect()
    found: Documents = {}
    surplus = 0
    for row in store.query({"output.key": {"$exists": True}}, load=True):
        name = f"{row['output']['@class']} of {row['name']}"
        surplus += name in found
        found[name] = dict(leaves(row["output"]))
    return found, surplus


def kill_at_random(setting: CampaignSetting, kills: int, rng: random.Random) -> int:
    """Run the campaign and kill -9 one of its workers every few seconds; the number of kills."""
    setting.submit()
    runner, done = setting.start(), 0
    while done < kills and runner.poll() is None:
        time.sleep(rng.uniform(5.0, 40.0))
        workers = children_of(runner.pid)
        if workers and runner.poll() is None:
            os.kill(rng.choice(workers), signal.SIGKILL)
            done += 1
    runner.communicate()
    setting.finish()
    return done


def row_of(setting: CampaignSetting, expected: Documents) -> tuple[tuple[str, ...], list[str]]:
    """One row of the table, and the largest differences by class."""
    from superionic.launch.launchpad import launchpad

    pad = launchpad(setting.choice)
    found, surplus = documents_of(setting)
    gaps = {name: deviation(expected[name], found[name]) for name in expected.keys() & found.keys()}
    worst: dict[str, tuple[float, str]] = {}
    for name, gap in gaps.items():
        kind = name.partition(" of ")[0]
        worst[kind] = max(worst.get(kind, gap), gap)
    jobs, launches = pad.fireworks.count_documents({}), pad.launches.count_documents({})
    unfinished = pad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}})
    wrong = sum(gap > TOLERANCE for gap, _ in gaps.values())
    extra = len(found.keys() - expected.keys()) + surplus
    numbers = (jobs, len(expected), len(expected.keys() - found.keys()), wrong, extra, unfinished, launches - jobs)
    return tuple(map(str, numbers)), [f"{kind}: {gap:.1e} {path}" for kind, (gap, path) in worst.items() if gap]


def main() -> int:
    """Print the table; 1 if anything is lost, wrong, extra or unfinished."""
    from superionic.database.local import lease
    from superionic.spec import ElectrolyteSpec

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--repeat", action="store_true", help="a second undisturbed run: what differs by itself")
    given = parser.parse_args()
    spec, rng = ElectrolyteSpec.from_file(given.spec), random.Random(given.seed)  # noqa: S311 (moments, not secrets)
    expected: Documents = {}
    bad = False
    with tempfile.TemporaryDirectory() as folder, lease(Path(folder) / "server") as server:
        print(
            f"{'scenario':<12} " + " ".join(f"{column:>14}" for column in COLUMNS[:7]) + "  wall/s  kills", flush=True
        )
        for name, kills in {"undisturbed": 0, **({"again": 0} if given.repeat else {}), "killed": given.kills}.items():
            home = Path(folder) / name
            home.mkdir()
            setting = CampaignSetting(Path(folder) / "server", home, server.uri, f"chaos_{name}", spec=spec)
            began = time.monotonic()
            done = kill_at_random(setting, kills, rng)
            expected = expected or documents_of(setting)[0]
            row, differing = row_of(setting, expected)
            cells = " ".join(f"{cell:>14}" for cell in row)
            print(f"{name:<12} {cells}  {time.monotonic() - began:6.0f}  {done}", flush=True)
            for note in [*setting.notes, *differing]:
                print(f"    {note}", flush=True)
            bad |= any(row[column] != "0" for column in (2, 3, 4, 5))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
