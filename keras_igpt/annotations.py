"""Names for annotations: what arrays, tensors and paths may be.

Docstrings say dtypes and shapes, which no annotation here does.
"""

import os
from typing import Any

import numpy as np
import numpy.typing

# What NumPy holds; what it can be made of, as lists; a tensor of whatever
# backend Keras uses, or an array in its place; the name of a file or folder.
Array = np.ndarray
ArrayLike = numpy.typing.ArrayLike
Tensor = Any
PathLike = str | os.PathLike[str]
