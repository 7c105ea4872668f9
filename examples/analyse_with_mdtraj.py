"""A thermal network in the tools of molecular dynamics: OpenMM's, MDTraj's and MDAnalysis' own.

First an `app.Simulation` with OpenMM's and MDTraj's reporters, unchanged; then a run of the
command line, read back with MDTraj and MDAnalysis. Takes seconds, and writes into the directory
given (default: `mdtraj-example`).

    python examples/analyse_with_mdtraj.py [DIRECTORY]
"""

import importlib.util
import sys
from pathlib import Path

import MDAnalysis
import mdtraj
import numpy as np
import openmm
from MDAnalysis.analysis import rms
from mdtraj.reporters import DCDReporter, HDF5Reporter
from openmm import app

import openmm_thermalnet as tn
from openmm_thermalnet.config import make_config
from openmm_thermalnet.errors import InputError

SETTINGS = {"patterns": 20, "test-patterns": 40, "width": 4, "depth": 3, "friction": 0.01}


def simulate(directory: Path) -> None:
    """A simulation with reporters that know nothing of networks, and MDTraj reading them back."""
    data = tn.datasets.load_mnist(digits=(0, 1), n_train=20, n_test=40, seed=0)
    net = tn.ThermalNet(data, depth=3, width=4, replicas=3)
    integrator = openmm.LangevinMiddleIntegrator(
        tn.units.temperature(1e-5), tn.units.friction(1e-2), tn.units.timestep(0.01)
    )
    platform = openmm.Platform.getPlatformByName("CPU")
    simulation = app.Simulation(net.topology, net.createSystem(), integrator, platform)
    simulation.context.setPositions(net.randomPositions(seed=0))
    simulation.context.setVelocitiesToTemperature(tn.units.temperature(1e-5), 0)
    simulation.reporters += [
        app.StateDataReporter(
            str(directory / "state.csv"), 100, step=True, potentialEnergy=True, temperature=True
        ),
        app.CheckpointReporter(str(directory / "state.chk"), 500),
        DCDReporter(str(directory / "openmm.dcd"), 100),
    ]
    if importlib.util.find_spec("tables"):  # HDF5Reporter needs PyTables
        simulation.reporters.append(HDF5Reporter(str(directory / "openmm.h5"), 100))
    simulation.step(500)
    for reporter in simulation.reporters[2:]:
        reporter.close()

    topology = mdtraj.Topology.from_openmm(net.topology)
    frames = mdtraj.load(directory / "openmm.dcd", top=topology)
    state = simulation.context.getState(getPositions=True)
    raw = state.getPositions(asNumpy=True).value_in_unit(openmm.unit.nanometer)
    assert np.abs(tn.fold(frames.xyz[-1]) - tn.fold(raw)).max() < 1e-4
    simulation.loadCheckpoint(str(directory / "state.chk"))
    print(f"OpenMM: {frames.n_frames} frames of {frames.n_atoms} parameters x 3 replicas")


def analyse(directory: Path) -> None:
    """A run of the two-time protocol, through MDTraj and MDAnalysis."""
    config = make_config({**SETTINGS, "samples": 3, "waiting-times": [200], "follow": 500})
    tn.protocols.create_run(config, directory / "run", overwrite=True).execute()
    with tn.load(directory / "run") as run:
        stage = run.follow(200)
        trajectory = stage.to_mdtraj(block=0)  # the three copies of sample 0 as x, y and z
        replica = stage.to_mdtraj(replica=0)  # one of them
        stage.export(directory / "stage.dcd")
        stage.export(directory / "network.pdb", frames=slice(0, 1))

    print(trajectory)
    for selection in ("resname J03", "chainid 1", "name '2' and resname S01"):
        print(f"  {selection!r}: {len(trajectory.topology.select(selection))} parameters")

    # MDTraj: how far a layer's weights fluctuate, and how far they are from their start.
    for layer in (1, 2, 3):
        weights = replica.topology.select(f"resname J{layer:02d}")
        rmsf = np.sqrt(((replica.xyz - replica.xyz.mean(axis=0)) ** 2).sum(-1).mean(0))[weights]
        part = replica.atom_slice(weights)
        moved = np.sqrt(((part.xyz - part.xyz[0]) ** 2).sum(-1).mean(-1))
        print(f"  J{layer}: RMSF {rmsf.mean():.2e} nm, RMSD to t_w {moved[-1]:.2e} nm")
    # mdtraj.rmsd removes translation and rotation, which mean something only in ordinary space.
    aligned = mdtraj.rmsd(trajectory, trajectory, 0)
    fluctuations = mdtraj.rmsf(trajectory, trajectory, 0)
    print(f"  mdtraj.rmsd {aligned[-1]:.2e} nm, mdtraj.rmsf {fluctuations.mean():.2e} nm")

    # MDAnalysis reads the same files, in its own unit, Angstrom.
    universe = MDAnalysis.Universe(str(directory / "network.pdb"), str(directory / "stage.dcd"))
    output = universe.select_atoms("resname J03")
    fluctuation = rms.RMSF(output).run().results.rmsf
    distance = rms.RMSD(output, ref_frame=0).run().results.rmsd[-1, 2]
    print(f"MDAnalysis: {universe.trajectory.n_frames} frames, {output.n_atoms} atoms in J03")
    print(f"  RMSF {fluctuation.mean() / 10:.2e} nm, RMSD to t_w {distance / 10:.2e} nm")

    try:
        stage.export(directory / "stage.xtc")
    except InputError as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "mdtraj-example")
    target.mkdir(parents=True, exist_ok=True)
    simulate(target)
    analyse(target)
