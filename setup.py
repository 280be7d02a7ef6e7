"""Builds the optional C extension, where there is a compiler; everything else stands in pyproject.toml."""

import re
import sys
from pathlib import Path

import numpy as np
from setuptools import Extension, setup


def for_an_index(readme: str) -> str:
    """Return the README without what only works beside the files: a picture becomes its words, a link its text."""
    readme = re.sub(r"!\[([^\]]*)\]\((?!https?:)[^)]*\)", r"*(Picture: \1.)*", readme)
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)", r"\1", readme)


setup(
    long_description=for_an_index(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
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
