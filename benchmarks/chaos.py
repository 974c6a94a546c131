"""What is lost when workers, the database server or the disk fail: measured on real workers and a real mongod.

Each scenario runs a campaign of cheap jobs on a database of its own, disturbs it, lets ``superionic reconcile`` and new
workers go on, and compares every document, arrays included, with those of an undisturbed run.

    python benchmarks/chaos.py                      # 50 kills of workers, 10 of the server, 5 to 180 s away
    python benchmarks/chaos.py --kills 8 --server-kills 2 --away 2 6 --minutes 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from chaos_processes import OTHER_CODE, RUNNER  # noqa: E402 (beside this file)

KEY = "chaos"
MOST_HITS = 2
"""A job that takes its worker down three times counts as failed by design, so none is hit more often."""
VOLATILE = ("resources", "software", "reused_from")


@dataclass
class Size:
    """Size of the campaigns: groups of children, and the time of each job, s."""

    groups: int = 5
    children: int = 8
    seconds: float = 0.2
    workers: int = 2


@dataclass
class Setting:
    """One scenario: its folder, its database, what was done to it."""

    home: Path
    folder: Path
    uri: str
    database: str
    size: Size = field(default_factory=Size)
    disturbed: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def choice(self) -> Any:  # noqa: ANN401 (DatabaseChoice)
        """The database, by URI: nobody but this script starts its server again."""
        from superionic.database.stores import resolve_database

        return resolve_database(self.folder, self.uri, database=self.database)

    def submit(self) -> None:
        """Put the campaign on the queue."""
        import chaos_jobs

        from superionic.database.indexes import ensure_indexes
        from superionic.database.stores import job_store
        from superionic.launch.launchpad import launchpad
        from superionic.launch.submit import submit_flow

        flow = chaos_jobs.campaign(self.size.groups, self.size.children, str(self.folder), self.size.seconds)
        ensure_indexes(job_store(self.choice))
        submit_flow(flow, launchpad(self.choice), KEY, self.database)

    def start(self, n: int | None = None) -> subprocess.Popen[str]:
        """Start workers in a process of their own, as the command line does."""
        command = [sys.executable, "-c", RUNNER, str(self.folder), self.uri, self.database, str(n or self.size.workers)]
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        log = (self.folder / "runner.log").open("a")
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "PYTHONPATH": path}
        )

    def work(self) -> tuple[bool, str | None]:
        """Run workers until nothing is left to run; whether all is done, and the problem if there was one."""
        answer = self.start().communicate()[0].strip().splitlines()
        if not answer:
            return False, "the runner died: " + (self.folder / "runner.log").read_text()[-300:]
        succeeded, problem = json.loads(answer[-1])
        return succeeded, problem

    def reconcile(self, *rerun: str) -> Any:  # noqa: ANN401 (RepairReport)
        """What ``superionic reconcile --apply`` does."""
        from superionic.database.stores import job_store
        from superionic.launch.launchpad import launchpad
        from superionic.launch.reconcile import repair

        store = job_store(self.choice)
        store.connect()
        return repair(launchpad(self.choice), KEY, store, rerun=rerun)

    def finish(self) -> None:
        """Go on until the campaign is complete, at most five times."""
        for _ in range(5):
            succeeded, problem = self.work()
            if succeeded:
                return
            done = self.reconcile("WorkerDiedError")
            self.notes.append(f"{problem or 'unfinished'}; reconcile: {done.describe()}")

    def events(self) -> list[list[str]]:
        """Begins and ends of computations."""
        path = self.folder / "trace"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Result:
    """What came of a scenario."""

    jobs: int
    documents: dict[str, str]
    duplicates: int
    unfinished: int
    begun: int
    ended: int
    at_once: int
    left_on_disk: int


def digest(output: Any) -> str:  # noqa: ANN401 (any JSON)
    """Hash of an output without what differs between two runs of the same job."""
    if isinstance(output, dict):
        output = {name: value for name, value in output.items() if name not in VOLATILE}
    return hashlib.sha256(json.dumps(output, sort_keys=True, default=str).encode()).hexdigest()[:16]


def inspect(setting: Setting) -> Result:
    """All documents with their arrays, and how often things were computed."""
    from superionic.database.saved_outputs import find_outputs
    from superionic.database.stores import job_store
    from superionic.launch.launchpad import launchpad

    store, pad = job_store(setting.choice), launchpad(setting.choice)
    store.connect()
    places = [(row["uuid"], row["index"]) for row in store.docs_store.query({}, properties=["uuid", "index"])]
    documents = {}
    for uuid, index in dict.fromkeys(places):
        row = store.query_one({"uuid": uuid, "index": index}, load=True)  # KeyError if an array is missing
        output = row["output"]
        if isinstance(output, dict) and output.get("key"):
            documents[output["key"]] = digest(output)
    events = setting.events()
    folders = [path for path in (setting.folder / "launches").glob("launcher_*") if find_outputs(path)]
    return Result(
        jobs=pad.fireworks.count_documents({}),
        documents=documents,
        duplicates=len(places) - len(set(places)),
        unfinished=pad.fireworks.count_documents({"state": {"$ne": "COMPLETED"}}),
        begun=sum(event[0] == "begin" for event in events),
        ended=sum(event[0] == "end" for event in events),
        at_once=at_once(events),
        left_on_disk=len(folders),
    )


def at_once(events: list[list[str]]) -> int:
    """Computations that began while another process was at the same one, and came to its end later."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    begun: dict[tuple[str, str], float] = {}
    for event, name, pid, moment in events:
        if event == "begin":
            begun[name, pid] = float(moment)
        else:
            spans[name].append((begun[name, pid], float(moment)))
    starts = [(name, float(moment)) for event, name, _, moment in events if event == "begin"]
    return sum(low < moment < high for name, moment in starts for low, high in spans[name])


def children_of(pid: int) -> list[int]:
    """Worker processes of a runner."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def undisturbed(setting: Setting) -> None:
    """The yardstick."""
    setting.submit()
    setting.disturbed = "nothing"
    setting.finish()


def killed_workers(setting: Setting, kills: int, after_s: float, deadline: float, rng: random.Random) -> None:
    """Kill -9 of a worker at random moments from the begin of one of its jobs to ``after_s`` later."""
    setting.submit()
    hits: Counter[str] = Counter()
    seen = 0
    runner = setting.start()
    while hits.total() < kills and time.monotonic() < deadline and runner.poll() is None:
        time.sleep(0.05)
        events = setting.events()
        begun = [int(pid) for event, _, pid, _ in events[seen:] if event == "begin"]
        if not begun:  # a worker that has not come to its first job would prove little
            continue
        time.sleep(rng.uniform(0.0, after_s))
        seen = len(events)
        last = [name for _, name, pid, _ in setting.events() if int(pid) == begun[-1]][-1]
        if begun[-1] in children_of(runner.pid) and hits[last] < MOST_HITS:
            os.kill(begun[-1], signal.SIGKILL)
            hits[last] += 1
    runner.communicate()
    setting.disturbed = f"{hits.total()} kills of workers"
    setting.finish()


def killed_server(setting: Setting, kills: int, spans: list[list[float]], deadline: float, rng: random.Random) -> None:
    """Kill -9 of mongod at random moments, the first after a job has begun; it comes back later."""
    from superionic.database.files import wait_until
    from superionic.database.local import ensure_server, find_server

    setting.submit()
    away_s, pause_s = spans
    runner, times = setting.start(), []
    wait_until(lambda: bool(setting.events()) or runner.poll() is not None, 600)
    while len(times) < kills and time.monotonic() < deadline and runner.poll() is None:
        time.sleep(rng.uniform(*pause_s))
        server = find_server(setting.home)
        if server is None or runner.poll() is not None:
            continue
        os.kill(server.pid, signal.SIGKILL)
        times.append(math.exp(rng.uniform(math.log(away_s[0]), math.log(away_s[1]))))
        time.sleep(times[-1])
        ensure_server(setting.home, keep=True)
    runner.communicate()
    span = f"{min(times):.0f} to {max(times):.0f} s" if times else "-"
    setting.disturbed = f"{len(times)} kills of mongod, away {span}"
    setting.finish()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own in a folder (needs root); yields a function that changes its size."""
    folder.mkdir(parents=True)

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)

    mount(f"size={size}")
    try:
        yield lambda larger: mount(f"remount,size={larger}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def full_disk(setting: Setting, kB: int) -> None:
    """The disk of the run folders fills up in the middle of the campaign; later there is space."""
    setting.submit()
    with small_disk(setting.folder / "launches", f"{kB}k") as grow:
        _, problem = setting.work()
        full = problem and "no space" in problem
        setting.disturbed = f"disk of {kB} kB full" if full else f"{kB} kB not full: {problem}"
        grow("64m")
        setting.finish()


def race(setting: Setting) -> None:
    """More workers than jobs, all looking for work all the time."""
    setting.disturbed = "4 workers, jobs of no length"
    setting.size = Size(setting.size.groups, setting.size.children, seconds=0.0, workers=4)
    setting.submit()
    setting.finish()


def other_code(setting: Setting) -> None:
    """A worker of an older release, and one that lacks the modules of the jobs, among good ones."""
    setting.submit()
    launches = setting.folder / "launches"
    launches.mkdir(parents=True, exist_ok=True)
    options = ["--launchpad", str(setting.choice.launchpad_file), "--launch-dir", str(launches), "--sleep", "0.1"]
    from superionic.database.stores import environment

    env = {**os.environ, **environment(setting.choice)}
    old = subprocess.run([sys.executable, "-c", OTHER_CODE, *options, "--idle", "1"], env=env, check=False)
    took = len(setting.events())
    poor = subprocess.Popen([sys.executable, "-m", "superionic.launch.worker_main", *options], env=env)
    time.sleep(3.0)
    setting.finish()
    poor.send_signal(signal.SIGTERM)
    poor.wait()
    setting.disturbed = f"older worker (status {old.returncode}, took {took}), worker without the code"


def judge(setting: Setting, yardstick: Result | None) -> tuple[str, ...]:
    """One row of the table."""
    found = inspect(setting)
    expected = (yardstick or found).documents
    lost = len(expected.keys() - found.documents.keys())
    wrong = sum(found.documents.get(key, value) != value for key, value in expected.items())
    extra = len(found.documents.keys() - expected.keys()) + found.duplicates
    again = found.begun - (yardstick or found).begun
    numbers = (
        found.jobs,
        len(expected),
        lost,
        wrong,
        extra,
        found.unfinished,
        again,
        found.at_once,
        found.left_on_disk,
    )
    return tuple(map(str, numbers))


COLUMNS = ("jobs", "documents", "lost", "wrong", "extra", "unfinished", "computed again", "at once", "left on disk")


def run(arguments: argparse.Namespace, report: Callable[[str], None] = print) -> dict[str, tuple[str, ...]]:
    """All scenarios; the rows of the table by name."""
    from superionic.database.local import lease

    rng = random.Random(arguments.seed)  # noqa: S311 (moments, not secrets)
    size, spans = Size(arguments.groups, arguments.children, arguments.seconds), [arguments.away, arguments.pause]
    after_s = 2 * size.seconds + 1.0 if arguments.after is None else arguments.after

    def limit() -> float:
        return time.monotonic() + 60 * arguments.minutes

    scenarios: dict[str, Callable[[Setting], None]] = {
        "undisturbed": undisturbed,
        "workers killed": lambda s: killed_workers(s, arguments.kills, after_s, limit(), rng),
        "server killed": lambda s: killed_server(s, arguments.server_kills, spans, limit(), rng),
        "disk full": lambda s: full_disk(s, arguments.disk),
        "race": race,
        "other code": other_code,
    }
    chosen = {
        name: act for name, act in scenarios.items() if name in {"undisturbed", *arguments.only} or not arguments.only
    }
    rows: dict[str, tuple[str, ...]] = {}
    yardsticks: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder, lease(Path(folder) / "server") as server:
        report(f"{'scenario':<15} " + " ".join(f"{column:>14}" for column in COLUMNS) + "  wall/s  disturbed by")
        for number, (name, act) in enumerate(chosen.items()):
            home = Path(folder) / name.replace(" ", "-")
            home.mkdir()
            setting = Setting(Path(folder) / "server", home, server.uri, f"chaos_{number}", size)
            began = time.monotonic()
            try:
                act(setting)
            except subprocess.CalledProcessError as error:  # no right to mount
                report(f"{name:<15} not run: {error.stderr.decode(errors='replace').strip()}")
                continue
            if name == "undisturbed":
                yardsticks[name] = inspect(setting)
            rows[name] = judge(setting, yardsticks.get("undisturbed"))
            wall_s = time.monotonic() - began
            cells = " ".join(f"{cell:>14}" for cell in rows[name])
            report(f"{name:<15} {cells}  {wall_s:6.0f}  {setting.disturbed}")
            for note in setting.notes:
                report(f"    {note}")
    return rows


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="kills of workers")
    parser.add_argument("--after", type=float, help="longest time from a job's begin to a kill, s (well past its end)")
    parser.add_argument("--server-kills", type=int, default=10, help="kills of the server")
    parser.add_argument("--away", type=float, nargs=2, default=(5.0, 180.0), help="shortest and longest absence, s")
    parser.add_argument("--pause", type=float, nargs=2, default=(1.0, 6.0), help="time before each of them, s")
    parser.add_argument("--disk", type=int, default=300, help="size of the disk that fills up, kB")
    parser.add_argument("--minutes", type=float, default=60.0, help="no new kills after this time, per scenario")
    parser.add_argument("--groups", type=int, default=5, help="groups of jobs")
    parser.add_argument("--children", type=int, default=8, help="dynamic children of each group")
    parser.add_argument("--seconds", type=float, default=0.2, help="time of each job, s")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--only", nargs="*", default=[], help="scenarios, e.g. 'disk full'")
    return parser.parse_args(argv)


def main() -> int:
    """Print the table; 1 if anything is lost, wrong, extra or unfinished."""
    rows = run(parse())
    return int(any(cell != "0" for row in rows.values() for cell in (*row[2:6], row[7])))


if __name__ == "__main__":
    sys.exit(main())
