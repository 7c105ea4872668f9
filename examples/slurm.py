"""A Dask cluster of SLURM jobs for ``thermalnet sweep``: prints the address of its scheduler.

    python examples/slurm.py 64                  # 64 workers, one core each
    thermalnet sweep SWEEP.toml --out DIR --scheduler tcp://...   # in another shell, same host

``--script`` prints the job script and submits nothing; ``--gpu`` asks for a GPU per worker. Both
commands run on the login node; DIR must be on a file system that all nodes share. A worker ends a
few minutes before SLURM would end it: its point writes a checkpoint and goes on elsewhere, and a
new job takes its place.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys

from dask_jobqueue import SLURMCluster


def make_cluster(arguments: argparse.Namespace) -> SLURMCluster:
    """A cluster whose every job is one worker: one process, one thread, one core."""
    resources = ["--resources", "GPU=1"] if arguments.gpu else []
    lifetime = ["--lifetime", f"{60 * arguments.hours - 5}m", "--lifetime-stagger", "2m"]
    return SLURMCluster(
        queue=arguments.queue,
        account=arguments.account,
        cores=1,
        processes=1,
        memory=arguments.memory,
        walltime=f"{arguments.hours}:00:00",
        job_extra_directives=["--gres=gpu:1"] if arguments.gpu else [],
        job_script_prologue=["export OMP_NUM_THREADS=1"],
        worker_extra_args=[*lifetime, *resources],
        local_directory=arguments.scratch,
        python=sys.executable,
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
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--script", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Start the cluster and keep it until Ctrl-C."""
    arguments = parse()
    with make_cluster(arguments) as cluster:
        if arguments.script:
            print(cluster.job_script())
            return
        cluster.adapt(minimum=arguments.workers, maximum=arguments.workers)
        print(f"dashboard: {cluster.dashboard_link}")
        print(f"thermalnet sweep SWEEP.toml --out DIR --scheduler {cluster.scheduler_address}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
