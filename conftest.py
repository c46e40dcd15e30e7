"""Docstrings of modules for a framework that is not installed here are left out."""

from importlib.util import find_spec

NEEDS = {
    "keras": ["src/gaussgrad/layers/keras"],
    "jax": ["src/gaussgrad/frameworks/jax.py"],
    "tensorflow": [
        "src/gaussgrad/frameworks/tensorflow.py",
        "src/gaussgrad/frameworks/tensorflow_linalg.py",
        "src/gaussgrad/frameworks/tensorflow_namespace.py",
    ],
}

collect_ignore = [path for library, paths in NEEDS.items() if find_spec(library) is None for path in paths]
