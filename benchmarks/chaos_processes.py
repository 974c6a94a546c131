"""Sources of the processes that ``chaos.py`` starts: runners of workers, and a worker of another release."""

RUNNER = """
import json, sys
from pathlib import Path
from superionic.database.stores import resolve_database
from superionic.launch.workers import Pace, run_workers
project, uri, database, n = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
choice = resolve_database(project, uri, database=database)
pace = Pace(poll_s=0.1, sleep_s=0.1)
outcome = run_workers(choice, n, "chaos", project / "launches", max_restarts=10**6, pace=pace)
print(json.dumps([outcome.status.succeeded, outcome.problem]))
"""

CAMPAIGN_RUNNER = RUNNER.replace('"chaos"', "sys.argv[5]")

OTHER_CODE = """
import sys
import superionic
superionic.__version__ = "0.0.1"
from superionic.launch.worker_main import main
sys.exit(main(sys.argv[1:]))
"""
