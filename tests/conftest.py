"""What the tests share: small networks, and the platforms and bindings present here."""

import sys

import openmm
import pytest
from hypothesis import settings

import openmm_thermalnet as tn
from openmm_thermalnet import cli
from openmm_thermalnet.errors import DependencyError, InputError
from openmm_thermalnet.forces import resolve_binding
from openmm_thermalnet.integrators import find_platform

# Same examples every time, and no deadline: the first call of a kernel compiles it.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def patterns():
    """Four training patterns, 5 inputs, 2 outputs."""
    return tn.datasets.random_patterns(n_train=4, n_test=6, input_width=5, output_width=2, seed=0)


@pytest.fixture
def make_net(patterns):
    """Build a small network; keywords are those of `ThermalNet`."""

    def make(dataset=patterns, depth=3, width=3, **options):
        return tn.ThermalNet(dataset, depth, width, **options)

    return make


@pytest.fixture(
    params=[
        "Reference",
        "CPU",
        pytest.param("OpenCL", marks=pytest.mark.opencl),
        pytest.param("CUDA", marks=pytest.mark.cuda),
    ]
)
def platform(request):
    """Name of each OpenMM platform present here."""
    try:
        find_platform(request.param)
    except InputError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(params=["native", "python", pytest.param("torch", marks=pytest.mark.torchforce)])
def binding(request):
    """Each way of binding an energy that works here."""
    try:
        return resolve_binding(request.param)
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.fixture
def make_context():
    """Build a Context at some positions, by default with a Verlet integrator on Reference."""

    def make(system, positions, platform="Reference", integrator=None):
        integrator = integrator or openmm.VerletIntegrator(0.01)
        context = openmm.Context(system, integrator, *find_platform(platform))
        context.setPositions(positions)
        return context

    return make


@pytest.fixture
def refused():
    """Call something that must be refused in one line, which holds every one of `parts`."""

    def check(call, *parts, error=InputError):
        with pytest.raises(error) as caught:
            call()
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert part in message

    return check


@pytest.fixture
def thermalnet(monkeypatch, capsys):
    """Run the command line in this process: exit status, and lines of stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["thermalnet", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out.splitlines(), captured.err.splitlines()

    return call
