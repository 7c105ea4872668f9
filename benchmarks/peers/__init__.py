"""The peers: one Langevin step of the thermal network, as users of other tools would write it."""

from benchmarks.peers.common import Peer, Problem

__all__ = ["Peer", "Problem"]
