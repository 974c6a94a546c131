"""Speaks the protocol of CP2K's shell as ASE expects it, with numbers of no meaning; argument: what goes wrong."""

import sys
import time
from pathlib import Path

mode = sys.argv[1]
output = Path()
n_atoms = 0


def say(*lines):
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def evaluate():
    if mode == "crash":
        output.write_text(" * [ABORT] something in the input is wrong *\n")
        sys.exit(1)
    if mode == "hang":
        time.sleep(60)
    converged = " *** SCF run converged in    11 steps ***\n"
    failed = (
        "  Leaving inner SCF loop after reaching    60 steps.\n *** WARNING in qs_scf :: SCF run NOT converged ***\n"
    )
    head = " CP2K| version string:                   CP2K version 2023.1\n"
    output.write_text(head + {"unconverged": failed, "silent": ""}.get(mode, converged))


say("* READY")
for command in sys.stdin:
    word, *rest = command.split()
    if word == "VERSION":
        say("CP2K Shell Version: 6.0")
    elif word == "LOAD":
        coordinates = Path(rest[0]).read_text().partition("&COORD")[2].partition("&END COORD")[0]
        n_atoms = len(coordinates.strip().splitlines())
        output = Path(rest[1])
        say("1")
    elif word == "EVAL_EF":
        evaluate()
    elif word == "GET_E":
        say("nan" if mode == "nan" else "-1234.5")
    elif word == "GET_F":
        say(str(3 * n_atoms), *[f"0.1 0.2 {index}.0" for index in range(n_atoms)], "* END")
    elif word == "GET_STRESS":
        say("0.01 0.04 0.05 0.04 0.02 0.06 0.05 0.06 0.03")
    elif word == "EXIT":
        break
    say("* READY")
