"""Distil `superionic-mini`, a small MACE, from CHGNet 0.3.0.

Run the sub-commands in this order (each can be repeated: finished work is skipped)::

    python workflows/distill_foundation.py structures --work W --set g0 --count 60
    python workflows/distill_foundation.py structures --work W --set test --count 10
    python workflows/distill_foundation.py label      --work W
    python workflows/distill_foundation.py train      --work W --minutes 6
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import mace  # noqa: F401  (before anything that imports e3nn)
import torch
from ase import Atoms
from ase.io import read

import distill_structures as hosts
import distill_teacher as teach
import distill_training as learn
from distill_model import Architecture, load

LOG = logging.getLogger("distill")
SEED = 2025
N_TEST = {"halide": 12, "lpgso": 8, "nasicon": 8}


def reserved(system: str) -> list[hosts.Parent]:
    """List the parents of a system that only the test may use."""
    return [hosts.test_parent(system, i, SEED) for i in range(N_TEST.get(system, 0))]


def structures(args: argparse.Namespace) -> None:
    """Make frames with the teacher: training bursts or hot test trajectories."""
    target = args.work / "frames" / args.set
    target.mkdir(parents=True, exist_ok=True)
    calculator = teach.teacher_calculator(teach.load_teacher())
    held_out = {s: reserved(s) for s in hosts.SYSTEMS}
    for index in range(args.start, args.start + args.count):
        for number, system in enumerate(args.systems):
            path = target / f"{system}-{index:04d}.xyz"
            if (index + number) % args.shards != args.shard or path.exists():
                continue
            if args.set == "test":
                if index < len(held_out[system]):
                    teach.save(path, teach.hot_test(held_out[system][index], calculator, SEED))
                continue
            parent = hosts.make_parent(system, index, SEED)
            if any(hosts.same_ordering(parent.atoms, t.atoms) for t in held_out[system]):
                LOG.info("%s is reserved for the test, skipped", parent.key)
                continue
            teach.save(path, teach.burst(parent, calculator, SEED))
            LOG.info("made %s", path.stem)


def explore(args: argparse.Namespace) -> None:
    """Make training frames with the student's own hot dynamics."""
    from distill_explore import explore as run

    target = args.work / "frames" / args.set
    target.mkdir(parents=True, exist_ok=True)
    parents = []
    for system, count in zip(hosts.SYSTEMS, args.counts, strict=True):
        held_out = reserved(system)
        for index in range(args.start, args.start + count):
            parent = hosts.make_parent(system, index, SEED)
            if not any(hosts.same_ordering(parent.atoms, t.atoms) for t in held_out):
                parents.append(parent)
    run(load(args.model), parents, target, SEED, args.snapshots, args.gap)


def label(args: argparse.Namespace) -> None:
    """Label all frames that have no labels yet."""
    teacher = teach.load_teacher()
    for folder in sorted((args.work / "frames").iterdir()):
        teach.label_folder(folder, args.work / "labels" / folder.name, teacher)


def labelled(folder: Path) -> list[Atoms]:
    """Read all labelled frames of a folder."""
    frames: list[Atoms] = []
    for path in sorted(folder.glob("*.xyz")):
        if path.stat().st_size:
            part = read(path, ":")
            for frame in part:
                frame.info["system"] = path.stem.split("-")[0]
            frames += part
    return frames


def by_system(frames: list[Atoms]) -> dict[str, list[Atoms]]:
    """Group frames by system."""
    groups: dict[str, list[Atoms]] = {}
    for frame in frames:
        groups.setdefault(frame.info["system"], []).append(frame)
    return groups


def train(args: argparse.Namespace) -> None:
    """Train on all labelled sets but the test."""
    folders = [p for p in sorted((args.work / "labels").iterdir()) if p.name != "test"]
    frames = [f for folder in folders for f in labelled(folder)]
    valid = by_system(labelled(args.work / "labels" / "test")) or {"train sample": frames[::20]}
    LOG.info("%d training frames", len(frames))
    schedule = learn.Schedule(minutes=args.minutes, learning_rate=args.lr)
    learn.train(frames, valid, args.work / args.output, schedule, Architecture(), args.start)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, required=True, help="working folder")
    make = commands.add_parser("structures", parents=[common], help="make frames with the teacher")
    make.add_argument("--set", choices=["g0", "test"], required=True)
    make.add_argument("--systems", nargs="+", default=list(hosts.SYSTEMS), choices=hosts.SYSTEMS)
    make.add_argument("--start", type=int, default=0)
    make.add_argument("--count", type=int, default=60)
    make.add_argument("--shard", type=int, default=0)
    make.add_argument("--shards", type=int, default=1)
    make.set_defaults(run=structures)
    more = commands.add_parser("explore", parents=[common], help="make frames with the student")
    more.add_argument("--set", required=True, help="name of the new set, for example g1")
    more.add_argument("--model", type=Path, required=True)
    more.add_argument("--counts", type=int, nargs=4, default=[60, 40, 40, 10], metavar="N")
    more.add_argument("--start", type=int, default=1000, help="number of the first parent")
    more.add_argument("--snapshots", type=int, default=3)
    more.add_argument("--gap", type=int, default=60, help="2 fs steps between snapshots")
    more.set_defaults(run=explore)
    tag = commands.add_parser("label", parents=[common], help="label frames")
    tag.set_defaults(run=label)
    fit = commands.add_parser("train", parents=[common], help="train the small model")
    fit.add_argument("--minutes", type=float, default=40.0, help="CPU time")
    fit.add_argument("--lr", type=float, default=0.01)
    fit.add_argument("--start", type=Path, default=None, help="model file to start from")
    fit.add_argument("--output", default="mini.model")
    fit.set_defaults(run=train)
    return top


def main() -> None:
    """Run one sub-command on one thread."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    args = parser().parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    args.run(args)


if __name__ == "__main__":
    main()
