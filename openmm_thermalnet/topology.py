"""The network as an OpenMM Topology: chains are layers, residues are rows, atoms are parameters.

So `chainid`, `resname` and `resid` selections of MDTraj and MDAnalysis pick layers and neurons. A
residue is a neuron's incoming weights ("J05"), or one pattern's hidden spins of a layer ("S03").
"""

from __future__ import annotations

import re

from openmm import app, unit

from openmm_thermalnet.layout import Layout
from openmm_thermalnet.walls import PERIOD


def build_topology(layout: Layout, walls: bool = True) -> app.Topology:
    """Topology of all blocks: one chain per layer and kind, one residue per row.

    Parameters
    ----------
    layout : Layout
        The map of the network.
    walls : bool
        Whether the variables are folded into [-1, 1]; then there is a box of the fold's period.

    Returns
    -------
    openmm.app.Topology
        B P atoms without element, in the order of the particles, between walls in a 4 nm box.
    """
    topology = app.Topology()
    for _ in range(layout.blocks):
        for field in layout.fields:
            chain = topology.addChain(field.name)
            name = residue_name(field.name)
            atoms = [str(column) for column in range(1, field.columns + 1)]
            for row in range(1, field.rows + 1):
                residue = topology.addResidue(name, chain, str(row))
                for atom in atoms:
                    topology.addAtom(atom, None, residue)
    if walls:
        topology.setUnitCellDimensions((PERIOD, PERIOD, PERIOD) * unit.nanometer)
    return topology


def residue_name(field: str) -> str:
    """Residue name of a field: "S3" is "S03", "J10" is "J10"."""
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", field)
    return field if match is None else f"{match[1]}{int(match[2]):02d}"
