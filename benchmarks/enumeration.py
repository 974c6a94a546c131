"""Enumeration of orderings against other tools: own / peer / own, one fresh process each.

    OMP_NUM_THREADS=1 python benchmarks/enumeration.py
        [--shry-python PATH] [--icet-python PATH] [--cases H,N,L,counts,ewald,grids] [--quick] [--json]

Prints, for every case, what each tool returned, its wall and processor time, its peak memory, and the ratio of
processor times peer / own (the slower of the two own runs counts). Start-up and imports are not included. pymatgen
comes with superionic; SHRY (PyPI, with PyCifRW) and icet may live in environments of their own. A peer that is not
installed has a row that says so; one that has not finished within ``--peer-limit`` seconds of processor time is ended.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Result = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """What is run against superionic.

    Attributes
    ----------
    tool : str
        Name of the measurement in ``enumeration_cases.py``.
    options : tuple of str
        Its options.
    name : str
        Name in the table.
    """

    tool: str
    options: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Race:
    """One case, superionic's measurement and the peers'.

    Attributes
    ----------
    group : str
        What ``--cases`` selects.
    case : str
        Crystal and supercell.
    own : Peer
        superionic's part.
    peers : tuple of Peer
        The others.
    quick : bool
        Whether it runs with ``--quick``.
    """

    group: str
    case: str
    own: Peer
    peers: tuple[Peer, ...]
    quick: bool = False


OWN = Peer("own", (), "superionic")
EXACT = Peer("pymatgen", ("--algo", "0"), "pymatgen algo 0")
BEST_FIRST = Peer("pymatgen", ("--algo", "2"), "pymatgen algo 2")


def listing(name: str, n: int) -> Peer:
    """Return the listing of n orderings."""
    return Peer("own" if name == "superionic" else "shry", ("--listed", str(n)), name)


def derivatives(name: str, size: int) -> Peer:
    """Return the listing of all supercells of one size."""
    return Peer("own_derivatives" if name == "superionic" else "icet", ("--size", str(size)), name)


RACES = (
    Race("H", "H 1x1x1", OWN, (EXACT,), quick=True),
    Race("H", "H 1x1x2", OWN, (EXACT, BEST_FIRST)),
    Race("H", "H 1x2x2", OWN, (EXACT, BEST_FIRST)),
    Race("N", "N primitive", OWN, (EXACT,), quick=True),
    Race("N", "N conventional", OWN, (EXACT, BEST_FIRST)),
    Race("L", "L 1x1x1", OWN, (EXACT,), quick=True),
    Race("L", "L 1x2x2", OWN, (EXACT,)),
    Race("counts", "L' 1x1x1", listing("superionic", 10_000), (listing("SHRY", 10_000),), quick=True),
    Race("counts", "L 1x1x1", listing("superionic", 10_000), (listing("SHRY", 10_000),)),
    Race("counts", "H 1x2x2", listing("superionic", 3000), (listing("SHRY", 3000),)),
    Race("counts", "H primitive", derivatives("superionic", 2), (derivatives("icet", 2),), quick=True),
    Race("counts", "H primitive", derivatives("superionic", 4), (derivatives("icet", 4),)),
    Race("counts", "fcc AuPd", derivatives("superionic", 6), (derivatives("icet", 6),)),
)
EWALD_CASES = ("H 1x1x2", "N primitive", "N conventional", "L 1x2x2")
GRIDS = ("liybc.yaml", "lpgso.yaml", "nasicon.yaml")


def measure(python: str, tool: str, case: str, options: tuple[str, ...], limit_s: float | None) -> Result:
    """Run one measurement in a process of its own."""
    command = [python, str(HERE / "enumeration_cases.py"), tool, case, *options]
    # Without the safe path the files beside this script would hide modules of the same name.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    if limit_s is not None:
        command += ["--cpu-limit", str(int(limit_s))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if limit_s is not None and done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        return {"failure": f"nothing within {limit_s:g} s of CPU", "limit_s": limit_s}
    if done.returncode:
        return {"failure": (done.stderr.strip().splitlines() or ["ended without a message"])[-1][:60]}
    result: Result = json.loads(done.stdout[done.stdout.index("{") :])
    return result


def version(python: str | None, package: str) -> str | None:
    """Return the version of a package in some environment, None where it is not installed."""
    code = f"from importlib.metadata import version; import {package}; print(version('{package}'))"
    done = subprocess.run([python or sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else None


def race(entry: Race, pythons: dict[str, str | None], limit_s: float) -> list[Result]:
    """Measure superionic, each peer, and superionic again."""
    first = measure(sys.executable, entry.own.tool, entry.case, entry.own.options, None)
    rows = []
    for peer in entry.peers:
        python = pythons[peer.tool]
        if python is None:
            result: Result = {"failure": "not installed"}
        else:
            result = measure(python, peer.tool, entry.case, peer.options, limit_s)
        rows.append({"case": entry.case, "tool": peer.name} | result)
    last = measure(sys.executable, entry.own.tool, entry.case, entry.own.options, None)
    slower = max(first, last, key=lambda result: result.get("cpu_s", 0.0))
    for row in rows:
        if "cpu_s" in slower and ("cpu_s" in row or "limit_s" in row):
            row["ratio"] = row.get("cpu_s", row.get("limit_s", 0.0)) / slower["cpu_s"]
    return [{"case": entry.case, "tool": entry.own.name} | slower, *rows]


def row_text(row: Result) -> str:
    """Write one row of the table."""
    if "failure" in row:
        ratio = f"> {row['ratio']:.0f}" if "ratio" in row else ""
        return f"{row['case']:16} {row['tool']:16} {row['failure']:>54} {'':>8} {ratio:>7}"
    lowest = f"{row['energies_eV'][0]:.6f}" if "energies_eV" in row else ""
    ratio = f"{row['ratio']:.1f}" if "ratio" in row else ""
    return (
        f"{row['case']:16} {row['tool']:16} {describe(row):>40} {lowest:>13} {row['wall_s']:7.2f} {row['cpu_s']:7.2f} "
        f"{row['rss_MB']:6.0f} {ratio:>7}"
    )


def describe(row: Result) -> str:
    """Say what a tool returned."""
    if "levels" in row:
        return f"{row['returned']} raw, {row['levels']} energies"
    if "patterns" in row:
        proof = "proven" if row["proof"] else "not proven"
        return f"{row['distinct']} distinct, {row['patterns']} patterns, {proof}"
    if "distinct" not in row:
        return f"{row['returned']} listed"
    listed = f", {row['returned']} listed" if row.get("returned") not in {None, row["distinct"]} else ""
    return f"{row['distinct']} distinct{listed}"


def heading() -> str:
    """Return the heading of the table."""
    columns = f"{'wall s':>7} {'CPU s':>7} {'RSS MB':>6} {'ratio':>7}"
    return f"{'case':16} {'tool':16} {'returned':>40} {'lowest eV':>13} {columns}"


def ewald_rows(*, quick: bool) -> list[Result]:
    """Compare energies with pymatgen's EwaldSummation."""
    cases = EWALD_CASES[:2] if quick else EWALD_CASES
    return [
        {"case": case, "tool": "EwaldSummation"} | measure(sys.executable, "ewald", case, (), None) for case in cases
    ]


def grid_rows(specs: Path) -> list[Result]:
    """Enumerate all grid points of the three systems."""
    rows = []
    for name in GRIDS:
        options = ("--spec", str(specs / name))
        rows.append({"case": name, "tool": "superionic"} | measure(sys.executable, "grid", name, options, None))
    return rows


def grid_text(row: Result) -> str:
    """Summarise one grid, and list its slowest point and those not proven."""
    if "failure" in row:
        return f"{row['case']:14} {row['failure']}"
    points = row["points"]
    slowest = max(points, key=lambda point: point["seconds"])
    open_ones = [point["label"] for point in points if not point["proof"]]
    return (
        f"{row['case']:14} {len(points)} points, {sum(point['returned'] for point in points)} orderings, "
        f"{row['wall_s']:.1f} s wall, {row['cpu_s']:.1f} s CPU, {row['rss_MB']:.0f} MB; slowest {slowest['label']} "
        f"{slowest['seconds']:.1f} s; not proven: {', '.join(open_ones) or 'none'}"
    )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="H,N,L,counts,ewald,grids", help="comma-separated groups")
    parser.add_argument("--quick", action="store_true", help="small cases only, no grids")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--peer-limit", type=float, default=150.0, help="seconds of CPU after which a peer is ended")
    parser.add_argument("--shry-python", help="interpreter of an environment with shry and PyCifRW")
    parser.add_argument("--icet-python", help="interpreter of an environment with icet and pymatgen")
    parser.add_argument("--specs", type=Path, default=HERE.parent / "workflows", help="folder of the campaign files")
    return parser.parse_args()


def main() -> None:
    """Run the chosen cases and print the tables."""
    arguments = parse_arguments()
    groups = set(arguments.cases.split(","))
    versions = {
        "superionic": version(None, "superionic"),
        "pymatgen": version(None, "pymatgen"),
        "shry": version(arguments.shry_python, "shry"),
        "icet": version(arguments.icet_python, "icet"),
    }
    pythons = {
        "pymatgen": sys.executable,
        "shry": (arguments.shry_python or sys.executable) if versions["shry"] else None,
        "icet": (arguments.icet_python or sys.executable) if versions["icet"] else None,
    }
    report: dict[str, Any] = {"versions": versions, "races": [], "ewald": [], "grids": []}

    def text(line: str) -> None:
        if not arguments.json:
            print(line, flush=True)

    text(", ".join(f"{name} {number or 'not installed'}" for name, number in versions.items()))
    text(heading())
    for entry in RACES:
        if entry.group in groups and (entry.quick or not arguments.quick):
            rows = race(entry, pythons, arguments.peer_limit)
            report["races"] += rows
            text("\n".join(map(row_text, rows)))
    if "ewald" in groups:
        report["ewald"] = ewald_rows(quick=arguments.quick)
        for row in report["ewald"]:
            text(f"{row['case']:16} EwaldSummation: {row['largest_difference_eV']:.1e} eV apart at most")
    if "grids" in groups and not arguments.quick:
        report["grids"] = grid_rows(arguments.specs)
        text("\n".join(map(grid_text, report["grids"])))
    if arguments.json:
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
