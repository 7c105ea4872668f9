"""What `describe` computes: every option, once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from openmm_thermalnet.config import FLAGS, Integers


class EffectiveOptions(BaseModel):
    """Options of the effective model; every field is a flag of ``thermalnet effective``."""

    model_config = FLAGS

    threshold: float | None = Field(
        None, ge=0, le=1, description="keep runs of at least this test accuracy"
    )
    layers: Integers | None = Field(None, description="layers of weights [default: all]")
    most_weights: int = Field(
        700, ge=2, description="weights of a block; of larger ones so many are drawn at random"
    )
    fit: bool = Field(True, description="fit the model, where there are runs enough")
    copies: int = Field(
        16, ge=1, description="orders of the hidden units, where these have no names"
    )
    check: bool = Field(
        False, description="compare couplings with pseudo-likelihood, up to 300 weights"
    )
    references: int = Field(1, ge=0, description="landscapes around so many configurations")
    x_max: float = Field(3.0, gt=0, description="landscape: x goes from minus this to this")
    points: int = Field(31, ge=2, description="landscape: values of x")
    seed: int = Field(0, ge=0, description="of permutations and draws")

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the flags."""
        return self.model_dump(mode="json", by_alias=True)
