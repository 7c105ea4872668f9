"""Every public function of the package, and good arguments for those that take numbers.

`tests/test_public_functions.py` spoils the arguments one by one: with a unit, a mask, a NaN, or a
float for an integer. A public function that is in neither `TAKERS` nor `NO_NUMBERS` fails there.
"""

from __future__ import annotations

import inspect
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from openmm import unit

import openmm_thermalnet as tn
from openmm_thermalnet import analysis, ensembles, integrators, protocols, schedules
from openmm_thermalnet.analysis import effective, ising

RNG = np.random.default_rng(0)
NM, PS, KJ = unit.nanometer, unit.picosecond, unit.kilojoule_per_mole


@dataclass(frozen=True)
class Taker:
    """A function with good arguments; those in `units` are physical quantities."""

    call: Callable[..., Any]
    arguments: dict[str, Any]
    units: dict[str, unit.Unit] = field(default_factory=dict)


def taker(call: Callable[..., Any], units: dict[str, unit.Unit] | None = None, **arguments: Any):
    return Taker(call, arguments, units or {})


def public_functions() -> Iterator[str]:
    """Dotted names of the public functions, methods and constructors."""
    yield from _members(tn, "")
    yield from _members(ensembles, "ensembles.")


def _members(module: ModuleType, prefix: str) -> Iterator[str]:
    own = (
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", "") == module.__name__
    )
    for name in getattr(module, "__all__", None) or own:
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from _members(value, f"{prefix}{name}.")
        elif inspect.isclass(value):
            if "__init__" in vars(value) and not is_dataclass(value):
                yield f"{prefix}{name}"
            for method, function in inspect.getmembers(value, inspect.isroutine):
                ours = getattr(function, "__module__", None) or ""
                if method[0] != "_" and ours.startswith("openmm_thermalnet"):
                    yield f"{prefix}{name}.{method}"
        elif inspect.isfunction(value):
            yield f"{prefix}{name}"


# --- arguments ----------------------------------------------------------------------------------

INPUTS, TEST_INPUTS = RNG.choice([-1.0, 1.0], (6, 5)), RNG.choice([-1.0, 1.0], (4, 5))
TARGETS, TEST_TARGETS = RNG.choice([-1.0, 1.0], (6, 1)), RNG.choice([-1.0, 1.0], (4, 1))
DATA = tn.datasets.from_arrays(INPUTS, TARGETS, TEST_INPUTS, TEST_TARGETS)
NET = tn.ThermalNet(DATA, 3, 3)
FEED = tn.FeedForwardNet(DATA, (5, 3, 1), loss="mse", bias=True)
Q, V = RNG.uniform(-3, 3, (NET.particles, 3)), RNG.normal(size=(NET.particles, 3))
W = RNG.uniform(-1, 1, (FEED.particles, 3))
MASSES = RNG.choice([1.0, 4.0], NET.particles)
SPINS, WEIGHTS = NET.spins(Q), NET.weights(Q)
FEED_WEIGHTS, BIASES = FEED.weights(W), FEED.biases(W)

STEPS, SAMPLE = np.array([0, 1, 2, 4]), np.array([0, 0, 0])
FRAMES = RNG.standard_normal((4, 3, 6))
FRAMES[0] = FRAMES[0, 0]
START = FRAMES[0]
DYNAMICS = {"x": FRAMES, "reference": START, "steps": STEPS, "sample": SAMPLE}
DENSITY = {"frames": np.array([1, 3]), "bins": 8, "limits": (-2.0, 2.0)}
POINTS = np.geomspace(1, 100, 12)
CURVES = POINTS[:, None] ** -0.5 * np.exp(0.01 * RNG.standard_normal((12, 3)))
FALLING = np.array([1.0, 0.6, 0.2, 0.1])
THREE = np.array([0.1, 0.5, 0.9])
MACHINES = RNG.standard_normal((9, 12))
OVERLAPS = analysis.compute_overlap_matrix(MACHINES, normalized=True)
DEPTHS = [
    analysis.compute_solid_depth(np.repeat([[0.9], [0.1]], [k, 6 - k], 0)) for k in (1, 2, 3, 4)
]
AUTO = analysis.compute_autocorrelation(FRAMES, START, STEPS, SAMPLE)
CLUSTERING = analysis.compute_overlap_clustering(OVERLAPS)

SIGNS = RNG.choice([-1.0, 1.0], (40, 4))
COUPLINGS, FIELDS = 0.1 * (np.ones((4, 4)) - np.eye(4)), np.array([0.1, -0.1, 0.2, 0.0])
MOMENTS = effective.compute_moments(SIGNS)
LANDSCAPE = {"reference": np.ones(4), "x": np.array([0.0, 0.5]), "messages": np.zeros((4, 4))}
SCAN, BACK = (
    effective.entropy_landscape(COUPLINGS, FIELDS, np.ones(4), x) for x in ([0.0, 0.5], [0.5, 0.0])
)

MACHINE = [RNG.standard_normal((3, 4)), RNG.standard_normal((2, 3))]
DOS = ising.wang_landau(MACHINE, 10, log_f_final=0.1)
QUENCH = {"weights": MACHINE, "starts": 4, "seed": 0, "sweeps": 2}
ENSEMBLE = ensembles.Ensemble(
    blocks=(np.ones((2, 1, 3, 4), dtype=np.int8), np.ones((2, 1, 2, 3), dtype=np.int8)),
    names=("layer 1", "layer 2"),
    samples=np.zeros(2, dtype=np.int64),
    accuracy=np.array([[0.4], [0.6]]),
    exchangeable=True,
)


def load_ensemble(after: int) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "signs.npz"
        np.savez(path, signs=SIGNS)
        return ensembles.load_ensemble(path, after=after).blocks


def kelvin(integrator: integrators.Thermostat) -> float:
    return float(integrator.integrator.getTemperature()._value)


def created(**options: Any) -> list[float]:
    made = integrators.create_integrator(**options).integrator
    return [made.getTemperature()._value, made.getFriction()._value, made.getStepSize()._value]


def brownian(**options: Any) -> list[float]:
    made = integrators.create_brownian(**options).integrator
    return [made.getTemperature()._value, made.getStepSize()._value]


def set_temperature(kT: Any) -> float:
    thermostat = integrators.create_integrator()
    thermostat.set_temperature(None, kT)  # type: ignore[arg-type]
    return kelvin(thermostat)


def annealed(kT: Any, interval: int, step: int, **options: Any) -> float:
    return schedules.Annealing([(step, kT), (10, 1.0)], interval=interval).kT(0)


def torch_weights(net: Any, **arguments: Any) -> Any:
    return [p.detach().numpy() for p in net.toTorch(**arguments).parameters()]


def method(name: str, units: dict[str, unit.Unit], **arguments: Any) -> dict[str, Taker]:
    """Of a network: its positions are lengths."""
    model, own = name.split(".")
    net = NET if model == "ThermalNet" else FEED
    call = (lambda **given: torch_weights(net, **given)) if own == "toTorch" else getattr(net, own)
    return {name: Taker(call, arguments, units)}


def of_positions(model: str, positions: Any, *names: str) -> dict[str, Taker]:
    found: dict[str, Taker] = {}
    for name in names:
        found |= method(f"{model}.{name}", {"positions": NM}, positions=positions)
    return found


def of_analysis(name: str, **arguments: Any) -> dict[str, Taker]:
    value: Any = analysis
    for part in name.split("."):
        value = getattr(value, part)
    return {f"analysis.{name}": Taker(value, arguments)}


TAKERS: dict[str, Taker] = {
    "fold": taker(tn.fold, {"q": NM}, q=THREE),
    "load_weights": taker(tn.load_weights, source=MACHINE),
    "Weights.replica": taker(tn.load_weights(WEIGHTS).replica, index=1),
    "WrapReporter": taker(tn.WrapReporter, reportInterval=5),
    "ThermalReporter": taker(
        lambda reportInterval: tn.ThermalReporter(io.StringIO(), reportInterval, NET),
        reportInterval=5,
    ),
    "ThermalNet": taker(
        lambda **given: tn.ThermalNet(DATA, **given).info("python"),
        depth=3,
        width=3,
        replicas=3,
        gain=1.0,
    ),
    "FeedForwardNet": taker(
        lambda **given: tn.FeedForwardNet(DATA, (5, 3, 1), **given).info("python"),
        weightDecay=0.1,
        replicas=3,
    ),
    **of_positions("ThermalNet", Q, "accuracy", "energyTerms", "layerEnergies", "spins", "weights"),
    **method("ThermalNet.toTorch", {"positions": NM}, positions=Q, replica=2),
    **method("ThermalNet.positions", {}, spins=SPINS, weights=WEIGHTS),
    **method("ThermalNet.forwardSpins", {}, weights=WEIGHTS),
    **method(
        "ThermalNet.temperatures",
        {"velocities": NM / PS, "system": unit.dalton},
        velocities=V,
        system=MASSES,
    ),
    **method(
        "ThermalNet.measure",
        {"positions": NM, "velocities": NM / PS, "masses": unit.dalton},
        positions=Q,
        velocities=V,
        masses=MASSES,
    ),
    **method("ThermalNet.randomPositions", {}, seed=1),
    **method("ThermalNet.withReplicas", {}, replicas=3),
    **method("ThermalNet.createSystem", {}, force="python", threads=1),
    **of_positions(
        "FeedForwardNet",
        W,
        "accuracy",
        "biases",
        "energyTerms",
        "loss",
        "unsatisfied",
        "weights",
    ),
    **method("FeedForwardNet.toTorch", {"positions": NM}, positions=W, replica=2),
    **method("FeedForwardNet.outputs", {"positions": NM}, positions=W, inputs=INPUTS),
    **method("FeedForwardNet.positions", {}, weights=FEED_WEIGHTS, biases=BIASES),
    **method("FeedForwardNet.measure", {"positions": NM}, positions=W, velocities=None),
    **method("FeedForwardNet.randomPositions", {}, seed=1),
    **method("FeedForwardNet.withReplicas", {}, replicas=3),
    **method("FeedForwardNet.createSystem", {}, force="python", threads=1),
    "datasets.from_arrays": taker(
        tn.datasets.from_arrays,
        train_inputs=INPUTS,
        train_targets=TARGETS,
        test_inputs=TEST_INPUTS,
        test_targets=TEST_TARGETS,
    ),
    "datasets.random_patterns": taker(
        tn.datasets.random_patterns, n_train=4, n_test=2, input_width=5, output_width=1, seed=0
    ),
    "datasets.teacher_student": taker(
        tn.datasets.teacher_student,
        n_train=4,
        n_test=2,
        input_width=5,
        width=3,
        depth=3,
        output_width=1,
        seed=0,
    ),
    "datasets.load_digits": taker(
        tn.datasets.load_digits, n_train=10, n_test=4, seed=0, threshold=0.5
    ),
    "datasets.load_mnist": taker(
        tn.datasets.load_mnist, n_train=10, n_test=4, seed=0, threshold=0.5
    ),
    "datasets.load_mnist_pca": taker(
        tn.datasets.load_mnist_pca, n_train=30, n_test=4, components=3, seed=0
    ),
    "units.temperature": taker(tn.units.temperature, {"kT": KJ}, kT=0.01),
    "units.reduced_temperature": taker(
        tn.units.reduced_temperature, {"kelvin": unit.kelvin}, kelvin=300.0
    ),
    "units.friction": taker(tn.units.friction, {"timestep": PS}, eta=1e-3, timestep=0.01),
    "units.timestep": taker(tn.units.timestep, {"dt": PS}, dt=0.01),
    "schedules.linear_steps": taker(schedules.linear_steps, last=10, interval=2),
    "schedules.logarithmic_steps": taker(schedules.logarithmic_steps, last=10, per_decade=2),
    "schedules.logarithmic_steps_from": taker(
        lambda **given: schedules.logarithmic_steps_from([0, 5], **given), last=10, per_decade=2
    ),
    "schedules.Annealing": taker(annealed, {"kT": KJ}, kT=0.1, interval=5, step=0),
    "schedules.Annealing.kT": taker(schedules.Annealing([(0, 0.1)]).kT, step=5),
    "schedules.Annealing.changes": taker(schedules.Annealing([(0, 0.1), (9, 1.0)]).changes, last=5),
    "integrators.create_integrator": taker(
        created, {"kT": KJ, "timestep": PS}, kT=0.1, friction=1e-3, timestep=0.01, seed=1
    ),
    "integrators.create_brownian": taker(
        brownian, {"kT": KJ, "learning_rate": PS}, kT=0.1, learning_rate=0.1, patterns=3, seed=1
    ),
    "integrators.check_seed": taker(integrators.check_seed, seed=1),
    "integrators.find_platform": taker(integrators.find_platform, name="Reference", threads=1),
    "integrators.Thermostat.set_seed": taker(integrators.create_integrator().set_seed, seed=1),
    "integrators.Thermostat.set_temperature": taker(set_temperature, {"kT": KJ}, kT=0.1),
    "protocols.weights_start": taker(
        lambda weights: protocols.weights_start(NET, weights).positions, weights=WEIGHTS
    ),
    "protocols.Start.of": taker(
        lambda positions: protocols.Start.of(NET, positions), {"positions": NM}, positions=Q
    ),
    "protocols.Start.replicate": taker(
        lambda copies: protocols.Start.of(NET, Q).replicate(NET, copies), copies=2
    ),
    **of_analysis(
        "compute_ageing",
        waiting_steps=np.array([1, 2, 4]),
        tau=THREE,
        log_error=np.array([0.1, 0.2, 0.1]),
    ),
    "ensembles.load_ensemble": taker(load_ensemble, after=0),
    "ensembles.symmetrize": taker(
        lambda copies: ensembles.symmetrize(ENSEMBLE, copies, RNG), copies=2
    ),
    "ensembles.Ensemble.flat": taker(ENSEMBLE.flat, block=0),
    "ensembles.Ensemble.with_flat": taker(
        lambda spins: ENSEMBLE.with_flat(spins).blocks, spins=ENSEMBLE.flat()
    ),
    "ensembles.Ensemble.at_least": taker(
        lambda threshold: ENSEMBLE.at_least(threshold).blocks, threshold=0.5
    ),
    **of_analysis("compute_autocorrelation", **DYNAMICS),
    **of_analysis("compute_block_error", values=RNG.standard_normal(64)),
    **of_analysis(
        "compute_collapse",
        x=[POINTS, POINTS],
        y=[CURVES[:, 0], CURVES[:, 1]],
        error=[0.01 * CURVES[:, 0], 0.01 * CURVES[:, 1]],
        window=(1.0, 50.0),
    ),
    "analysis.compute_correlations": taker(
        lambda x, reference, steps, sample: analysis.compute_correlations(
            [x], [reference], steps, sample
        ),
        **DYNAMICS,
    ),
    **of_analysis("compute_displacements", **DYNAMICS),
    **of_analysis("compute_energy_ratio", energy=FALLING),
    **of_analysis("compute_free_walk_time", width=THREE, diffusion=0.1, threshold=0.3),
    **of_analysis("compute_gaussian_overlap", width=THREE, msd=THREE),
    **of_analysis(
        "compute_hierarchy",
        matrix=OVERLAPS,
        max_clusters=3,
        significance=0.01,
        n_null=99,
        max_tested=256,
        seed=0,
    ),
    **of_analysis(
        "compute_late_average",
        steps=np.arange(4),
        values=RNG.standard_normal((4, 3)),
        sample=SAMPLE,
        start=0,
    ),
    **of_analysis("compute_local_exponent", x=POINTS, y=CURVES, decades=0.5),
    **of_analysis(
        "compute_log_displacements", **DYNAMICS, frames=np.array([1, 3]), bins=8, limits=(-2.0, 2.0)
    ),
    **of_analysis("compute_overlap_clustering", matrix=OVERLAPS),
    **of_analysis(
        "compute_overlap_distribution",
        matrix=OVERLAPS,
        sample=np.array([0, 0, 0, 0, 1, 1, 1, 1, 1]),
        bins=8,
        limits=(-1.0, 1.0),
    ),
    **of_analysis("compute_overlap_matrix", machines=MACHINES),
    **of_analysis("compute_overlap_width", reference=START + RNG.random(START.shape), a=500.0),
    **of_analysis("compute_phases", q_star=THREE, error=THREE, depth=4, threshold=0.3),
    **of_analysis(
        "compute_power_law",
        x=POINTS,
        y=CURVES,
        window=(1.0, 100.0),
        confidence=0.95,
        tolerance=0.1,
        decades=0.5,
    ),
    **of_analysis("compute_relaxation_time", steps=STEPS, correlation=FALLING, threshold=0.3),
    **of_analysis(
        "compute_relaxation_times",
        steps=STEPS,
        per_sample=FALLING[:, None] * np.ones(2),
        threshold=0.3,
    ),
    **of_analysis("compute_replica_correlation", x=FRAMES, steps=STEPS, sample=SAMPLE),
    **of_analysis("compute_solid_depth", q_star=RNG.random((3, 2)), threshold=0.3),
    "analysis.compute_solid_depth_fit": taker(
        lambda ln_alpha: analysis.compute_solid_depth_fit(ln_alpha, DEPTHS),
        ln_alpha=np.array([1.0, 2.0, 3.0, 4.0]),
    ),
    **of_analysis(
        "compute_transition", values=THREE, changed=np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    ),
    **of_analysis(
        "compute_van_hove", **DYNAMICS, frames=np.array([1, 3]), bins=8, limits=(-2.0, 2.0)
    ),
    **of_analysis("compute_weight_overlap", **DYNAMICS, width=THREE),
    "analysis.Curve.index_at": taker(AUTO.index_at, step=1),
    "analysis.Correlation.index_at": taker(AUTO.index_at, step=1),
    "analysis.OverlapClustering.labels": taker(CLUSTERING.labels, n_clusters=2),
    **of_analysis(
        "effective.bethe",
        couplings=COUPLINGS,
        fields=FIELDS,
        messages=np.zeros((4, 4)),
        tolerance=1e-9,
        max_iterations=100,
    ),
    **of_analysis("effective.bound", distances=THREE),
    "analysis.effective.compare": taker(
        lambda threshold: effective.compare(SCAN, BACK, threshold=threshold), threshold=0.02
    ),
    **of_analysis(
        "effective.compute_moments", configurations=SIGNS, weights=RNG.random(len(SIGNS))
    ),
    **of_analysis(
        "effective.entropy_landscape",
        couplings=COUPLINGS,
        fields=FIELDS,
        **LANDSCAPE,
        tolerance=1e-9,
        max_iterations=100,
    ),
    **of_analysis(
        "effective.fit",
        means=MOMENTS.means,
        correlations=MOMENTS.correlations,
        noise=0.0,
        l2=0.0,
        tolerance=1e-6,
        max_iterations=500,
    ),
    **of_analysis("ising.block_widths", **QUENCH),
    **of_analysis("ising.energy_width", **QUENCH),
    **of_analysis("ising.quench", **QUENCH),
    **of_analysis("ising.energy", weights=MACHINE, spins=np.ones(9)),
    **of_analysis("ising.exact_critical_temperature", weights=MACHINE, points=8),
    **of_analysis("ising.exact_thermodynamics", weights=MACHINE, temperatures=THREE),
    **of_analysis("ising.first_layers", weights=MACHINE, layers=1),
    **of_analysis("ising.ground_state_energy", weights=MACHINE),
    **of_analysis("ising.permuted", weights=MACHINE, fraction=0.5, seed=0),
    **of_analysis("ising.canonical_energy", dos=DOS, temperatures=THREE),
    **of_analysis("ising.critical_temperature", dos=DOS, width=2.0),
    **of_analysis("ising.normalised_specific_heat", dos=DOS, temperatures=THREE, width=2.0),
    **of_analysis("ising.specific_heat", dos=DOS, temperatures=THREE),
    **of_analysis(
        "ising.wang_landau",
        weights=MACHINE,
        bins=10,
        seed=0,
        log_f_final=0.1,
        windows=1,
        walkers=2,
        flatness=0.8,
        reach=1.0,
        max_steps=10**6,
        processes=1,
    ),
}

NO_NUMBERS = (
    "ThermalNet.contextEnergyTerms", "ThermalNet.createHamiltonian",
    "ThermalNet.createNetworkForce", "ThermalNet.info",
    "FeedForwardNet.contextEnergyTerms", "FeedForwardNet.createHamiltonian",
    "FeedForwardNet.createNetworkForce",
    "FeedForwardNet.info", "FeedForwardNet.fromTorch",
    "ThermalReporter.", "WrapReporter.",  # OpenMM gives them its own State
    "analyze_run", "load",
    "analysis.compute_chi4",  # of a Correlation
    "analysis.ising.DensityOfStates.",
    "ensembles.EffectiveOptions.as_json",
    "ensembles.Ensemble.of_runs",  # an index or mask array, as of numpy
    "ensembles.Ensemble.permuted",
    "ensembles.Ensemble.save",
    "ensembles.TrainingSettings.as_json",
    "ensembles.align",
    "ensembles.describe",
    "ensembles.read_ensemble",
    "ensembles.table_lines",
    "ensembles.train_ensemble",
    "ensembles.write_effective",
    "datasets.load_cifar10_pca",  # as load_mnist_pca, but of files that are not here
    "hamiltonians.",  # tensors, which have neither unit nor mask
    "plotting.",  # the content of analysis.json
    "protocols.Run.", "protocols.Stage.run",
    "protocols.Stage", "protocols.create_run", "protocols.open_run",
    "protocols.read_state_dict", "protocols.Start.load", "protocols.Start.save",
)  # fmt: skip
"""What takes no number from a user; a name that ends in a dot stands for all below it."""
