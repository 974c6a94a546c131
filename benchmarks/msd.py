"""Time and peak memory of mean square displacements, 640 atoms x 20 000 frames, against peers.

    OMP_NUM_THREADS=1 python benchmarks/msd.py [--quick] [--peers PYTHON] [--kinisi-frames 4000]

PYTHON is the interpreter of an environment with the peers (pip install freud-analysis pymatgen-analysis-diffusion
tidynamics MDAnalysis gemdat kinisi); those that it lacks are skipped. Every run is a process of its own, and each peer
runs between two runs of superionic, so that load on the machine falls on both. kinisi gets fewer frames, and the ratio
is that of the same frames. The tools do not return the same: see `msd_tools.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TOOLS = Path(__file__).with_name("msd_tools.py")
PEERS = ("freud window", "pymatgen max", "tidynamics", "MDAnalysis", "GEMDAT", "kinisi, 100 lags")
OWN = "superionic"
HOPS_PER_FRAME = 0.007


def make_positions(path: Path, frames: int, atoms: int = 640, mobile: int = 192) -> None:
    """Unwrapped hops of the mobile ions and vibrations of all atoms, float32, written piece by piece."""
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(frames, atoms, 3))
    home = rng.uniform(0, 25.0, (atoms, 3))
    directions = 3.0 * np.concatenate([np.eye(3), -np.eye(3)])
    for start in range(0, frames, 500):
        count = min(500, frames - start)
        steps = directions[rng.integers(6, size=(count, mobile))] * (rng.random((count, mobile, 1)) < HOPS_PER_FRAME)
        paths = home[:mobile] + np.cumsum(steps, axis=0)
        home[:mobile] = paths[-1]
        out[start : start + count, :mobile] = paths
        out[start : start + count, mobile:] = home[mobile:]
        out[start : start + count] += 0.2 * rng.normal(size=(count, atoms, 3))
    out.flush()


def run(python: str, tool: str, path: Path, frames: int) -> dict[str, float] | None:
    """One tool in its own process; None where it fails or is not installed."""
    done = subprocess.run(
        [python, str(TOOLS), tool, str(path), str(frames)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{tool}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def line(tool: str, frames: int, found: dict[str, float], own: list[dict[str, float]]) -> str:
    """One row of the table."""
    ratio = found["seconds"] / np.mean([item["seconds"] for item in own])
    memory = found["peak_MB"] / np.mean([item["peak_MB"] for item in own])
    msd = "-" if found["msd_A2"] is None else f"{found['msd_A2']:.4f}"
    return (
        f"| {tool} | {frames} | {found['seconds']:.2f} | {ratio:.1f} | {found['peak_MB']:.0f} | {memory:.1f} | {msd} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true", help="2000 frames")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with the peers")
    parser.add_argument("--kinisi-frames", type=int, default=4000)
    options = parser.parse_args()
    frames = 2000 if options.quick else options.frames
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "positions.npy"
        make_positions(path, frames)
        print("| tool | frames | seconds | over superionic | peak MB | over superionic | MSD at lag 100 / A² |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for tool in (OWN, "superionic, whole analysis"):
            own = run(sys.executable, OWN, path, frames)
            found = run(sys.executable, tool, path, frames)
            if own is not None and found is not None:
                print(line(tool, frames, found, [own]), flush=True)
        for tool in PEERS if options.peers else ():
            count = min(frames, options.kinisi_frames) if tool.startswith("kinisi") else frames
            before = run(sys.executable, OWN, path, count)
            found = run(options.peers, tool, path, count)
            after = run(sys.executable, OWN, path, count)
            if found is not None and before is not None and after is not None:
                print(line(tool, count, found, [before, after]), flush=True)


if __name__ == "__main__":
    main()
