"""Why `TorchBatched` is written as it is: ``python -m benchmarks.variants [--size MxNxL]``.

Each group does the same work in several ways; times are paired as in the benchmark.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch

from benchmarks.harness import Timed, compare, one_thread, repeat
from benchmarks.peers.common import Problem
from benchmarks.peers.torch_batched import TorchBatched, has_onednn
from benchmarks.run import size

if TYPE_CHECKING:
    from collections.abc import Callable

    Group = dict[str, Callable[[], object]]


def first_layer(p: Problem) -> Group:
    """Fields of layer 1: all replicas' weights (R N, N0) times the patterns."""
    R, M, N = p.replicas, p.M, p.N
    J, S = torch.randn(R * N, p.N0), torch.as_tensor(p.inputs)
    by_pattern, by_neuron = torch.empty(M, R * N), torch.empty(R * N, M)
    batched = torch.empty(R, N, M)
    group: Group = {
        "one GEMM, J S^T": lambda: torch.mm(J, S.T, out=by_neuron),
        "one GEMM, S J^T": lambda: torch.mm(S, J.T, out=by_pattern),
        "bmm over replicas": lambda: torch.matmul(J.view(R, N, p.N0), S.T, out=batched),
    }
    if has_onednn():
        op = torch.ops.mkldnn._linear_pointwise
        packed = torch.ops.mkldnn._reorder_linear_weight(S, R * N)
        group["oneDNN"] = lambda: op(J, S, None, "none", [], "")
        group["oneDNN, packed patterns"] = lambda: op(J, packed, None, "none", [], "")
    return group


def middle_fields(p: Problem) -> Group:
    """Fields of layers 2 to L-1, by which axis is last and how the layers are stacked."""
    J, rows, columns = _middle(p)
    out, out_t = torch.empty_like(columns), torch.empty_like(rows)
    layers = range(len(J))
    return {
        "patterns last, stacked": lambda: torch.bmm(J, columns, out=out),
        "neurons last, stacked": lambda: torch.bmm(rows, J.mT, out=out_t),
        "patterns last, a loop": lambda: [torch.mm(J[k], columns[k], out=out[k]) for k in layers],
    }


def middle_weights(p: Problem) -> Group:
    """Gradient with respect to the weights of layers 2 to L-1."""
    J, rows, columns = _middle(p)
    d, d_t, out = torch.randn_like(columns), torch.randn_like(rows), torch.empty_like(J)
    return {
        "patterns last": lambda: torch.bmm(d, columns.mT, out=out),
        "neurons last": lambda: torch.bmm(d_t.mT, rows, out=out),
    }


def _middle(p: Problem) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    pairs = (p.L - 2) * p.replicas
    rows = torch.randn(pairs, p.M, p.N)
    return torch.randn(pairs, p.N, p.N), rows, rows.mT.contiguous()


def activation(p: Problem) -> Group:
    """Hyperbolic tangent of all hidden fields."""
    h = torch.randn(p.replicas, p.spins)
    out = torch.empty_like(h)
    return {
        "tanh": lambda: torch.tanh(h, out=out),
        "2 sigmoid(2x) - 1": lambda: torch.mul(h, 2, out=out).sigmoid_().mul_(2).sub_(1),
        "sigmoid alone": lambda: torch.sigmoid(h, out=out),
    }


def walls(p: Problem) -> Group:
    """Turn the velocities of what is outside."""
    x = torch.rand(p.replicas * p.size) * 2.001 - 1.0005
    s = x.clamp(-1, 1)
    v, number, mask = torch.randn_like(x), torch.empty_like(x), torch.empty_like(x).bool()

    def by_mask() -> None:
        torch.ne(x, s, out=mask)
        torch.where(mask, -v, v, out=v)

    def by_index() -> None:
        outside = torch.ne(x, s, out=mask).nonzero()[:, 0]
        v[outside] = -v[outside]

    def by_number() -> None:
        torch.ne(x, s, out=number)
        v.addcmul_(v, number, value=-2)

    return {"as numbers": by_number, "bool mask": by_mask, "indices": by_index}


def noise(p: Problem) -> Group:
    """Random numbers of a step."""
    x = torch.empty(p.replicas * p.size)
    return {"normal": x.normal_, "uniform": x.uniform_}


def local(p: Problem) -> Group:
    """Residual, norm and the two local gradients: eager, and fused by torch.compile."""
    shape = (p.L - 1, p.replicas, p.N, p.M)
    S, h = torch.rand(shape) * 2 - 1, torch.randn(shape)
    u, w = torch.empty(shape), torch.empty(shape)

    def eager() -> None:
        sigma = torch.sigmoid(h)
        torch.sub(S, sigma, alpha=2, out=u).add_(1)
        u.mul_(torch.linalg.vector_norm(u, dim=(2, 3), keepdim=True).reciprocal_())
        torch.addcmul(sigma, sigma, sigma, value=-1, out=w).mul_(u)

    def plain() -> tuple[torch.Tensor, torch.Tensor]:
        sigma = torch.sigmoid(h)
        r = S - 2 * sigma + 1
        unit = r * torch.linalg.vector_norm(r, dim=(2, 3), keepdim=True).reciprocal()
        return unit, unit * (sigma - sigma * sigma)

    group: Group = {"eager": eager}
    compiled = torch.compile(plain)
    try:
        compiled()
    except Exception as error:  # no compiler here: inductor has many ways to say so
        print(f"torch.compile left out: {type(error).__name__}")
    else:
        group["torch.compile"] = compiled
    return group


def whole(p: Problem) -> Group:
    """Energy and forces."""
    group: Group = {"oneDNN off": TorchBatched(p, onednn=False).energy_and_forces}
    if has_onednn():
        group["oneDNN on"] = TorchBatched(p, onednn=True).energy_and_forces
    return group


GROUPS = (
    first_layer,
    middle_fields,
    middle_weights,
    activation,
    local,
    walls,
    noise,
    whole,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=size, default=(2000, 10, 10), metavar="MxNxL")
    parser.add_argument("--replicas", type=int, default=3)
    options = parser.parse_args()
    one_thread()
    problem = Problem.random(*options.size, replicas=options.replicas)
    for make in GROUPS:
        with torch.inference_mode():
            items = [Timed(name, repeat(call), 1) for name, call in make(problem).items()]
            compare(items, rounds=5, block=0.05)
        print(f"{make.__name__}: {make.__doc__}")
        for item in items:
            r = item.summary(items[0])
            us = 1e6 * r["seconds_per_replica_step"]
            print(f"  {item.name:26s}{us:10.1f} us  x {r['ratio']:.2f}")


if __name__ == "__main__":
    main()
