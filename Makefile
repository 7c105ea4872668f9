# Every target sets up what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
LIGHT := .venv
TORCHFORCE := .venv-torchforce
BENCH := .venv-bench
ENGINE := $(shell find openmm_thermalnet/native -name "*.h" -o -name "*.cpp" -o -name "*.i" -o -name CMakeLists.txt)
DOCS := .venv-docs

.PHONY: demo test test-torchforce lint bench docs reproduce sanitize wheel clean

demo: $(LIGHT)/ready  ## train a small thermal network on MNIST and draw what happened
	$(LIGHT)/bin/thermalnet run --config examples/demo.toml --out runs/demo --overwrite
	$(LIGHT)/bin/thermalnet plot runs/demo

test: $(LIGHT)/ready  ## the tests, with OpenMM's PythonForce
	$(LIGHT)/bin/python -m pytest -n 2

test-torchforce: $(TORCHFORCE)/ready  ## the quick tests again, with openmm-torch's TorchForce
	$(TORCHFORCE)/bin/python -m pytest -n 2 -m "not slow"

lint: $(LIGHT)/ready  ## style and types
	$(LIGHT)/bin/ruff check .
	$(LIGHT)/bin/ruff format --check .
	$(LIGHT)/bin/mypy
	$(LIGHT)/bin/clang-format --dry-run --Werror $(filter %.h %.cpp,$(ENGINE))

sanitize: $(LIGHT)/ready  ## the engine's kernels with AddressSanitizer and UBSan
	PATH="$(CURDIR)/$(LIGHT)/bin:$$PATH" cmake -S openmm_thermalnet/native -B build/sanitize -G Ninja -DTHERMALNET_PLUGIN=OFF -DTHERMALNET_TESTS=ON -DTHERMALNET_SANITIZE=ON
	PATH="$(CURDIR)/$(LIGHT)/bin:$$PATH" cmake --build build/sanitize --target kernel_tests
	$(LIGHT)/bin/ctest --test-dir build/sanitize --output-on-failure

wheel: $(LIGHT)/ready  ## a wheel with the engine, which needs no compiler where it is installed
	rm -rf build/wheels
	$(LIGHT)/bin/pip wheel --quiet --disable-pip-version-check --no-deps -w build/wheels .
	PATH="$(CURDIR)/$(LIGHT)/bin:$$PATH" $(LIGHT)/bin/auditwheel repair --exclude libOpenMM.so --exclude libOpenMMCPU.so -w build/wheels build/wheels/*-linux_*.whl

bench: $(BENCH)/ready  ## against what people would run instead (about 20 minutes)
	$(BENCH)/bin/python -m benchmarks.run

docs: $(DOCS)/ready  ## the pages of docs/ and the reference, as a site in build/site
	$(DOCS)/bin/mkdocs build --strict

reproduce: $(LIGHT)/ready  ## the long runs of docs/reproduction.md; interrupt and repeat at will
	$(LIGHT)/bin/python docs/reproduction/run.py runs/reproduction
	$(LIGHT)/bin/thermalnet sweep docs/reproduction/map.toml --out runs/reproduction/map
	$(LIGHT)/bin/thermalnet plot runs/reproduction/map
	$(LIGHT)/bin/python docs/reproduction/figures.py runs/reproduction runs/reproduction/figures
	$(LIGHT)/bin/python docs/reproduction/effective.py runs/reproduction runs/reproduction/figures
	$(LIGHT)/bin/python docs/reproduction/ising.py runs/reproduction
	$(LIGHT)/bin/python docs/reproduction/ising_figures.py runs/reproduction runs/reproduction/figures
	$(LIGHT)/bin/python docs/reproduction/glass.py runs/glass
	$(LIGHT)/bin/python docs/reproduction/glass_figures.py runs/glass runs/glass/figures

clean:
	rm -rf $(LIGHT) $(TORCHFORCE) $(BENCH) $(DOCS) build *.egg-info
	find . -name "*.nb[ci]" -delete

$(LIGHT)/ready: pyproject.toml constraints.txt $(ENGINE)
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# The engine is built for the OpenMM of the environment: without isolation here.
$(TORCHFORCE)/ready: pyproject.toml constraints-torchforce.txt $(ENGINE)
	$(PYTHON) -m venv $(TORCHFORCE)
	$(TORCHFORCE)/bin/pip install --quiet --disable-pip-version-check -c constraints-torchforce.txt openmm numpy scikit-build-core swig cmake ninja
	PATH="$(CURDIR)/$(TORCHFORCE)/bin:$$PATH" $(TORCHFORCE)/bin/pip install --quiet --disable-pip-version-check -c constraints-torchforce.txt --no-build-isolation -C build-dir=build/torchforce -e '.[test,torchforce-cpu]'
	touch $@

$(BENCH)/ready: pyproject.toml constraints.txt benchmarks/requirements.txt $(ENGINE)
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e . -r benchmarks/requirements.txt
	touch $@

$(DOCS)/ready: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check 'mkdocs-material>=9.5' 'mkdocstrings[python]>=0.27'
	touch $@
