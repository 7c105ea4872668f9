"""A Dask cluster of SLURM jobs for ``thermalnet sweep``: prints the address of its scheduler.

    python examples/slurm.py 64                  # 64 workers, one core each
    thermalnet sweep SWEEP.toml --out DIR --scheduler tls://...   # in another shell, same host

The cluster takes only who has its keys, which are made anew and written to ``--keys``, a directory
that all nodes share and nobody else may read, until it ends; what to put into the environment is
printed. Dask imports from its directories, so each job has one of its own below ``--scratch``.
``--script`` prints the job script and submits nothing; ``--gpu`` asks for a GPU per worker. Both
commands run on the login node; DIR must be on a file system that all nodes share. A worker ends a
few minutes before SLURM would end it: its point writes a checkpoint and goes on elsewhere, and a
new job takes its place.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path

import dask
from dask_jobqueue import SLURMCluster
from distributed import Security


def make_keys(directory: Path) -> Security:
    """Keys of a cluster, in files that nobody else may read."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    made = Security.temporary()
    files = {}
    for name, text in (("ca", made.tls_ca_file), ("key", made.tls_scheduler_key)):
        files[name] = directory / f"{name}.pem"
        files[name].unlink(missing_ok=True)
        descriptor = os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
    ca, key = str(files["ca"]), str(files["key"])
    roles = ("scheduler", "worker", "client")
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{f"tls_{role}_cert": ca for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )


def make_cluster(arguments: argparse.Namespace) -> SLURMCluster:
    """A cluster whose every job is one worker: one process, one thread, one core."""
    resources = ["--resources", "GPU=1"] if arguments.gpu else []
    lifetime = ["--lifetime", f"{60 * arguments.hours - 5}m", "--lifetime-stagger", "2m"]
    web = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    scratch = shlex.quote(f"{arguments.scratch}/thermalnet-sweep-XXXXXXXX")
    return SLURMCluster(
        queue=arguments.queue,
        account=arguments.account,
        cores=1,
        processes=1,
        memory=arguments.memory,
        walltime=f"{arguments.hours}:00:00",
        job_extra_directives=["--gres=gpu:1"] if arguments.gpu else [],
        job_script_prologue=[
            "export OMP_NUM_THREADS=1",
            f"scratch=$(mktemp -d {scratch}) || exit 1",
            "trap 'rm -rf \"$scratch\"' EXIT",
        ],
        worker_extra_args=[*lifetime, *web, *resources],
        local_directory='"$scratch"',
        python=sys.executable,
        protocol="tls://",
        security=make_keys(arguments.keys),
        scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    )


def parse() -> argparse.Namespace:
    """What may differ from cluster to cluster."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workers", type=int)
    parser.add_argument("--queue")
    parser.add_argument("--account")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--scratch", default="/tmp")
    parser.add_argument("--keys", type=Path, default=Path.home() / ".thermalnet-keys")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--script", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Start the cluster and keep it until Ctrl-C."""
    arguments = parse()
    with (
        tempfile.TemporaryDirectory() as directory,
        dask.config.set({"temporary-directory": directory}),
        make_cluster(arguments) as cluster,
    ):
        if arguments.script:
            print(cluster.job_script())
            return
        cluster.adapt(minimum=arguments.workers, maximum=arguments.workers)
        prefix = "export DASK_DISTRIBUTED__COMM__TLS__"
        print(f"{prefix}CA_FILE={arguments.keys / 'ca.pem'}")
        print(f"{prefix}CLIENT__CERT={arguments.keys / 'ca.pem'}")
        print(f"{prefix}CLIENT__KEY={arguments.keys / 'key.pem'}")
        print(f"thermalnet sweep SWEEP.toml --out DIR --scheduler {cluster.scheduler_address}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    for name in ("ca.pem", "key.pem"):
        (arguments.keys / name).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
