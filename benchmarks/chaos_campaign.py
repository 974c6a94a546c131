"""Kill -9 of the workers of a real campaign, at random moments, and compare with an undisturbed run of it.

    python benchmarks/chaos_campaign.py tests/integration/small.yaml --kills 12

The stages are those of the quickstart (potentials, MD, labels of a teacher, trainings), in small sizes. ``chaos.py``
has cheap jobs instead, so that more can be killed, and kills the server, too.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chaos import COLUMNS, Setting, children_of, digest  # noqa: E402 (beside this file)
from chaos_processes import CAMPAIGN_RUNNER  # noqa: E402

VOLATILE = ("resources", "software", "reused_from", "folder", "hostname")
TIMES = ("wall_time", "cpu_time", "per_day", "per_second", "_at")
"""Parts of the names of fields that tell when or how fast something was computed."""


Documents = dict[str, tuple[str, dict[str, str]]]
"""Class and hash of each field, by key."""


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


def content(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """A document without what two undisturbed runs do not share: times, places, versions."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in VOLATILE}
        return {name: content(part) for name, part in kept.items() if not any(word in name for word in TIMES)}
    return [content(part) for part in value] if isinstance(value, list | tuple) else value


def documents_of(setting: CampaignSetting) -> tuple[Documents, int]:
    """All documents, and how many copies beyond the first there are."""
    from superionic.database.stores import job_store

    store = job_store(setting.choice)
    store.connect()
    places = Counter((row["uuid"], row["index"]) for row in store.docs_store.query({}, properties=["uuid", "index"]))
    found = {}
    for uuid, index in places:
        output = store.query_one({"uuid": uuid, "index": index}, load=True)["output"]
        if isinstance(output, dict) and output.get("key"):
            fields = {name: digest(part) for name, part in content(output).items()}
            found[output["key"]] = (str(output["@class"]), fields)
    return found, sum(places.values()) - len(places)


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


def row_of(
    setting: CampaignSetting, expected: dict[str, tuple[str, dict[str, str]]]
) -> tuple[tuple[str, ...], list[str]]:
    """One row of the table, and which fields of which classes differ."""
    from superionic.launch.launchpad import launchpad

    pad = launchpad(setting.choice)
    found, duplicates = documents_of(setting)
    differing: Counter[str] = Counter()
    wrong = 0
    for key, (name, fields) in expected.items():
        other = found.get(key, (name, fields))[1]
        names = sorted(field for field in fields.keys() | other.keys() if fields.get(field) != other.get(field))
        wrong += bool(names)
        differing.update(f"{name}.{field}" for field in names)
    jobs, launches = pad.fireworks.count_documents({}), pad.launches.count_documents({})
    unfinished = pad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}})
    extra = len(found.keys() - expected.keys()) + duplicates
    numbers = (jobs, len(expected), len(expected.keys() - found.keys()), wrong, extra, unfinished, launches - jobs)
    return tuple(map(str, numbers)), [f"{name}: {n}" for name, n in differing.most_common()]


def main() -> int:
    """Print the table; 1 if anything is lost, extra or unfinished."""
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
            bad |= any(row[column] != "0" for column in (2, 4, 5))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
