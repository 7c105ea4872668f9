"""Patterns to learn: the fixed inputs and labels at the two ends of the network.

Every loader returns a `Dataset`, with inputs and labels in [-1, 1]:

- `load_mnist`: handwritten digits, 28 x 28, black and white (needs no download);
- `load_digits`: the same task on scikit-learn's 8 x 8 digits;
- `random_patterns`: random inputs with random labels;
- `teacher_student`: random inputs labelled by a random network of the same shape;
- `from_arrays`: your own arrays.
"""

from openmm_thermalnet.datasets.arrays import from_arrays
from openmm_thermalnet.datasets.dataset import Dataset
from openmm_thermalnet.datasets.digits import load_digits
from openmm_thermalnet.datasets.mnist import load_mnist
from openmm_thermalnet.datasets.patterns import random_patterns, teacher_student

__all__ = [
    "Dataset",
    "from_arrays",
    "load_digits",
    "load_mnist",
    "random_patterns",
    "teacher_student",
]
