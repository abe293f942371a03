# Everything a person or .ci/run does here, each by one command.  Needed: Python >= 3.10 with venv, a C
# compiler, and a package index.

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
C := $(wildcard csrc/*.c csrc/isa/*.c)
MACHINE := $(shell uname -m)
# NumPy's own threads would spin beside the tests', which are on all cores.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal
# What trains as a person would, builds the library again, and compiles networks in C.
LONG := $(addprefix tests/test_,docs.py examples.py export_c.py recipes.py)
CHOSEN_BY_ENVIRONMENT := $(addprefix tests/test_,training.py layers.py losses.py metrics.py optimizers.py \
    gradients.py whole_model.py)
# All that compares kernels with their twins: one by one, in layers, and in training.
SANITIZED := $(addprefix tests/test_,kernels.py subnormals.py mixed.py ops.py gradients.py layers.py recurrent.py \
    cells.py embedding.py losses.py metrics.py optimizers.py augmentation.py training.py whole_model.py array_layouts.py)
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

ANALYSE := clang --analyze -Xclang -analyzer-output=text -std=c11 -Icsrc
REPLAY_BUILD = $(CC) -std=c11 -O1 -Wall -Wextra -Wconversion -Wshadow -Werror -Icsrc tests/c/replay.c build/$(CC)/*.o \
    -pthread -lm -o build/$(CC)/replay

# Hundreds of processes import the package: its modules are compiled once, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
.NOTPARALLEL: # two builds in one tree would mix their objects
.PHONY: demo test examples coverage nightly docs lint format isa analyse memcheck asan asan-python parity strict replay exports bench wheel manylinux clean

demo: $(VENV)/extra-plot
	$(BIN)/python -m fastnn train digits --save build/digits.fastnn --plot build/digits.png

test: $(VENV)/extra-test
	tests/c/run
	$(PYTEST) $(addprefix --ignore=,$(LONG))

# The code of all documents, the recipes of docs/adding.md in a copy of the source, the examples, and networks in C.
examples: $(VENV)/extra-test
	$(PYTEST) $(LONG)

# Lines and branches of fastnn/ that the tests run; an error below 95 %.
coverage: $(VENV)/extra-dev
	$(PYTEST) --cov=fastnn --cov-branch --cov-report=term:skip-covered --cov-fail-under=95

# The large campaigns, of which `make test` runs small ones; docs/reliability.md has the figures.  Needs strace.
nightly: $(VENV)/extra-nightly
	$(BIN)/python tests/nightly/night.py $(NIGHTLY)

lint: $(VENV)/extra-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 & other=$$!; $(BIN)/mypy && wait $$other
	PATH="$(BIN):$$PATH" cython-lint fastnn
	$(BIN)/clang-format --dry-run -Werror $$(find csrc tests/c fastnn/c99 -name '*.[ch]')

format: $(VENV)/extra-lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $$(find csrc tests/c fastnn/c99 -name '*.[ch]')

# All that runs kernels without choosing them itself, once for each instruction set this CPU has.
isa: $(VENV)/extra-test
	for isa in $$($(BIN)/python -c "from fastnn import _core; print(*_core.isa_names())"); do \
	    echo "FASTNN_ISA=$$isa"; \
	    FASTNN_ISA=$$isa $(PYTEST) $(CHOSEN_BY_ENVIRONMENT) || exit 1; \
	done

# The C core under clang's static analyser; a path to an error is an error.  Kernels are in headers, the same for
# all instruction sets, so those of one are analysed: two minutes.  What is found in the compiler's own is not ours.
analyse:
	mkdir -p build
	printf '%s\n' $(C) | xargs -P "$$(nproc)" -I{} $(ANALYSE) -Xclang -analyzer-werror {}
	$(ANALYSE) -Xclang -analyzer-opt-analyze-headers csrc/isa/base_f32.c 2>build/analyse.log
	! grep -A 40 '^csrc.*warning:' build/analyse.log

# The kernels on the cases of the parity tests under valgrind, whose processor has AVX2 and no more: nothing is
# read that nobody wrote, nor beside its array.  Bits are not looked at (1): valgrind flushes no denormals.
memcheck: $(VENV)/extra-test strict
	$(REPLAY_BUILD)
	$(BIN)/python tests/tools/recording.py build/records
	for isa in base avx2; do \
	    valgrind -q --error-exitcode=9 build/$(CC)/replay build/records $$isa >build/memcheck.log || [ $$? = 1 ] || exit 1; \
	    tail -n 1 build/memcheck.log; \
	done

# The C tests under address, undefined-behaviour and thread sanitizers.
asan: $(VENV)/extra-dev
	ASAN_OPTIONS=detect_leaks=0 CC=gcc CFLAGS="$(SANITIZE)" tests/c/run
	CC=gcc CFLAGS="-O1 -g -fsanitize=thread" tests/c/run tests/c/test_threads.c

# The Python tests of kernels on a sanitized module, built in a copy so that the installed one stays.
asan-python: $(VENV)/extra-dev
	rm -rf build/asan
	mkdir -p build/asan
	tar -c --exclude='*.so' setup.py pyproject.toml README.md LICENSE csrc fastnn tests | tar -x -C build/asan
	cd build/asan && CC=gcc FASTNN_SANITIZE=1 $(BIN)/python setup.py -q build_ext --inplace
	cd build/asan && \
	    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	    ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 \
	    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 FASTNN_TESTS_WHOLE=1 \
	    $(PYTEST) -s -p no:cacheprovider $(SANITIZED)

# Beside Keras itself; its absence is an error here, elsewhere a skip.
parity: $(VENV)/extra-test $(VENV)/extra-parity
	KERAS_BACKEND=jax FASTNN_REQUIRE_PARITY=1 $(PYTEST) tests/parity

# The C core by any compiler, CC=aarch64-linux-gnu-gcc for another processor; all warnings are errors.
# The warnings that follow values through a function need -O1; more only takes longer.
strict:
	mkdir -p build/$(CC)
	printf '%s\n' $(C) | xargs -P "$$(nproc)" -I{} sh -c '$(CC) -std=c11 -O1 -ffp-contract=off -fno-math-errno \
	    -Wall -Wextra -Wconversion -Wshadow -Werror -Icsrc $(ONLY) -c {} -o build/$(CC)/$$(basename {} .c).o'

# What this processor computed, again by the kernels of another instruction set, or of another processor:
# every bit is the same.  make replay ISA=avx2
replay: $(VENV)/extra-test strict
	$(REPLAY_BUILD)
	$(BIN)/python tests/tools/recording.py build/records
	$(RUN) build/$(CC)/replay build/records $(ISA)

# Networks in C, by every compiler that is there.
exports: $(VENV)/extra-test
	FASTNN_TESTS_WHOLE=1 $(PYTEST) tests/test_export_c.py

# The documentation as a site, in build/site; nothing is fetched but what makes it.
docs: $(VENV)/extra-docs
	rm -rf build/site docs/site/generated
	$(BIN)/python -m sphinx -q -W --keep-going -c docs/site -d build/doctrees -b html . build/site
	$(BIN)/python tests/tools/site_links.py build/site
	@echo "The site begins at build/site/index.html"

bench: $(VENV)/extra-bench
	$(BIN)/fastnn bench $(BENCH)

# Source archive and wheel.
wheel: $(VENV)/group-wheel
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

# The wheel for any Linux with glibc, of 2014 or later: linked as if it were of then, and tried in a fresh environment.
manylinux: export LDSHARED := $(BIN)/python -m ziglang cc -target $(MACHINE)-linux-gnu.2.17 -shared
manylinux: wheel
	PATH="$(BIN):$$PATH" auditwheel repair --plat manylinux_2_17_$(MACHINE) --wheel-dir dist dist/*-linux_$(MACHINE).whl
	rm dist/*-linux_$(MACHINE).whl
	$(BIN)/auditwheel show dist/*.whl | grep manylinux_2_17_$(MACHINE)
	rm -rf build/fresh
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/pip install -qq dist/*.whl
	cd build/fresh && bin/python -m fastnn selfcheck
	cd build/fresh && bin/python -m fastnn train digits --epochs 2

clean:
	rm -rf $(VENV) build dist *.egg-info fastnn/*.so .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The package in the virtual environment, editable.  Made again when what an editable install does not
# follow by itself has changed: compiled sources and metadata.
$(VENV)/package: setup.py pyproject.toml fastnn/_core.pyx $(shell find csrc -name '*.[ch]' -o -name '*.def')
	test -x $(BIN)/python || $(PYTHON) -m venv --upgrade-deps $(VENV)
	@echo "Installing and compiling: some two minutes of processor time, the first time"
	$(BIN)/python -m pip install -qq -e .
	touch $@

# What an extra needs.  The package is there, and has such an extra, which is looked at: the index has another of its
# name, and pip takes an extra that there is not for none.
$(VENV)/extra-%: $(VENV)/package
	@$(BIN)/python -c "from importlib.metadata import metadata; \
	    known = metadata('fastnn').get_all('Provides-Extra'); \
	    '$*' in known or exit('make: no extra \'$*\'; there are ' + ', '.join(known))"
	$(BIN)/python -m pip install -qq "fastnn[$*]"
	touch $@

# The virtual environment with a group of tools, which need no package.
$(VENV)/group-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --upgrade-deps $(VENV)
	$(BIN)/python -m pip install -qq --group $*
	touch $@
