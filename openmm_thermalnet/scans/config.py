"""Everything a scan depends on: one model for the command line, TOML files and scan.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from openmm_thermalnet.config import FLAGS, RunConfig, make_config, split_numbers

Kind = Literal["trivialisation", "jamming"]

Numbers = Annotated[tuple[float, ...], BeforeValidator(split_numbers)]

_USUAL = {
    "trivialisation": tuple(round(0.01 * step, 2) for step in range(16)),
    "jamming": (3, 4, 6, 8, 11, 15, 20, 30),
}


class ScanConfig(BaseModel):
    """Parameters of a scan, with the defaults of the command line (arXiv:2405.13098).

    Every field but `kind` is a flag of ``thermalnet scan trivialisation`` and ``... jamming``.
    """

    model_config = FLAGS

    kind: Kind
    values: Numbers = Field(
        (),
        description="weight decays of trivialisation, or widths of jamming, ascending "
        "[default: 0 to 0.15, or 3 to 30]",
    )
    dataset: str = Field("mnist-pca", description="as of thermalnet run")
    source: str | None = Field(None, description="as of thermalnet run")
    components: int = Field(10, description="principal components of mnist-pca and cifar10-pca")
    patterns: int = Field(4500, ge=1, description="P, training patterns")
    width: int = Field(30, description="neurons in a hidden layer, where it is not scanned")
    depth: int = Field(7, ge=1, description="layers of weights")
    activation: str = Field("relu", description="of the hidden layers")
    loss: str = Field("quadratic-hinge", description="quadratic-hinge, mse or cross-entropy")
    weight_decay: float = Field(0.0, description="lambda, where it is not scanned")
    samples: int = Field(6, description="random starts at every value; a multiple of 3")
    eta: float = Field(1e-3, description="step size")
    batch: int = Field(100, description="patterns in a minibatch")
    sgd_steps: int = Field(20_000, ge=0, description="steps of stochastic gradient descent")
    descent_steps: int = Field(
        50, ge=0, description="steps of full descent then at eta, and as many at eta/10"
    )
    precision: str = Field("single", description="of the gradient: single or double")
    threads: int = Field(1, ge=1, description="threads of torch")
    seed: int = Field(0, ge=0, description="everything random follows from it")
    data_seed: int | None = Field(None, description="draw of the patterns [default: --seed]")

    @model_validator(mode="after")
    def _consistent(self) -> ScanConfig:
        """What no single part of the package can see."""
        scanned = "width" if self.kind == "jamming" else "weight_decay"
        if scanned in self.model_fields_set:
            name = scanned.replace("_", "-")
            raise ValueError(f"{name} is what {self.kind} scans; give its values")
        values = self.scanned
        if list(values) != sorted(set(values)):
            raise ValueError(f"values {_text(values)} do not ascend; sort them")
        if len(values) < 2:
            raise ValueError(f"values has only {_text(values)}; give two or more")
        if values[0] < 0:
            raise ValueError(f"values has {values[0]:g}; give numbers that are not negative")
        if self.kind == "jamming" and any(value != int(value) for value in values):
            raise ValueError(f"values {_text(values)} are widths; give whole numbers")
        return self

    @property
    def scanned(self) -> tuple[float, ...]:
        """The values that are scanned: those given, or the usual ones of the kind."""
        return self.values or _USUAL[self.kind]

    @property
    def data(self) -> RunConfig:
        """What makes the patterns, as a run's configuration has it."""
        return make_config(
            {
                "dataset": self.dataset,
                "source": self.source,
                "components": self.components,
                "patterns": self.patterns,
                "test-patterns": 0,
                "seed": self.seed,
                "data-seed": self.data_seed,
            }
        )

    def with_absolute_paths(self) -> ScanConfig:
        """The same, with paths that hold wherever the scan goes on from."""
        found = {
            name: str(Path(value).absolute())
            for name in ("dataset", "source")
            if (value := getattr(self, name)) is not None and Path(value).is_dir()
        }
        return self.model_copy(update=found)


def _text(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
