"""Functions of a feed-forward network's hidden neurons, with their derivatives.

The derivatives are torch's own, written into the gradient that passes backwards, and TorchScript
compiles them. Most need only the function's value, so that it takes the place of its argument.
"""

from __future__ import annotations

import torch
from torch import Tensor

from openmm_thermalnet.errors import InputError


class Activation(torch.nn.Module):
    """An elementwise function f.

    Attributes
    ----------
    layer : type
        The same as a layer of `torch.nn`.
    keeps_fields : bool
        Whether the derivative needs the argument x beside f(x).
    """

    layer = torch.nn.Module
    keeps_fields = False

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x) into `outputs`, which is `fields` itself unless `keeps_fields`."""
        raise TypeError("an Activation defines evaluate(fields, outputs)")

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """Multiply `gradient` by f'(x); without `keeps_fields`, `fields` holds f(x) as well."""
        raise TypeError("an Activation defines chain(gradient, fields, outputs)")


class Identity(Activation):
    """f(x) = x: a linear network."""

    layer = torch.nn.Identity

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Nothing: `outputs` is `fields`."""

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """Nothing: the derivative is 1."""


class ReLU(Activation):
    """f(x) = max(x, 0), with f'(0) = 0."""

    layer = torch.nn.ReLU

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write max(x, 0)."""
        torch.clamp_min(fields, 0.0, out=outputs)

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """Keep the gradient where f(x) > 0."""
        torch.ops.aten.threshold_backward(gradient, outputs, 0.0, grad_input=gradient)


class LeakyReLU(Activation):
    """f(x) = x where that is positive, else x / 100."""

    layer = torch.nn.LeakyReLU

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write the larger of x and x / 100."""
        outputs.copy_(torch.nn.functional.leaky_relu(fields, 0.01))

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """The sign of f(x) is that of x."""
        torch.ops.aten.leaky_relu_backward(gradient, outputs, 0.01, True, grad_input=gradient)


class ELU(Activation):
    """f(x) = x where that is positive, else e^x - 1."""

    layer = torch.nn.ELU

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x)."""
        outputs.copy_(torch.nn.functional.elu(fields))

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """The derivative is f + 1 where x is negative."""
        torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, outputs, grad_input=gradient)


class Tanh(Activation):
    """f(x) = tanh x."""

    layer = torch.nn.Tanh

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write tanh x."""
        torch.tanh(fields, out=outputs)

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """The derivative is 1 - f^2."""
        torch.ops.aten.tanh_backward(gradient, outputs, grad_input=gradient)


class Sigmoid(Activation):
    """f(x) = 1 / (1 + e^-x)."""

    layer = torch.nn.Sigmoid

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x)."""
        torch.sigmoid(fields, out=outputs)

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """The derivative is f (1 - f)."""
        torch.ops.aten.sigmoid_backward(gradient, outputs, grad_input=gradient)


class Softplus(Activation):
    """f(x) = ln(1 + e^x), and x beyond x = 20, as in torch."""

    layer = torch.nn.Softplus
    keeps_fields = True

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x)."""
        outputs.copy_(torch.nn.functional.softplus(fields))

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """The derivative is the sigmoid."""
        torch.ops.aten.softplus_backward(gradient, fields, 1.0, 20.0, grad_input=gradient)


class GELU(Activation):
    """f(x) = x Phi(x), with Phi the distribution function of a normal variable."""

    layer = torch.nn.GELU
    keeps_fields = True

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x)."""
        outputs.copy_(torch.nn.functional.gelu(fields))

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """Multiply by f'(x)."""
        gradient.copy_(torch.ops.aten.gelu_backward(gradient, fields, approximate="none"))


class SiLU(Activation):
    """f(x) = x / (1 + e^-x)."""

    layer = torch.nn.SiLU
    keeps_fields = True

    def evaluate(self, fields: Tensor, outputs: Tensor) -> None:
        """Write f(x)."""
        outputs.copy_(torch.nn.functional.silu(fields))

    def chain(self, gradient: Tensor, fields: Tensor, outputs: Tensor) -> None:
        """Multiply by f'(x)."""
        gradient.copy_(torch.ops.aten.silu_backward(gradient, fields))


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "sigmoid": Sigmoid,
    "identity": Identity,
}
"""Activations by the names of `torch.nn.functional`."""


def find_activation(name: str) -> type[Activation]:
    """Activation by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise InputError(f"activation {name!r} is unknown; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
