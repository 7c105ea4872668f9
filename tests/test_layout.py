"""Which particle and coordinate holds which parameter, and the topology that names them."""

import mdtraj
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openmm import unit

from openmm_thermalnet.layout import Field, Layout, check_replicas
from openmm_thermalnet.topology import build_topology, residue_name

REPLICAS = st.sampled_from([3, 6, 9])
SIZES = st.integers(1, 4)
LAYOUTS = st.builds(
    Layout.thermal, SIZES, st.lists(SIZES, min_size=3, max_size=6).map(tuple), REPLICAS
)


def numbered(layout):
    """Positions whose every coordinate is another number."""
    return np.arange(3.0 * layout.blocks * layout.particles).reshape(-1, 3)


# --- the map -----------------------------------------------------------------------------------


def test_the_order_of_the_parameters():
    """Spins of layers 1 ... L-1 as [pattern, neuron], then weights 1 ... L as [neuron, input]."""
    layout = Layout.thermal(patterns=2, widths=(5, 3, 3, 4), replicas=3)
    assert [(f.name, f.kind, f.rows, f.columns) for f in layout.fields] == [
        ("S1", "spin", 2, 3),
        ("S2", "spin", 2, 3),
        ("J1", "weight", 3, 5),
        ("J2", "weight", 3, 3),
        ("J3", "weight", 4, 3),
    ]
    assert [(s.start, s.stop) for s in layout.slices] == [
        (0, 6),
        (6, 12),
        (12, 27),
        (27, 36),
        (36, 48),
    ]
    assert layout.particles == 48


@given(LAYOUTS)
def test_a_replica_is_one_coordinate_of_one_block(layout):
    """Parameter [i, j] of replica 3 b + c is coordinate c of its particle in block b."""
    positions = numbered(layout)
    coordinates = layout.coordinates(positions)
    assert coordinates.shape == (layout.replicas, layout.particles)
    by_kind = {kind: layout.unpack(coordinates, kind) for kind in ("spin", "weight")}
    seen = {"spin": 0, "weight": 0}
    for field, where in zip(layout.fields, layout.slices, strict=True):
        value = by_kind[field.kind][seen[field.kind]]
        seen[field.kind] += 1
        assert value.shape == (layout.replicas, field.rows, field.columns)
        for replica in range(layout.replicas):
            block, axis = divmod(replica, 3)
            for i, j in np.ndindex(field.rows, field.columns):
                particle = block * layout.particles + where.start + i * field.columns + j
                assert value[replica, i, j] == positions[particle, axis]


@given(LAYOUTS)
def test_positions_and_parameters_round_trip(layout):
    positions = numbered(layout)
    coordinates = layout.coordinates(positions)
    np.testing.assert_array_equal(layout.positions(coordinates), positions)
    parameters = layout.unpack(coordinates, "spin") + layout.unpack(coordinates, "weight")
    np.testing.assert_array_equal(layout.pack(parameters), coordinates)


@given(LAYOUTS)
def test_groups_are_the_runs_of_one_shape(layout):
    assert sum(group.size for group in layout.groups) == layout.particles
    fields = iter(zip(layout.fields, layout.slices, strict=True))
    for group in layout.groups:
        for member in range(group.count):
            field, where = next(fields)
            assert (field.rows, field.columns) == (group.rows, group.columns)
            assert where.start == group.start + member * field.size


def test_equal_middle_layers_are_one_group():
    layout = Layout.thermal(patterns=2, widths=(5, 3, 3, 3, 4), replicas=3)
    groups = [(group.start, group.count, group.rows, group.columns) for group in layout.groups]
    assert groups == [(0, 3, 2, 3), (18, 1, 3, 5), (33, 2, 3, 3), (51, 1, 4, 3)]


def test_positions_may_carry_units_or_be_integers():
    layout = Layout.thermal(1, (1, 1, 1), 3)
    positions = np.arange(9).reshape(3, 3)
    want = layout.coordinates(positions.astype(float))
    np.testing.assert_array_equal(layout.coordinates(positions), want)
    np.testing.assert_array_equal(layout.coordinates(positions * unit.nanometer), want)
    np.testing.assert_array_equal(layout.coordinates(10 * positions * unit.angstrom), want)
    assert layout.coordinates(positions.astype(np.float32)).dtype == np.float32


def test_one_matrix_serves_all_replicas():
    layout = Layout((Field("J1", "weight", 2, 2),), 6)
    packed = layout.pack([np.array([[1, 2], [3, 4]])])
    np.testing.assert_array_equal(packed, np.tile([1.0, 2, 3, 4], (6, 1)))


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "next_one"),
    [(0, 3), (-3, 3), (1, 3), (2, 3), (4, 6), (8, 9), (100, 102), (2.5, 3), (3.5, 6)],
)
def test_replicas_that_are_no_multiple_of_3_are_refused_with_the_next_one(
    replicas, next_one, refused
):
    refused(
        lambda: Layout.thermal(1, (1, 1, 1), replicas),
        f"replicas is {replicas}",
        f"multiple of 3 (x, y and z each hold one), such as {next_one}",
    )


def test_the_refusal_names_what_was_asked_for(refused):
    refused(lambda: check_replicas(4, "samples"), "samples is 4", "such as 6")
    assert check_replicas(np.int32(6)) == 6


@pytest.mark.parametrize("shape", [(2, 3), (4, 3), (3, 2), (9,), (1, 3, 3), (6, 3)])
def test_positions_of_another_shape_are_refused(shape, refused):
    layout = Layout.thermal(1, (1, 1, 1), 3)
    refused(lambda: layout.coordinates(np.zeros(shape)), str(shape), "needs (3, 3)")


def test_parameters_that_do_not_fit_are_refused(refused):
    layout = Layout.thermal(2, (5, 3, 4), 3)
    spins, first, last = np.zeros((2, 3)), np.zeros((3, 5)), np.zeros((4, 3))
    refused(lambda: layout.pack([spins, first]), "2 arrays", "has 3: S1, J1, J2")
    refused(lambda: layout.pack([spins, first.T, last]), "J1 has shape (5, 3)", "(3, 3, 5)")
    wrong_replicas = np.zeros((6, 2, 3))
    refused(lambda: layout.pack([wrong_replicas, first, last]), "S1 has shape (6, 2, 3)")


# --- the topology ------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "name"), [("S3", "S03"), ("J10", "J10"), ("theta", "theta")])
def test_residue_names(field, name):
    assert residue_name(field) == name


def test_chains_are_layers_residues_are_rows_atoms_are_parameters():
    layout = Layout.thermal(patterns=2, widths=(5, 3, 3, 4), replicas=6)
    topology = build_topology(layout)
    chains = list(topology.chains())
    assert [chain.id for chain in chains] == ["S1", "S2", "J1", "J2", "J3"] * layout.blocks
    for chain, field in zip(chains, layout.fields * layout.blocks, strict=True):
        residues = list(chain.residues())
        assert [residue.id for residue in residues] == [str(i + 1) for i in range(field.rows)]
        assert {residue.name for residue in residues} == {residue_name(field.name)}
        for residue in residues:
            atoms = [str(j + 1) for j in range(field.columns)]
            assert [atom.name for atom in residue.atoms()] == atoms
    assert topology.getNumAtoms() == layout.blocks * layout.particles
    assert topology.getNumBonds() == 0
    box = topology.getUnitCellDimensions().value_in_unit(unit.nanometer)
    assert tuple(box) == (4.0, 4.0, 4.0)


def test_mdtraj_selects_layers_and_neurons():
    layout = Layout.thermal(patterns=2, widths=(4, 3, 3, 3, 3, 2), replicas=6)
    topology = mdtraj.Topology.from_openmm(build_topology(layout))
    where = {f.name: s for f, s in zip(layout.fields, layout.slices, strict=True)}
    for selection, particles in {
        "resname J05": np.r_[where["J5"]],
        "resname S02": np.r_[where["S2"]],
        "resname J02 and resSeq 2": np.r_[where["J2"]][3:6],
    }.items():
        both_blocks = np.concatenate([particles, particles + layout.particles])
        np.testing.assert_array_equal(topology.select(selection), both_blocks)
    np.testing.assert_array_equal(topology.select("chainid 4"), np.r_[where["J1"]])
