"""A stand-in for the VASP program, for tests and rehearsals; it is NOT VASP and holds nothing of VASP.

It reads VASP's input files and writes files of VASP's layout, so that everything around VASP runs for real: input sets,
custodian with its handlers, parsers, the gate, the launchpad. Its energies come from a toy model and mean nothing; it
says so in every file that it writes (program ``fake-vasp``, version ``0.0.fake``).
"""

from superionic.labelling.fake_vasp.potcars import write_synthetic_potcars

__all__ = ["PROGRAM", "VERSION", "write_synthetic_potcars"]

PROGRAM = "fake-vasp"
VERSION = "0.0.fake"
