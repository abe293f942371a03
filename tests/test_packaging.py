"""What pip is told and gets; a quiet import; a build that compiles only what changed."""

import ctypes
import os
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import fastnn
from fastnn import _core

ROOT = Path(__file__).parents[1]


def python(*arguments, folder=ROOT, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_is_one():
    assert metadata.version("fastnn") == fastnn.__version__


def test_numpy_is_the_only_dependency():
    needed = [line for line in metadata.requires("fastnn") if "extra ==" not in line]
    assert needed == ["numpy>=1.23"]


def test_the_command_is_installed():
    [command] = metadata.entry_points(group="console_scripts", name="fastnn")
    assert callable(command.load())


@pytest.mark.parametrize(
    "name", ["py.typed", "_core.pyi", "c99/operations.c", "data/digits.npz", "data/digits.txt"]
)
def test_the_package_carries(name):
    assert resources.files("fastnn").joinpath(name).is_file()


def test_the_module_keeps_its_c_names_to_itself():
    module = ctypes.CDLL(_core.__file__)
    assert hasattr(module, "PyInit__core")
    assert not hasattr(module, "fnn_isa_count")


def test_import_loads_numpy_and_nothing_else_and_is_quiet():
    script = """
import sys, threading
before = set(sys.modules)
import fastnn
loaded = {name.partition(".")[0] for name in set(sys.modules) - before if "cython" not in name}
assert loaded - set(sys.stdlib_module_names) == {"fastnn", "numpy"}, loaded
assert threading.active_count() == 1
"""
    result = python("-c", script)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


#: Modules that take milliseconds to import and that only some calls need.
SLOW = {"argparse", "difflib", "hashlib", "importlib.resources", "json", "tempfile", "zipfile"}


def test_import_leaves_slow_modules_for_later():
    """Time itself depends on the machine; `python -X importtime -c "import fastnn"` shows it."""
    script = """
import sys, numpy
before = set(sys.modules)
import fastnn
print(*(set(sys.modules) - before))
"""
    brought = set(python("-c", script).stdout.split())
    assert "fastnn._core" in brought
    assert brought.isdisjoint(SLOW)


def test_make_refuses_an_extra_that_there_is_not(tmp_path):
    command = tmp_path / "bin" / "python"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    command.chmod(0o755)
    (tmp_path / "package").touch()
    wanted = tmp_path / "extra-all"
    result = subprocess.run(
        ["make", "-s", "-o", tmp_path / "package", f"VENV={tmp_path}", wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "no extra 'all'; there are plot, notebook, images" in result.stderr
    assert not wanted.exists()


def test_tests_can_build_without_isolation():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = project["project"]["optional-dependencies"]["test"]
    assert set(project["build-system"]["requires"]) <= set(installed)


@pytest.mark.parametrize(
    ("platform", "kinds", "processors"),
    [
        ("linux", "manylinux musllinux", "x86_64 aarch64"),
        ("macos", "macosx", "x86_64 arm64"),
        ("windows", "win", "amd64"),
    ],
)
def test_cibuildwheel_makes_a_wheel_for_each_python(platform, kinds, processors):
    listing = ["-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform]
    result = python(*listing, CIBW_ARCHS_LINUX="x86_64,aarch64")  # by itself that of this machine
    assert result.returncode == 0, result.stderr
    wheels = [line.split("-") for line in result.stdout.split()]
    pythons = {python for python, _ in wheels}
    tags = {f"{kind}_{processor}" for kind in kinds.split() for processor in processors.split()}
    assert {"cp310", "cp311", "cp312", "cp313", "cp314t"} <= pythons
    assert sorted(wheels) == sorted([python, tag] for python in pythons for tag in tags)


@pytest.fixture
def tree(tmp_path):
    """A package of our setup.py's shape that builds in a second."""
    setup = (ROOT / "setup.py").read_text()
    texts = re.findall(r'"([^"]+)"', " ".join(re.findall(r"^TEXTS .*", setup, re.M)))
    files = {
        **{f"csrc/{name}": "" for name in texts},
        "csrc/texts.h": "extern const char *const fnn_texts[][2];\n",
        "setup.py": setup,
        "fastnn/__init__.py": "",
        "fastnn/_core.pyx": 'cdef extern from "fnn.h":\n    int f()\ndef answer(): return f()\n',
        "csrc/fnn.h": "int f(void);\nint g(void);\n",
        "csrc/program.c": '#include "fnn.h"\nint f(void) { return g(); }\n',
        "csrc/isa/base.c": '#include "../fnn.h"\n#include "../kernels/g-inl.h"\n',
        "csrc/kernels/g-inl.h": "int g(void) { return 42; }\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def build(tree, **environment):
    """The objects that a build in place makes, and what the module then answers."""
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*.o")}
    result = python("setup.py", "build_ext", "--inplace", folder=tree, **environment)
    assert result.returncode == 0, result.stderr
    made = {p.stem for p in tree.rglob("*.o") if before.get(p) != p.stat().st_mtime_ns}
    answer = python("-c", "from fastnn._core import answer; print(answer())", folder=tree)
    return made, int(answer.stdout)


def test_a_build_compiles_only_what_changed(tree):
    kernel = tree / "csrc/kernels/g-inl.h"
    assert build(tree) == ({"_core", "base", "program", "texts"}, 42)
    kernel.touch()
    assert build(tree) == (set(), 42)
    kernel.write_text("int g(void) { return 43; }\n")
    assert build(tree) == ({"base"}, 43)
    assert build(tree, CFLAGS="-DOTHER") == ({"_core", "base", "program", "texts"}, 43)


def test_a_failed_build_is_not_taken_for_done(tree):
    kernel = tree / "csrc/kernels/g-inl.h"
    build(tree)
    kernel.write_text("int g(void) { return }\n")
    assert python("setup.py", "build_ext", "--inplace", folder=tree).returncode != 0
    kernel.write_text("int g(void) { return 42; }\n")
    assert build(tree) == ({"base"}, 42)


def test_a_missing_compiler_is_said_in_three_lines(tree):
    result = python("setup.py", "-q", "build_ext", folder=tree, CC="no-such-compiler")
    assert result.returncode != 0
    failed, install, wheel = result.stderr.strip().splitlines()[-3:]
    assert "'no-such-compiler' cannot build" in failed
    assert "C compiler" in install
    assert "--only-binary fastnn" in wheel
    assert "Traceback" not in result.stderr
