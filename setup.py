"""Builds fastnn._core: one Cython module, with the C core of csrc/ linked into it.

No instruction set is named here: a file of csrc/isa/ sets its own target, so all our C is compiled
with the same flags and one module runs on every CPU.  Environment:

    CC CFLAGS LDFLAGS   as everywhere; on Windows CC is by default the Clang of zig
    FASTNN_JOBS         files compiled at once (default: the number of CPUs)
    FASTNN_SANITIZE=1   address and undefined-behaviour sanitizers
    FASTNN_OBJECTS      the folder of objects, which are not made again (default: in build/)
    FASTNN_QUICK=1      compiled quickly, to run slowly: for a test that builds
"""

import hashlib
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

SANITIZE = os.environ.get("FASTNN_SANITIZE") == "1"
QUICK = os.environ.get("FASTNN_QUICK") == "1"
MACOS = sys.platform == "darwin"
WINDOWS = sys.platform == "win32"

# Contraction is off because a fused multiply-add is one the source asks for: results hold still.
FLAGS = ["-std=c11", "-g0", "-fvisibility=hidden", "-fno-math-errno", "-ffp-contract=off"]
# Kernels are vectors already: what -O3 does beyond this pays nothing (docs/decisions/0010-o2.md).
KERNEL_FLAGS = ["-O1"] if SANITIZE else ["-O2"]
if not (SANITIZE or MACOS or WINDOWS):  # Clang unswitches anyway
    # No exception passes through a kernel, so that tables for unwinding it are weight alone.
    KERNEL_FLAGS += ["-funswitch-loops", "-fno-asynchronous-unwind-tables"]
GLUE_FLAGS = ["-O1" if SANITIZE else "-O2"]
LINK_FLAGS = ["-pthread", "-lm", "-Wl,-x" if MACOS else "-Wl,-s"]
if WINDOWS:  # without a library to link with the module in the wheel
    LINK_FLAGS = ["-Wl,-s", "-Wl,--out-implib,build/unused.lib"]
if QUICK:
    KERNEL_FLAGS = GLUE_FLAGS = ["-O0"]
if SANITIZE:
    # What finds a null pointer or one out of its object is the address sanitizer.  Its checks are
    # calls: inline, as by default, they take five times as long to compile.
    others = "-fno-sanitize=null,object-size,pointer-overflow"
    # Python's own -fwrapv would make signed overflow defined, and so unseen.
    overflow = ["-fno-wrapv", "-fsanitize=signed-integer-overflow"]
    sanitizers = ["-fsanitize=address,undefined", others, *overflow]
    sanitizers += ["-fno-sanitize-recover=undefined"]
    calls = ["--param", "asan-instrumentation-with-call-threshold=0"]
    FLAGS += ["-g1", "-UNDEBUG", "-fno-omit-frame-pointer", *sanitizers, *calls]
    LINK_FLAGS = ["-pthread", "-lm", *sanitizers]

NO_COMPILER = """
fastnn: {command!r} cannot build a Python extension: {error}
Install a C compiler and Python's headers ({packages}), or
let pip take a compiled wheel only: pip install --only-binary fastnn fastnn"""
OTHERS = {"darwin": "xcode-select --install", "win32": "pip install ziglang"}
PACKAGES = OTHERS.get(sys.platform, "apt install gcc libc6-dev python3-dev")


def zig():
    """The command of zig's Clang.  Without a target it would compile for this processor alone."""
    import ziglang

    program = Path(ziglang.__file__).with_name("zig.exe").as_posix()
    return f'"{program}" cc -target x86_64-windows-gnu'


class Build(build_ext):
    """build_ext that compiles in parallel, and only what changed since the object was made."""

    def finalize_options(self):
        super().finalize_options()
        self.force = True  # setuptools would compare times; compile_one decides by content
        # lasting, in editable mode too
        self.build_temp = os.environ.get("FASTNN_OBJECTS", f"build/{sys.implementation.cache_tag}")
        if WINDOWS:  # Microsoft's compiler has no vectors (docs/decisions/0014-windows.md)
            self.compiler = "mingw32"
            os.environ.setdefault("CC", zig())

    def build_extension(self, ext):
        self.compile_always = self.compiler.compile
        self.probe(ext)
        self.compiler.compile = self.compile
        super().build_extension(ext)

    def probe(self, ext):
        """Compiles and links one line, so that a missing compiler takes three lines to say."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text("#include <Python.h>\nint main(void) { return 0; }\n")
            try:
                objects = self.compile_always(
                    [str(source)], output_dir=folder, extra_postargs=ext.extra_compile_args
                )
                self.compiler.link_shared_object(
                    objects, f"{folder}/probe.so", extra_postargs=ext.extra_link_args
                )
            except (CompileError, LinkError) as error:
                command = self.compiler.compiler_so[0]
                message = NO_COMPILER.format(command=command, error=error, packages=PACKAGES)
                raise SystemExit(message) from None

    def compile(self, sources, output_dir=None, **options):
        jobs = int(os.environ.get("FASTNN_JOBS") or os.cpu_count() or 1)
        objects = self.compiler.object_filenames(sources, output_dir=output_dir)
        with ThreadPoolExecutor(jobs) as pool:
            tasks = [
                pool.submit(self.compile_one, *pair, output_dir, dict(options))
                for pair in zip(sources, objects, strict=True)
            ]
        for task in tasks:
            task.result()
        return objects

    def compile_one(self, source, obj, output_dir, options):
        """Compiles source unless the digest beside its object still holds."""
        stamp, listing = Path(f"{obj}.sha256"), Path(f"{obj}.d")
        glue = Path(source).parts[0] == "build"
        flags = [*options.pop("extra_postargs"), *(GLUE_FLAGS if glue else KERNEL_FLAGS)]
        command = [*self.compiler.compiler_so, *flags, *map(str, options["macros"])]
        if Path(obj).exists() and stamp.exists() and stamp.read_text() == digest(command, listing):
            return
        stamp.unlink(missing_ok=True)
        Path(obj).parent.mkdir(parents=True, exist_ok=True)
        flags += ["-MMD", "-MF", str(listing)]
        began = time.time()
        self.compile_always([source], output_dir=output_dir, extra_postargs=flags, **options)
        if all(path.stat().st_mtime < began for path in inputs(listing)):  # else edited meanwhile
            stamp.write_text(digest(command, listing))


def inputs(listing):
    """Our own files among those that the compiler listed as read for an object.

    The others, by absolute paths, are headers of Python and NumPy, whose place changes with every
    isolated build: in the digest their versions stand for them.
    """
    text = listing.read_text().replace("\\\n", " ") if listing.exists() else ""
    words = re.findall(r"(?:\\ |\S)+", text)[1:]
    return [Path(word) for word in words if not os.path.isabs(word)]


def digest(command, listing):
    """Digest of all that makes an object."""
    result = hashlib.sha256(f"{command} {sys.version} {numpy.__version__}".encode())
    for path in inputs(listing):
        result.update(path.read_bytes() if path.exists() else b"gone")
    return result.hexdigest()


# What export_c copies into the files that it writes stands here alone; the module holds it as text.
TEXTS = ["simd/real.h", "simd/turn.h", "simd/math.h", "kernels/curve-inl.h", "kernels/binary-inl.h"]
TEXTS += ["activations.def", "curves.def", "binary.def", "reductions.def"]


def write_texts(path):
    """Writes the C source that holds TEXTS, by name, unless it is there."""
    rows = ['#include "texts.h"\n']
    for index, name in enumerate(TEXTS):
        numbers = ",".join(map(str, [*Path("csrc", name).read_bytes(), 0]))
        rows.append(f"static const char text_{index}[] = {{{numbers}}};\n")
    rows.append("const char *const fnn_texts[][2] = {\n")
    rows += [f'    {{"{name}", text_{index}}},\n' for index, name in enumerate(TEXTS)]
    source = "".join([*rows, "    {0, 0},\n};\n"])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != source:
        path.write_text(source)
    return str(path)


# Apart from Extension and without comments, lest paths of an isolated build make each output new.
[GLUE] = cythonize(
    "fastnn/_core.pyx",
    build_dir="build/cython",
    compiler_directives={"emit_code_comments": False},
)
CORE_SOURCES = [*Path("csrc").glob("*.c"), *Path("csrc/isa").glob("*.c")]
CORE = Extension(
    GLUE.name,
    [*GLUE.sources, write_texts(Path("build/texts.c")), *map(str, sorted(CORE_SOURCES))],
    include_dirs=["csrc", numpy.get_include()],
    define_macros=[
        ("NPY_NO_DEPRECATED_API", "NPY_1_23_API_VERSION"),
        ("NPY_TARGET_VERSION", "NPY_1_23_API_VERSION"),
        *([("MS_WIN64", "")] if WINDOWS else []),  # which Python's headers find out for MSVC alone
    ],
    extra_compile_args=FLAGS,
    extra_link_args=LINK_FLAGS,
)

setup(ext_modules=[CORE], cmdclass={"build_ext": Build})
