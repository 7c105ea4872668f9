"""Products with the fixed patterns on the CPU, packed once for oneDNN.

The first layer's two products have one factor that never changes. oneDNN lets such a matrix be
laid out for its kernels beforehand, and then is up to three times as fast as a plain product. The
operators are not part of torch's public interface, so `available` looks for them, and the plain
product stands in where they are missing.
"""

from __future__ import annotations

import torch
from torch import Tensor


def available() -> bool:
    """Whether this torch can multiply by a packed matrix in single precision."""
    return bool(torch._C._has_mkldnn) and all(
        hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


class PackedPatterns:
    """The input patterns times the gain, packed for both directions of the first layer.

    Parameters
    ----------
    inputs : Tensor, shape (N_0, M), float32 on the CPU
        S_0, a pattern in each column.
    gain : float
        Factor of both products.
    rows : int
        R N, rows of the matrices they will be multiplied with.
    """

    def __init__(self, inputs: Tensor, gain: float, rows: int) -> None:
        pack = torch.ops.mkldnn._reorder_linear_weight
        scaled = gain * inputs
        self._forward = pack(scaled.t().contiguous(), rows)
        self._backward = pack(scaled.contiguous(), rows)

    def fields(self, weights: Tensor, out: Tensor) -> None:
        """Write the local fields (R N, M) of weights (R N, N_0)."""
        out.copy_(_product(weights, self._forward))

    def gradient(self, fields: Tensor, out: Tensor) -> None:
        """Write the derivative by the weights (R N, N_0), given that by the fields (R N, M)."""
        out.copy_(_product(fields, self._backward))


def _product(matrix: Tensor, packed: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(matrix, packed, None, "none", [], "")
    return product
