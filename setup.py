"""Builds the optional C extension, where there is a compiler; everything else stands in pyproject.toml."""

import os

import numpy as np
from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "graphnet.native._native",
            sources=["graphnet/native/module.c", "graphnet/native/calls.c", "graphnet/native/scalars.c"],
            depends=["graphnet/native/native.h"],
            include_dirs=[np.get_include()],
            define_macros=[
                ("Py_LIMITED_API", "0x030b0000"),
                ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
            ],
            extra_compile_args=["-g0"] if os.name == "posix" else [],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
