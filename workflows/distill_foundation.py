"""Distil `superionic-mini`, a small MACE, from CHGNet 0.3.0.

Run the sub-commands in this order (each can be repeated: finished work is skipped)::

    python workflows/distill_foundation.py structures --work W --set g0 --count 33
    python workflows/distill_foundation.py structures --work W --set test --count 7
    python workflows/distill_foundation.py label      --work W
    python workflows/distill_foundation.py train      --work W --minutes 5 --output v1.model
    python workflows/distill_foundation.py explore    --work W --set g1 --model W/v1.model --counts 36 24 24 0
    python workflows/distill_foundation.py label      --work W
    python workflows/distill_foundation.py train      --work W --minutes 29 --lr 0.006 --start W/v1.model
    python workflows/distill_foundation.py evaluate   --work W --model W/mini.model
    python workflows/distill_foundation.py stability  --work W --model W/mini.model
    python workflows/distill_foundation.py card       --work W --model W/mini.model --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import distill_card as ship
import distill_structures as hosts
import distill_teacher as teach
import distill_training as learn
import mace  # noqa: F401  (before anything that imports e3nn)
import numpy as np
import torch
from ase import Atoms
from ase.io import read
from distill_explore import explore as explore_parents
from distill_explore import settle
from distill_model import Architecture, errors, load

LOG = logging.getLogger("distill")
SEED = 2025
N_TEST = {"halide": 12, "lpgso": 8, "nasicon": 8}
DEMO = {"Li3InCl6": ("In", "Cl"), "Li3YBr6": ("Y", "Br")}


def reserved(system: str) -> list[hosts.Parent]:
    """List the parents of a system that only the test may use."""
    return [hosts.held_out_parent(system, i, SEED) for i in range(N_TEST.get(system, 0))]


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
    target = args.work / "frames" / args.set
    target.mkdir(parents=True, exist_ok=True)
    parents = []
    for system, count in zip(hosts.SYSTEMS, args.counts, strict=True):
        held_out = reserved(system)
        for index in range(args.start, args.start + count):
            parent = hosts.make_parent(system, index, SEED)
            if not any(hosts.same_ordering(parent.atoms, t.atoms) for t in held_out):
                parents.append(parent)
    explore_parents(load(args.model), parents, target, SEED, args.snapshots, args.gap)


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


def evaluate(args: argparse.Namespace) -> None:
    """Measure errors and speed of a model; write evaluation.json."""
    model = load(args.model)
    groups = by_system(labelled(args.work / "labels" / "test"))
    cell = _demo_cell(*DEMO["Li3InCl6"])
    result: dict[str, Any] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "errors": {system: errors(model, frames) for system, frames in sorted(groups.items())},
        "timing": {
            "ms_cpu_per_20_atom_step": ship.time_step_ms(args.model, cell),
            "what": "ASE Langevin with MACECalculator, one x86-64 core, one thread, least of 8 repeats",
        },
    }
    (args.work / "evaluation.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


def stability(args: argparse.Namespace) -> None:
    """Run 1000 K dynamics of Li3InCl6 and Li3YBr6; write stability.json."""
    model = load(args.model)
    cells = settle(model, [_demo_cell(*c) for c in DEMO.values()], np.random.default_rng(SEED))
    rows = ship.stability(model, cells, 1000.0, args.ps, SEED)
    (args.work / "stability.json").write_text(json.dumps(rows, indent=1))
    print(json.dumps(rows, indent=1))


def _demo_cell(metal: str, halogen: str) -> Atoms:
    """Make one ordered Li3MX6 cell of 20 atoms."""
    pools: dict[str, Sequence[str | None]] = {
        "M": [metal] * 2,
        "Li": ["Li"] * 6 + [None] * 2,
        "X": [halogen] * 12,
    }
    host = hosts.halide_host(float(metal == "In"), float(halogen == "Br"))
    return hosts.to_atoms(hosts.decorate(host, pools, np.random.default_rng(SEED)))


def card(args: argparse.Namespace) -> None:
    """Write model, replay structures and both cards to the output folder."""
    args.out.mkdir(parents=True, exist_ok=True)
    folders = [p for p in sorted((args.work / "labels").iterdir()) if p.name != "test"]
    sets = {folder.name: labelled(folder) for folder in folders}
    counts = {k: {s: len(v) for s, v in by_system(frames).items()} for k, frames in sets.items()}
    target = args.out / f"{ship.NAME}.model"
    learn.write_model(load(args.model), target)
    facts = json.loads((args.work / "evaluation.json").read_text())
    runs = args.work / "stability.json"
    facts["stability"] = json.loads(runs.read_text()) if runs.exists() else []
    facts["training_set"] = ship.recipe(counts)
    everything = [frame for frames in sets.values() for frame in frames]
    facts["replay_structures"] = ship.replay(everything, args.out / f"{ship.NAME}-replay.xyz", 240, SEED)
    data = ship.card(target, facts)
    target.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    target.with_suffix(".md").write_text(ship.markdown(data))


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
    more.add_argument("--gap", type=int, default=45, help="2 fs steps between snapshots")
    more.set_defaults(run=explore)
    tag = commands.add_parser("label", parents=[common], help="label frames")
    tag.set_defaults(run=label)
    fit = commands.add_parser("train", parents=[common], help="train the small model")
    fit.add_argument("--minutes", type=float, default=40.0, help="wall time")
    fit.add_argument("--lr", type=float, default=0.01)
    fit.add_argument("--start", type=Path, default=None, help="model file to start from")
    fit.add_argument("--output", default="mini.model")
    fit.set_defaults(run=train)
    test = commands.add_parser("evaluate", parents=[common], help="errors and speed")
    test.add_argument("--model", type=Path, required=True)
    test.set_defaults(run=evaluate)
    hot = commands.add_parser("stability", parents=[common], help="hot dynamics of two halides")
    hot.add_argument("--model", type=Path, required=True)
    hot.add_argument("--ps", type=float, default=20.0, help="length of the runs")
    hot.set_defaults(run=stability)
    out = commands.add_parser("card", parents=[common], help="write the files to ship")
    out.add_argument("--model", type=Path, required=True)
    out.add_argument("--out", type=Path, required=True)
    out.set_defaults(run=card)
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
