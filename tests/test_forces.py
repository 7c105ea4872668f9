"""A Hamiltonian as an OpenMM force: every binding, platform and precision, serialized or not."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import openmm
import own_energy  # noqa: F401  # registers "quartic", an energy without derivatives of its own
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet import hamiltonians, native, release
from openmm_thermalnet.errors import DependencyError
from openmm_thermalnet.forces import (
    EnergyAndForces,
    PythonTorchEnergyAndForces,
    TorchEnergyAndForces,
    UnboundedTorchEnergyAndForces,
    create_force,
    resolve_binding,
)
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.walls import PERIOD

DTYPES = {"single": torch.float32, "double": torch.float64}
TOLERANCES = {"single": 1e-5, "double": 1e-10}

every_energy = pytest.mark.parametrize("energy", hamiltonians.names())
every_precision = pytest.mark.parametrize("precision", DTYPES)


def raw_start(net, seed=0):
    """Random coordinates, most of them beyond the walls."""
    return 5 * net.randomPositions(seed)


def evaluation(net, cls=EnergyAndForces):
    return cls(net.createHamiltonian(), net.layout, DTYPES[net.precision])


def evaluation_of(net):
    return EnergyAndForces(net.createHamiltonian(), net.layout, DTYPES[net.precision], net.walls)


def exact(net, positions):
    """Energy and forces in float64."""
    net = type(net)(net.dataset, net.depth, net.width, net.replicas, net.energy, net.gain, "double")
    energy, forces = evaluation(net).evaluate(positions._value)
    return energy, forces.copy()


def energy_and_forces(context):
    state = context.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def skip_if_lacking(net, binding):
    if binding == "native" and net.nativeLacks:
        pytest.skip(net.nativeLacks)


def assert_agree(found, wanted, tolerance):
    assert found[0] == pytest.approx(wanted[0], rel=tolerance)
    assert np.abs(found[1] - wanted[1]).max() < tolerance * np.abs(wanted[1]).max()


# --- forces are minus the slope of the energy ---------------------------------------------------


@every_energy
@pytest.mark.parametrize("gain", [1.0, "fan_in"])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_forces_are_those_of_central_differences_beyond_the_walls_too(
    energy, gain, depth, make_net
):
    net = make_net(depth=depth, energy=energy, gain=gain, precision="double")
    evaluate = evaluation(net).evaluate
    positions = raw_start(net)._value
    assert (np.abs(positions) > 3).any()
    force = evaluate(positions)[1].copy()
    numerical = np.empty_like(force)
    h = 1e-5
    for index in np.ndindex(*positions.shape):
        ends = []
        for step in (h, -h):
            moved = positions.copy()
            moved[index] += step
            ends.append(evaluate(moved)[0])
        numerical[index] = (ends[1] - ends[0]) / (2 * h)
    assert np.linalg.norm(force - numerical) < 1e-6 * np.linalg.norm(numerical)


# --- every binding on every platform ------------------------------------------------------------


@every_energy
@every_precision
def test_energy_and_forces_before_and_after_serialization(
    energy, precision, binding, platform, make_net, make_context
):
    net = make_net(replicas=6, energy=energy, precision=precision)
    skip_if_lacking(net, binding)
    start = raw_start(net)
    wanted = exact(net, start)
    # A GPU's positions are single precision.
    tolerance = TOLERANCES[precision if platform in ("Reference", "CPU") else "single"]
    system = net.createSystem(force=binding)
    serialized = openmm.XmlSerializer.serialize(system)
    for each in (system, openmm.XmlSerializer.deserialize(serialized)):
        context = make_context(each, start, platform)
        for _ in range(3):  # TorchScript compiles anew after the first calls
            assert_agree(energy_and_forces(context), wanted, tolerance)
    assert len(openmm.XmlSerializer.serialize(system)) == len(serialized)


def test_coupling_scales_energy_and_forces(binding, platform, make_net, make_context):
    net = make_net()
    context = make_context(net.createSystem(force=binding), raw_start(net), platform)
    assert context.getParameters()["coupling"] == 1
    energy, force = energy_and_forces(context)
    for coupling in (0.25, 2.0, 0.0):
        context.setParameter("coupling", coupling)
        found = energy_and_forces(context)
        assert found[0] == pytest.approx(coupling * energy, rel=1e-6)
        np.testing.assert_allclose(found[1], coupling * force, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("binding", ["python", "pythontorch"])
def test_couplings_of_replicas_and_of_weight_decay(binding, make_net, patterns):
    """Also of the callable of a PythonTorchForce, which is in no wheel yet."""
    data = tn.datasets.from_arrays(patterns.train_inputs, np.sign(patterns.train_targets[:, :1]))
    options = {"replicas": 6, "precision": "double"}
    nets = [make_net(**options), tn.FeedForwardNet(data, (5, 3, 1), weightDecay=0.1, **options)]
    couplings = np.array([0.0, 0.5, 1.0, 2.0, -1.0, 0.25])
    parameters = {f"coupling_{r}": value for r, value in enumerate(couplings)}
    parameters |= {"coupling": 0.3, "decay_coupling": 4.0}
    for net in nets:
        positions = net.randomPositions(1)._value
        kind = TorchEnergyAndForces if net.walls else UnboundedTorchEnergyAndForces
        if binding == "python":
            context = openmm.Context(
                net.createSystem("python"), openmm.VerletIntegrator(0.01), *find_platform("CPU")
            )
            context.setPositions(positions)
            for name, value in parameters.items():
                context.setParameter(name, value)
            energy, forces = energy_and_forces(context)
        else:
            module = kind(net.createHamiltonian(), net.layout, net.dtype, net.walls)
            state = SimpleNamespace(getParameters=lambda: parameters)
            found = PythonTorchEnergyAndForces(module)(state, torch.tensor(positions))
            energy, forces = found[0].item(), found[1].numpy()
        terms = net.energyTerms(positions)
        own = terms.sum(axis=1) if net.walls else terms[:, 0]
        prior = 0.0 if net.walls else terms[:, 1].sum()
        assert energy == pytest.approx(0.3 * couplings @ own + 4 * prior, rel=1e-12)
        full = net.layout.coordinates(evaluation_of(net).evaluate(positions)[1].copy())
        slope = -0.1 * net.layout.coordinates(positions) if not net.walls else 0.0
        wanted = 0.3 * couplings[:, None] * (full - slope) + 4 * slope
        np.testing.assert_allclose(net.layout.coordinates(forces), wanted, atol=1e-13)


def test_a_coupling_that_is_no_number_stops_the_python_force(make_net, make_context):
    context = make_context(make_net().createSystem("python"), make_net().randomPositions(1))
    context.setParameter("coupling_1", np.nan)
    with pytest.raises(openmm.OpenMMException, match="give finite numbers"):
        energy_and_forces(context)


def test_wrapping_into_the_box_changes_nothing(binding, platform, make_net, make_context):
    net = make_net(precision="double")
    context = make_context(net.createSystem(force=binding), raw_start(net), platform)
    before = energy_and_forces(context)
    state = context.getState(getPositions=True, enforcePeriodicBox=True)
    wrapped = state.getPositions(asNumpy=True)
    assert wrapped._value.min() >= -1e-6
    assert wrapped._value.max() <= PERIOD + 1e-6
    context.setPositions(wrapped)
    tolerance = TOLERANCES["double" if platform in ("Reference", "CPU") else "single"]
    assert_agree(energy_and_forces(context), before, tolerance)


def test_replicas_do_not_feel_each_other(binding, make_net, make_context):
    net = make_net(replicas=6, precision="double")
    start = raw_start(net)
    context = make_context(net.createSystem(force=binding), start)
    energies = net.layerEnergies(start)
    force = net.layout.coordinates(energy_and_forces(context)[1])
    for replica in range(net.replicas):
        others = np.arange(net.replicas) != replica
        coordinates = net.layout.coordinates(raw_start(net, seed=1)).copy()
        coordinates[replica] = net.layout.coordinates(start)[replica]
        moved = net.layout.positions(coordinates)
        context.setPositions(moved)
        moved_force = net.layout.coordinates(energy_and_forces(context)[1])
        np.testing.assert_allclose(net.layerEnergies(moved)[replica], energies[replica], rtol=1e-13)
        np.testing.assert_allclose(moved_force[replica], force[replica], rtol=0, atol=1e-13)
        assert (np.abs(moved_force[others] - force[others]).max(axis=1) > 0.01).all()


def test_the_energy_is_the_sum_over_layers_and_replicas(binding, make_net, make_context):
    net = make_net(replicas=6, precision="double")
    start = raw_start(net)
    context = make_context(net.createSystem(force=binding), start)
    total = net.layerEnergies(start).sum()
    assert energy_and_forces(context)[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.torchforce
def test_torchforce_and_pythonforce_move_alike(make_net, make_context):
    """The same 50 Verlet steps with both, to rounding."""
    pytest.importorskip("openmmtorch", reason="openmm-torch is not installed")
    net = make_net(precision="double")
    ends = []
    for force in ("python", "torch"):
        context = make_context(net.createSystem(force=force), net.randomPositions(0))
        context.getIntegrator().step(50)
        ends.append(context.getState(getPositions=True).getPositions(asNumpy=True)._value)
    np.testing.assert_allclose(*ends, rtol=0, atol=1e-10)


# --- the callables themselves -------------------------------------------------------------------


@every_energy
@every_precision
def test_pythontorchforce_evaluates_the_same(energy, precision, make_net):
    """No wheel has PythonTorchForce yet: its callable is called as openmm-torch would."""
    net = make_net(energy=energy, precision=precision)
    start = raw_start(net)
    wanted = exact(net, start)
    call = PythonTorchEnergyAndForces(evaluation(net, TorchEnergyAndForces))
    positions = torch.tensor(start._value)
    for coupling in (1.0, 0.5):
        state = SimpleNamespace(getParameters=lambda value=coupling: {"coupling": value})
        energy_, force = call(state, positions)
        assert force.shape == positions.shape
        assert force.dtype == positions.dtype
        found = energy_.item() / coupling, force.numpy() / coupling
        assert_agree(found, wanted, TOLERANCES[precision])


@every_energy
def test_torchscript_compiles_every_energy(energy, make_net):
    """As TorchForce would, but without openmm-torch; single-precision positions as on a GPU."""
    net = make_net(energy=energy)
    start = raw_start(net)
    wanted = exact(net, start)
    module = torch.jit.script(evaluation(net, TorchEnergyAndForces))
    for dtype in (torch.float64, torch.float32):
        positions = torch.tensor(start._value, dtype=dtype)
        for _ in range(3):
            found, force = module(positions, torch.eye(3), torch.tensor(1.0), torch.tensor(1.0))
            assert force.dtype == dtype
            assert_agree((found.item(), force.numpy()), wanted, TOLERANCES["single"])


@every_energy
def test_a_used_force_keeps_no_scratch(energy, binding, make_net, make_context):
    """What is saved are patterns and code, not the 42,000 numbers of the gradient and others."""
    net = make_net(depth=21, width=25, energy=energy)
    skip_if_lacking(net, binding)
    system = net.createSystem(force=binding)
    energy_and_forces(make_context(system, net.randomPositions(0)))
    saved = openmm.XmlSerializer.serialize(system.getForce(0))
    assert 3 * net.particles > 42_000
    assert len(saved) < 50_000


def test_a_callable_that_was_used_can_be_pickled(make_net):
    net = make_net()
    used = evaluation(net)
    wanted = used.evaluate(raw_start(net)._value)
    copy = pickle.loads(pickle.dumps(used))
    assert_agree(copy.evaluate(raw_start(net)._value), wanted, 1e-15)


def test_torch_threads_are_those_asked_for(make_net):
    net = make_net()
    threads = torch.get_num_threads()
    arguments = (net.createHamiltonian(), net.layout, torch.float32)
    try:
        for wanted in (2, 1):
            EnergyAndForces(*arguments, threads=wanted).evaluate(raw_start(net)._value)
            assert torch.get_num_threads() == wanted
    finally:
        torch.set_num_threads(threads)


def test_the_system_is_what_the_mapping_says(binding, make_net):
    net = make_net(replicas=6)
    system = net.createSystem(force=binding)
    assert system.getNumParticles() == 2 * net.particles
    masses = {system.getParticleMass(i)._value for i in range(system.getNumParticles())}
    assert masses == {1.0}
    assert system.getNumConstraints() == 0
    assert system.getNumForces() == 1
    assert system.usesPeriodicBoundaryConditions()
    box = [list(vector._value) for vector in system.getDefaultPeriodicBoxVectors()]
    np.testing.assert_array_equal(box, PERIOD * np.eye(3))


# --- which binding ------------------------------------------------------------------------------


class FakeForce:
    """What `create_force` calls on a force of openmm-torch."""

    def __init__(self, evaluation, parameters=None):
        self.evaluation = evaluation
        self.parameters = parameters or {}
        self.properties = {}

    def setOutputsForces(self, outputs):
        self.outputs_forces = outputs

    def addGlobalParameter(self, name, value):
        self.parameters[name] = value

    def setProperty(self, name, value):
        self.properties[name] = value

    def setUsesPeriodicBoundaryConditions(self, periodic):
        self.periodic = periodic


@pytest.fixture
def install(monkeypatch):
    """Pretend that some openmm-torch (None: none) and OpenMM are installed, and no engine."""

    def pretend(plugin, openmm_version="8.5.2", missing="it was not built: install it"):
        monkeypatch.setattr(native, "missing", lambda: missing)
        monkeypatch.setattr(native, "instruction_set", lambda: "x86-64-v2")
        monkeypatch.setitem(sys.modules, "openmmtorch", plugin)
        monkeypatch.setattr(release, "version", lambda _: openmm_version)

    return pretend


WHEEL = SimpleNamespace(TorchForce=FakeForce)
MAIN = SimpleNamespace(TorchForce=FakeForce, PythonTorchForce=FakeForce)


@pytest.mark.parametrize(
    ("plugin", "openmm_version", "chosen"),
    [
        (None, "8.5.2", "python"),
        (None, "8.6.1", "python"),
        (WHEEL, "8.5.2", "torch"),
        (WHEEL, "8.6.1", "python"),
        (MAIN, "8.6.1", "pythontorch"),
    ],
)
def test_auto_takes_openmmtorch_where_it_fits(plugin, openmm_version, chosen, install, make_net):
    install(plugin, openmm_version)
    assert resolve_binding("auto") == chosen
    assert resolve_binding("python") == "python"
    assert make_net().info()["force"] == chosen


def test_auto_takes_the_engine_before_all_where_it_has_the_energy(install, make_net, refused):
    install(MAIN, "8.6.1", missing=None)
    assert resolve_binding("auto") == resolve_binding("native") == "native"
    assert make_net().info()["force"] == "native"
    assert make_net().info()["instruction_set"] == "x86-64-v2"
    assert resolve_binding("auto", "it has no energy 'quartic'") == "pythontorch"
    assert make_net(energy="quartic").info()["force"] == "pythontorch"
    refused(
        lambda: make_net(energy="quartic").createSystem("native"),
        "no energy 'quartic'",
        error=DependencyError,
    )


def test_an_engine_that_is_missing_is_refused_with_the_remedy(install, make_net, refused):
    install(None)
    parts = ("force 'native': it was not built: install it", "use force='python'")
    refused(lambda: make_net().createSystem("native"), *parts, error=DependencyError)


@pytest.mark.parametrize("binding", ["torch", "pythontorch"])
def test_openmmtorch_asked_for_and_missing_is_refused(binding, install, refused, make_net):
    install(None)
    parts = (f"force '{binding}'", "openmm-torch is not installed", "use force='python'")
    refused(lambda: resolve_binding(binding), *parts, error=DependencyError)
    refused(lambda: make_net().createSystem(force=binding), *parts, error=DependencyError)


def test_an_openmmtorch_that_does_not_import_is_refused_with_its_reason(
    monkeypatch, tmp_path, refused
):
    broken = "raise ImportError('undefined symbol: set_stride\\nand more')\n"
    (tmp_path / "openmmtorch.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openmmtorch", raising=False)
    monkeypatch.setattr(native, "missing", lambda: "it was not built")
    reason = "does not import (undefined symbol: set_stride)"
    refused(lambda: resolve_binding("torch"), reason, error=DependencyError)
    assert resolve_binding("auto") == "python"


def test_a_torchforce_wheel_with_openmm_8_6_is_refused(install, refused):
    """Serializing a System with one kills the interpreter."""
    install(WHEEL, "8.6.1")
    refused(
        lambda: resolve_binding("torch"), "crashes", "use force='python'", error=DependencyError
    )


def test_pythontorchforce_from_a_wheel_without_it_is_refused(install, refused):
    install(WHEEL)
    refused(lambda: resolve_binding("pythontorch"), "no PythonTorchForce", error=DependencyError)


def test_an_unknown_binding_is_refused(refused, make_net):
    parts = ("'cuda'", "auto, native, python, torch or pythontorch")
    refused(lambda: resolve_binding("cuda"), *parts)
    refused(lambda: make_net().createSystem(force="cuda"), *parts)


@pytest.mark.parametrize("binding", ["torch", "pythontorch"])
def test_openmmtorch_gets_what_it_needs(binding, install, make_net):
    install(MAIN)
    net = make_net()
    force = create_force(net.createHamiltonian(), net.layout, torch.float32, binding=binding)
    names = {"coupling", "decay_coupling"}
    if binding == "pythontorch":
        names |= {"coupling_0", "coupling_1", "coupling_2"}
    assert force.parameters == dict.fromkeys(names, 1.0)
    assert force.periodic
    if binding == "torch":
        assert force.outputs_forces
        assert isinstance(force.evaluation, torch.jit.ScriptModule)
        assert force.properties == {}
    else:
        assert isinstance(force.evaluation, PythonTorchEnergyAndForces)


def test_cuda_graphs_are_a_property_of_torchforce(install, refused, make_net):
    install(WHEEL)
    net = make_net()
    arguments = (net.createHamiltonian(), net.layout, torch.float32)
    force = create_force(*arguments, binding="torch", cuda_graphs=True)
    assert force.properties == {"useCUDAGraphs": "true"}
    refused(
        lambda: net.createSystem(force="python", cudaGraphs=True), "cudaGraphs", "force='torch'"
    )
