"""Who may talk to the processes of a sweep: nobody without its keys."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from distributed import Client, Scheduler, Security, SpecCluster
from sweep_processes import TINY, Processes, at_work, toml, wait_for

from openmm_thermalnet.config import make_config
from openmm_thermalnet.errors import DependencyError
from openmm_thermalnet.sweeps import cluster
from openmm_thermalnet.sweeps.points import read_sweep

pytestmark = pytest.mark.slow

INTRUDER = """
import asyncio, os, sys
import distributed
from distributed.comm import connect
foreign = distributed.Security.temporary()
if os.getuid() == 0:  # another user of this machine; what is needed is imported already
    os.setgroups([]); os.setgid(65534); os.setuid(65534)

async def identity(address, security):
    arguments = security.get_connection_args("client")
    comm = await connect(address, timeout=3, **arguments)
    await comm.write({"op": "identity", "reply": True})
    return await asyncio.wait_for(comm.read(), 3)

for port in sys.argv[1:]:
    for protocol, security in (("tcp", distributed.Security()), ("tls", foreign)):
        try:
            answer = asyncio.run(identity(f"{protocol}://127.0.0.1:{port}", security))
        except (OSError, asyncio.TimeoutError, ValueError, EOFError):
            continue
        print("in", port, answer["type"])
print("tried")
"""
"""Says which of some ports answers a Dask client that has no keys, or keys of its own."""


@pytest.fixture
def processes(tmp_path):
    made = Processes(tmp_path)
    yield made
    made.end()


def intrude(ports):
    ended = subprocess.run(
        [sys.executable, "-c", INTRUDER, *map(str, ports)],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    return ended.stdout.splitlines()


def listening(pid):
    """Addresses at which a process and what it started listen."""
    process = psutil.Process(pid)
    found = []
    for one in (process, *process.children(recursive=True)):
        found += [it.laddr for it in one.net_connections() if it.status == psutil.CONN_LISTEN]
    return found


def test_the_intruder_gets_in_where_there_are_no_keys():
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": ":0"}}
    with SpecCluster(scheduler=scheduler, workers={}) as opened:
        port = opened.scheduler_address.rsplit(":", 1)[1]
        assert intrude([port]) == [f"in {port} Scheduler", "tried"]


def test_another_user_does_not_get_into_a_sweep_of_this_machine(tmp_path, processes):
    path = toml(tmp_path / "sweep.toml", TINY, [{"follow": 200_000}])
    out = tmp_path / "out"
    process = processes.sweep(path, "--out", out, "--workers", 1)
    (point,) = read_sweep(path).points
    wait_for(lambda: at_work(out, point.name), process)
    addresses = listening(process.pid)
    assert {address.ip for address in addresses} == {"127.0.0.1"}
    # The scheduler, a nanny and its worker; no web server.
    assert len(addresses) == 3
    assert intrude([address.port for address in addresses]) == ["tried"]
    for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
        told = " ".join([*one.cmdline(), *one.environ().values()])
        assert "PRIVATE KEY" not in told


def test_no_process_of_a_sweep_imports_from_a_directory_of_others(tmp_path, monkeypatch):
    """Dask puts its directory first in sys.path, and takes one that somebody else made before."""
    shared = tmp_path / "shared"
    planted = shared / "dask-scratch-space"
    planted.mkdir(parents=True)
    for directory in (shared, planted):
        directory.chmod(0o777)
    (planted / "planted_module.py").write_text("")
    if os.getuid() == 0:
        os.chown(planted, 65534, 65534)
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr(tempfile, "tempdir", str(shared))

    def importing():
        import importlib.util
        import sys

        return sys.path, importlib.util.find_spec("planted_module") is not None

    configs = [make_config(TINY | {"follow": 10})]
    with cluster.local(configs, 1) as client:
        told = [importing(), *client.run(importing).values()]
        told += client.run(importing, nanny=True).values()
        assert not any(found for _, found in told)
        places = {Path(path) for paths, _ in told for path in paths if path.startswith(str(shared))}
        assert places
        for place in places:
            private = shared / place.relative_to(shared).parts[0]
            about = private.stat()
            assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (os.getuid(), 0o700)
    assert [path.name for path in shared.iterdir()] == [planted.name]
    assert not any(path.startswith(str(shared)) for path in sys.path)


def test_a_dashboard_is_served_to_this_machine_when_asked_for():
    configs = [make_config(TINY | {"follow": 10})]
    with cluster.local(configs, 1, dashboard=True) as client:
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        assert client.dashboard_link.startswith("http://127.0.0.1:")
        ports = {address.port: address.ip for address in listening(os.getpid())}
        assert ports[int(client.dashboard_link.split(":")[2].split("/")[0])] == "127.0.0.1"


def test_a_dashboard_is_the_schedulers_own(tmp_path, thermalnet):
    path = toml(tmp_path / "sweep.toml", TINY, [{"follow": 10}])
    status, _, said = thermalnet(
        *("sweep", path, "--out", tmp_path / "out"),
        *("--scheduler", "tcp://127.0.0.1:1", "--dashboard"),
    )
    assert status == 2
    assert "leave --dashboard out" in said[-1]


def test_without_cryptography_a_sweep_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    configs = [make_config(TINY | {"follow": 10})]
    with pytest.raises(DependencyError, match=r"openmm-thermalnet\[cluster\]"):
        cluster.local(configs, 1).__enter__()


def test_a_scheduler_with_keys_takes_a_sweep_that_has_them(tmp_path, processes, monkeypatch):
    """As docs/sweeps.md says it: keys in files, and where they are in the environment."""
    keys = Security.temporary()
    for name, text in (("ca", keys.tls_ca_file), ("key", keys.tls_client_key)):
        (tmp_path / f"{name}.pem").write_text(text)
        (tmp_path / f"{name}.pem").chmod(0o600)
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    options = ("--tls-ca-file", ca, "--tls-cert", ca, "--tls-key", key)
    _, address = processes.scheduler("--protocol", "tls", *options)
    processes.worker(address, *options)
    path = toml(tmp_path / "sweep.toml", TINY, [{"follow": 10}])
    out = tmp_path / "out"
    process = processes.sweep(path, "--out", out, "--scheduler", address)
    assert process.wait() == 2
    assert "no scheduler answers" in process.log.read_text()

    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", str(ca))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT", str(ca))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY", str(key))
    process = processes.sweep(path, "--out", out, "--scheduler", address)
    assert process.wait() == 0, process.log.read_text()
    assert "1 of 1 points" in process.log.read_text()
    with pytest.raises(OSError, match=r"Timed out|TLS|connect"):
        Client(address, timeout=3, security=Security.temporary(), set_as_default=False)
