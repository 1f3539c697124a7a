"""A Slurm cluster of one machine: munged, slurmctld and slurmd in a folder of their own, with their own key, ports and configuration.

Nothing is installed, no service is touched, and it all ends with this process.
"""
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel"]
CPUS = 6  # told to Slurm, whatever the machine has: the test's hosts sleep

CONFIGURATION = """
ClusterName=tessera-test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket,cred_expire=5
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=n1 NodeHostname={name} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=n1 Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if not shutil.which(name)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        for name in ("run", "state", "spool", "log"):
            os.makedirs(f"{folder}/{name}")
        os.chmod(folder, 0o755)
        with open(f"{folder}/munge.key", "wb") as key:
            key.write(os.urandom(128))
        os.chmod(f"{folder}/munge.key", 0o600)
        with open(f"{folder}/slurm.conf", "w") as conf:
            conf.write(CONFIGURATION.format(name=os.uname().nodename, ports=free_ports(2), folder=folder, cpus=CPUS,
                                            user=pwd.getpwuid(os.getuid()).pw_name))
        os.environ["SLURM_CONF"] = f"{folder}/slurm.conf"
        self.daemons = []
        self.start("munged", "--foreground", "--force", f"--socket={folder}/run/munge.socket", f"--key-file={folder}/munge.key",
                   f"--pid-file={folder}/run/munged.pid", f"--seed-file={folder}/run/seed", f"--log-file={folder}/log/munged.txt")
        self.wait("munged's socket", lambda: os.path.exists(f"{folder}/run/munge.socket"))
        self.start("slurmctld", "-D", "-c")
        self.start("slurmd", "-D", "-N", "n1")
        self.wait("the node", lambda: self.run("sinfo", "-h", "-o", "%T", check=False).strip() == "idle")

    def start(self, *argv):
        log = open(f"{self.folder}/log/{argv[0]}.out", "w")
        self.daemons.append(subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent))

    def logs(self):
        text = ""
        for name in ("slurmctld.out", "slurmd.out"):
            with open(f"{self.folder}/log/{name}", errors="replace") as log:
                text += f"--- {name}\n" + "".join(log.readlines()[-25:])
        return text

    def wait(self, what, done, seconds=60):
        deadline = time.monotonic() + seconds
        while not done():
            dead = [d.args[0] for d in self.daemons if d.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds} s" if not dead else f"{what}: {dead} ended\n{self.logs()}")
            time.sleep(0.1)

    def run(self, *argv, check=True):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def jobs(self):
        """[(job, state, reason, comment)] of the tasks in the queue."""
        lines = self.run("squeue", "-h", "-r", "-o", "%F_%K|%T|%r|%k").splitlines()
        return [tuple(line.split("|")) for line in lines]

    def stop(self):
        self.run("scancel", "--signal=KILL", "--full", f"--user={os.getuid()}", check=False)
        self.run("scancel", f"--user={os.getuid()}", check=False)
        deadline = time.monotonic() + 15
        while self.run("squeue", "-h", check=False) and time.monotonic() < deadline:
            time.sleep(0.2)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
