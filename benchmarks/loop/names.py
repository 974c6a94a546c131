"""Names of what is compared, in the order of the tables."""

TEACHER = "teacher"
FOUNDATION, TUNED, NAIVE, SCRATCH = "foundation", "tuned", "naive", "scratch"
MODELS = (FOUNDATION, TUNED, NAIVE, SCRATCH)
OWN, SAME, FIXED = "own relaxations", "the model's structures", "the teacher's structures"
VIEWS = (OWN, SAME, FIXED)
"""Energies of what each potential relaxes itself, as campaigns report them; of structures that the model has relaxed;
of structures that the teacher has relaxed."""
