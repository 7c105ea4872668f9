"""Patterns to learn: the fixed inputs and labels at the two ends of the network.

Every loader returns a `Dataset`, with labels in [-1, 1] and, but for principal components, inputs
there too:

- `load_mnist`: handwritten digits, 28 x 28, black and white (needs no download);
- `load_digits`: the same task on scikit-learn's 8 x 8 digits;
- `load_mnist_pca`, `load_cifar10_pca`: even or odd from principal components, for feed-forward
  networks;
- `random_patterns`: random inputs with random labels;
- `teacher_student`: random inputs labelled by a random network of the same shape;
- `from_arrays`: your own arrays.
"""

from openmm_thermalnet.datasets.arrays import from_arrays
from openmm_thermalnet.datasets.dataset import Dataset
from openmm_thermalnet.datasets.digits import load_digits
from openmm_thermalnet.datasets.mnist import load_mnist
from openmm_thermalnet.datasets.patterns import random_patterns, teacher_student
from openmm_thermalnet.datasets.principal_components import load_cifar10_pca, load_mnist_pca

__all__ = [
    "Dataset",
    "from_arrays",
    "load_cifar10_pca",
    "load_digits",
    "load_mnist",
    "load_mnist_pca",
    "random_patterns",
    "teacher_student",
]
