"""The workers of a cluster that can be trusted with points: same package, same files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.sweeps import worker
from openmm_thermalnet.sweeps.cluster import GPU
from openmm_thermalnet.version import __version__


class Crew:
    """Workers of a client, as they come and go.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    seen : Path
        A file that every worker must see, and see alike.
    say : callable
        Gets one line for every worker that is refused later than at the first look, and if points
        wait for a worker.
    gpu : bool
        Whether a worker with a GPU is needed.

    Attributes
    ----------
    members : dict of str to bool
        Addresses of the workers, and whether they have a GPU.

    Raises
    ------
    InputError
        At the start, if a worker has another version of the package or does not see the file, or
        if workers are there and a GPU is needed that none of them has.
    """

    def __init__(
        self, client: Any, seen: Path, say: Callable[[str], None], gpu: bool = False
    ) -> None:
        self.members: dict[str, bool] = {}
        self._refused: set[str] = set()
        self._client = client
        self._seen = seen
        self._say = say
        self._gpu = gpu
        self._missing: str | None = None
        for reason in self._admit():
            raise InputError(reason)
        if self.members:
            missing = self._who_is_missing()
            if missing is not None:
                raise InputError(f"{missing}, or take another platform")

    def look(self) -> None:
        """See who is there now.

        Raises
        ------
        ConnectionError
            If the scheduler is gone.
        """
        for reason in self._admit():
            self._say(f"{reason}; it gets no points")
        missing = self._who_is_missing()
        if missing != self._missing and missing is not None:
            self._say(f"{missing}; points wait for it")
        self._missing = missing

    def check(self, error: BaseException | None = None) -> None:
        """See that the scheduler is there.

        Raises
        ------
        ConnectionError
            If not.
        """
        if self._client.status != "running":
            raise ConnectionError(
                "the scheduler is gone; start one and repeat the command"
            ) from error

    def _who_is_missing(self) -> str | None:
        """What worker points wait for, if for one, and how to have it."""
        if not self.members:
            return "no worker is there; start one"
        if self._gpu and not any(self.members.values()):
            return f"no worker has a {GPU}; start one with --resources {GPU}=1"
        return None

    def _admit(self) -> list[str]:
        """Take new workers in, and let those go that left; why some are not taken."""
        self.check()
        try:
            # Not `scheduler_info`: an update in the background may leave it without workers.
            identity = self._client.scheduler.identity
            there = self._client.sync(identity, n_workers=-1)["workers"]
            self.members = {one: gpu for one, gpu in self.members.items() if one in there}
            new = sorted(there.keys() - self.members.keys() - self._refused)
            answers: dict[str, Any] = (
                self._client.run(worker.describe, str(self._seen), workers=new, on_error="return")
                if new
                else {}
            )
        except (OSError, TimeoutError) as error:
            self.check(error)
            return []  # a worker left meanwhile; the next look shows
        reasons = []
        for address, answer in answers.items():
            if isinstance(answer, OSError):  # it left meanwhile
                continue
            reason = self._reason_against(address, answer)
            if reason is None:
                self.members[address] = there[address]["resources"].get(GPU, 0) >= 1
            else:
                self._refused.add(address)
                reasons.append(reason)
        return reasons

    def _reason_against(self, address: str, answer: Any) -> str | None:
        """Why a worker cannot be used, if so."""
        if isinstance(answer, BaseException):
            line = (str(answer).splitlines() or [""])[0]
            return f"worker {address} has no such package ({line}); install it there"
        theirs = answer["versions"]["openmm_thermalnet"]
        if theirs != __version__:
            return (
                f"worker {address} has openmm_thermalnet {theirs}, this is {__version__}; "
                "install the same version on both"
            )
        if answer["seen"] != hashlib.sha256(self._seen.read_bytes()).hexdigest():
            return f"worker {address} does not see {self._seen}; use a directory that all share"
        return None
