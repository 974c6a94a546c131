"""A site with a MongoDB server that asks for passwords, and the files that `superionic init` writes for it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
JOBS = HERE.parent / "launch"
for folder in (HERE, JOBS):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from guarded_mongod import PASSWORD, Guarded, guarded_mongod  # noqa: E402 (found by the lines above)

SOURCE = Path(__import__("superionic").__file__).parents[1]
LIMIT_S = 500


@dataclass(frozen=True)
class Site:
    """A project on a cluster."""

    server: Guarded
    config: Path
    project: Path
    variables: dict[str, str]

    def run(self, *command, check=True):
        """Run a command in the project as somebody who has sourced env.sh."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.project,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        number = len(list(self.project.glob("command-*.log")))
        (self.project / f"command-{number}.log").write_text(f"{command}\n{done.stdout}\n{done.stderr}")
        assert not check or done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def superionic(self, *arguments, check=True):
        return self.run(sys.executable, "-m", "superionic", *arguments, check=check)

    def qlaunch(self, category, *mode, reserve=False):
        """Submit batch jobs for a category with the filled templates as they are."""
        files = ["-c", self.config, "-w", self.config / f"my_fworker_{category}.yaml"]
        files += ["-q", self.config / f"my_qadapter_{category}.yaml", "--launch_dir", self.project]
        return self.run("qlaunch", *(["-r"] if reserve else []), *files, *(mode or ("singleshot",)))

    def edit(self, name, old, new):
        """Change a filled file, as users do."""
        path = self.config / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def _make_site(server, folder, *options, path=None):
    """Run `superionic init` for the server; what it says goes to a log of the project."""
    config, project = folder / "config", folder / "project"
    project.mkdir(parents=True)
    places = [*([str(path)] if path else []), str(Path(sys.executable).parent), os.environ["PATH"]]
    plain = {"HOME": str(folder), "PATH": os.pathsep.join(places), "PYTHONPATH": f"{SOURCE}{os.pathsep}{JOBS}"}
    activate = f'export PATH="{plain["PATH"]}" PYTHONPATH="{plain["PYTHONPATH"]}"'
    before = Site(server, config, project, {**plain, "SUPERIONIC_MONGO_PASSWORD": PASSWORD})
    before.superionic("init", config, "--mongo-uri", server.uri, "--cores", "1", "--activate", activate, *options)
    names = (
        "FW_CONFIG_FILE",
        "JOBFLOW_CONFIG_FILE",
        "ATOMATE2_CONFIG_FILE",
        "SUPERIONIC_CONFIG_FILE",
        "OMP_NUM_THREADS",
    )
    command = f'source "{config}/env.sh" && ' + " && ".join(f'echo "${name}"' for name in names)
    values = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()
    return Site(server, config, project, {**plain, **dict(zip(names, values, strict=True))})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with guarded_mongod(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="session")
def make_site():
    """Function that runs `superionic init` in a folder and returns the Site."""
    return _make_site
