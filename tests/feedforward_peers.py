"""The same losses as one writes them in torch, and patterns for them."""

import numpy as np
import torch

import openmm_thermalnet as tn


def random_data(patterns=40, inputs=4, outputs=1, seed=0, test=10):
    """Gaussian inputs; labels +-1, or one-hot as +1 and -1 for several outputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(patterns + test, inputs))
    if outputs == 1:
        y = np.where(rng.random((patterns + test, 1)) < 0.5, -1.0, 1.0)
    else:
        y = 2 * np.eye(outputs)[rng.integers(0, outputs, patterns + test)] - 1
    return tn.datasets.from_arrays(
        x[:patterns], y[:patterns], x[patterns:], y[patterns:], bounded=False
    )


def torch_loss(model, data, loss, weight_decay):
    """Loss and weight decay of a `torch.nn.Sequential` on the training patterns."""
    f, y = model(torch.tensor(data.train_inputs)), torch.tensor(data.train_targets)
    if loss == "quadratic-hinge":
        value = (torch.clamp(1 - y * f, min=0) ** 2).sum() / (2 * len(y))
    elif loss == "mse":
        value = 0.5 * y.shape[1] * torch.nn.functional.mse_loss(f, y)
    elif y.shape[1] == 1:
        value = torch.nn.functional.binary_cross_entropy_with_logits(f, (1 + y) / 2)
    else:
        value = torch.nn.functional.cross_entropy(f, y.argmax(dim=1))
    decay = 0.5 * weight_decay * sum((p**2).sum() for p in model.parameters())
    return value, decay
