"""Builds the optional C extension, where there is a compiler; everything else stands in pyproject.toml."""

import sys

import numpy as np
from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "graphnet.native._native",
            sources=["graphnet/native/module.c", "graphnet/native/calls.c", "graphnet/native/scalars.c"],
            depends=["graphnet/native/native.h", "graphnet/native/scalars_run.h"],
            include_dirs=[np.get_include()],
            define_macros=[
                ("Py_LIMITED_API", "0x030b0000"),
                ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
            ],
            # optimised whatever CFLAGS is; a * b + c is rounded twice; no debug information
            extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-ffp-contract=off", "-g0"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
