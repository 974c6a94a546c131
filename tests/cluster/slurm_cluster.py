"""A one-node Slurm on the loopback interface, from Debian's packages, which leaves nothing behind (needs root)."""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from superionic.database.files import wait_until

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
POLICY = Path("/usr/sbin/policy-rc.d")
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
N_CPUS = 4
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=1,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobcomp.txt
ReturnToService=2
SlurmdTimeout=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=60
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=vasp Nodes={host} MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def _quietly(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=300)


def _packages():
    """Packages that are there, dependencies included."""
    return set(_quietly("dpkg-query", "--show", "--showformat=${binary:Package}\n").stdout.split())


@contextmanager
def installed():
    """Install the packages that are missing, without starting their services, and remove them afterwards."""
    programs = {"slurmctld": "slurmctld", "slurmd": "slurmd", "slurm-client": "squeue", "munge": "munged"}
    missing = [package for package, program in programs.items() if shutil.which(program) is None]
    guard = missing and not POLICY.exists()
    if guard:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    before = _packages()
    try:
        if missing:
            os.environ["DEBIAN_FRONTEND"] = "noninteractive"
            _quietly("apt-get", "update")
            _quietly("apt-get", "install", "-y", "--no-install-recommends", *missing)
        yield
    finally:
        if missing:
            _quietly("apt-get", "purge", "-y", *sorted(_packages() - before), check=False)
        if guard:
            POLICY.unlink()


@contextmanager
def munge():
    """The daemon that signs Slurm's messages; one that runs already is used."""
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.write_bytes(os.urandom(1024))
        shutil.chown(key, "munge", "munge")
        key.chmod(0o400)
    for path, mode in {"/run/munge": 0o755, "/var/log/munge": 0o700, "/var/lib/munge": 0o711}.items():
        Path(path).mkdir(exist_ok=True)
        shutil.chown(path, "munge", "munge")
        Path(path).chmod(mode)
    running = MUNGE_SOCKET.exists() and _quietly("munge", "-n", check=False).returncode == 0
    if not running:
        _quietly("su", "-s", "/bin/sh", "munge", "-c", "/usr/sbin/munged")
    try:
        yield
    finally:
        if not running:
            os.kill(int(Path("/run/munge/munged.pid").read_text()), signal.SIGTERM)


@dataclass
class Cluster:
    """The daemons of one node."""

    folder: Path

    @property
    def configuration(self):
        return self.folder / "slurm.conf"

    def start(self, daemon):
        subprocess.run([daemon, "-f", self.configuration], check=True, env={**os.environ, **self.variables})

    @property
    def variables(self):
        return {"SLURM_CONF": str(self.configuration)}

    def _ask(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **self.variables}
        )
        return done.stdout.split()

    def states(self):
        """States of the nodes."""
        return self._ask("sinfo", "-h", "-o", "%T", "-p", "cpu")

    def jobs(self):
        """Identifiers of the jobs that wait or run."""
        return self._ask("squeue", "-h", "-o", "%i")

    def wait_idle(self, limit_s=120):
        assert wait_until(lambda: self.states() == ["idle"], limit_s, 0.5), self.states()

    def wait_empty(self, limit_s=400):
        assert wait_until(lambda: not self.jobs(), limit_s, 0.5), self.jobs()

    def cancel_all(self):
        for job in self.jobs():
            self._ask("scancel", job)

    def lose_node(self):
        """Kill slurmd with everything that it started, as a power cut would."""
        pid = int((self.folder / "run" / "slurmd.pid").read_text())
        victims = [pid, *_slurmstepds(self.folder)]
        for victim in victims:
            for process in (*_descendants(victim), victim):
                _kill(process)

    def stop(self):
        self.cancel_all()
        for name in ("slurmd", "slurmctld"):
            file = self.folder / "run" / f"{name}.pid"
            if file.exists():
                _kill(int(file.read_text()), signal.SIGTERM)


def _kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _processes():
    """Parent and command line of each process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = (
                parent,
                (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
            )
        except (OSError, ValueError):  # it has ended
            continue
    return found


def _descendants(pid):
    table = _processes()
    young = [child for child, (parent, _) in table.items() if parent == pid]
    return [old for child in young for old in (*_descendants(child), child)]


def _slurmstepds(folder):
    """Job managers that this cluster's slurmd started; they do not stay its children."""
    found = []
    for pid, (_, command) in _processes().items():
        if command.startswith("slurmstepd"):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if str(folder).encode() in environment:
                found.append(pid)
    return found


@contextmanager
def slurm(folder):
    """Run the cluster; its state and logs are in `folder`."""
    for name in ("state", "spool", "log", "run"):
        (folder / name).mkdir(parents=True)
    cluster = Cluster(folder)
    host = socket.gethostname().partition(".")[0]
    cluster.configuration.write_text(CONFIGURATION.format(host=host, folder=folder, cpus=N_CPUS))
    with munge():
        try:
            cluster.start("slurmctld")
            cluster.start("slurmd")
            cluster.wait_idle()
            yield cluster
        finally:
            cluster.stop()
