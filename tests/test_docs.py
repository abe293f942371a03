"""The documents hold: code runs and prints what they say, recipes work, links and names exist.

Of a Markdown file, `python` blocks are run in order in a process of their own, and an `output`
block is what the `python` block above it prints.  In docs/command_line.md each block is a process,
and `sh` blocks are run as well.  In docs/adding.md a line such as "In `file`,
below the line `text`:" besides says where the next block goes, and `sh` blocks are run; a recipe
that has such lines is carried out in a copy of the source folder.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tools import ops_page

import fastnn

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCE = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "csrc", "fastnn", "tests")

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
EDIT = re.compile(
    r"^(?:In|New file|At the end of) `(?P<file>[^`]+)`"
    r"(?:, (?P<where>above|below|instead of) the line `(?P<anchor>.+)`)?:$"
)
MARK = "\N{END OF TRANSMISSION}"


class Block(NamedTuple):
    """A fenced block, and the last line of text above it."""

    language: str
    text: str
    caption: str
    begin: int  # characters from the start of the document
    end: int

    @property
    def edit(self):
        return EDIT.match(self.caption)


def blocks(text):
    def caption(at):
        return text[:at].rstrip().rpartition("\n")[2]

    return [
        Block(m["language"], m["text"], caption(m.start()), *m.span()) for m in FENCE.finditer(text)
    ]


def python_blocks(text):
    return [b for b in blocks(text) if b.language == "python" and not b.edit]


def script(text):
    """The document with everything but its Python blanked out: errors name its own lines."""
    lines = [""] * (text.count("\n") + 1)
    for block in python_blocks(text):
        first = text[: block.begin].count("\n")
        code = [f"print({MARK!r})", *block.text.splitlines()]
        lines[first : first + len(code)] = code
    return "\n".join(lines)


def run(command, folder, *, variables=(), **options):
    path = os.pathsep.join([str(folder), str(Path(fastnn.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}
    environment |= dict(variables)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, **options
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def outputs(text, folder):
    """What each Python block prints."""
    printed = run([sys.executable, "-"], folder, input=script(text))
    return [part.strip("\n") for part in printed.split(f"{MARK}\n")[1:]]


def expected_outputs(text):
    """(index of the Python block, what it has to print) for each `output` block."""
    count, found = 0, []
    for block in blocks(text):
        count += block.language == "python" and not block.edit
        if block.language == "output":
            found.append((count - 1, block.text.strip("\n")))
    return found


def same_on_any_cpu(text):
    """The text without the name of an instruction set."""
    return re.sub(r"\b(avx512|avx2|neon|base)\b", "ISA", text)


def relative(path):
    return path.relative_to(ROOT).as_posix()


APART = ("adding.md", "command_line.md")
WITH_CODE = [p for p in DOCUMENTS if p.name not in APART and python_blocks(p.read_text())]


@pytest.mark.parametrize("path", WITH_CODE, ids=relative)
def test_code_runs_and_prints_what_the_document_says(path, tmp_path):
    text = path.read_text()
    printed = outputs(text, tmp_path)
    for index, expected in expected_outputs(text):
        assert same_on_any_cpu(printed[index]) == same_on_any_cpu(expected)


def test_commands_print_what_the_document_says(tmp_path):
    command = 'fastnn() { python -m fastnn "$@"; }\n'
    checked = 0
    printed = ""
    for block in blocks((ROOT / "docs" / "command_line.md").read_text()):
        if block.language == "output":
            assert at_any_speed(printed.strip()) == at_any_speed(block.text.strip())
            checked += 1
        elif block.language == "sh":
            printed = run(["sh", "-ec", command + block.text], tmp_path)
        else:
            printed = run([sys.executable, "-c", block.text], tmp_path)
    assert checked >= 5


def at_any_speed(text):
    """The text without times, and with fastnn called by its name."""
    named = re.sub(r"^next: \S+ -m fastnn ", "next: fastnn ", text, flags=re.M)
    return re.sub(r"\d+\.\d s", "TIME", same_on_any_cpu(named))


#: Examples of libraries that are too large for every run: tests/parity/test_ray.py runs this one.
ELSEWHERE = {ROOT / "examples" / "ray_search.py"}
EXAMPLES = sorted({*ROOT.glob("examples/*.py")} - ELSEWHERE)


@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_example_runs_and_draws_its_result(path, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    assert run([sys.executable, str(path), "--plot", "result.png"], tmp_path)
    assert os.listdir(tmp_path) == ["result.png"]
    pixels = image.imread(tmp_path / "result.png")[..., :3].reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
    assert 0.02 < (pixels < 0.98).any(axis=1).mean() < 1  # neither empty nor all over


def test_an_example_needs_no_matplotlib(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    path = str(ROOT / "examples" / "xor.py")
    assert run([sys.executable, path], tmp_path)
    with pytest.raises(AssertionError, match=r"pip install 'fastnn\[plot\]'"):
        run([sys.executable, path, "--plot", "result.png"], tmp_path)


# ---- recipes -------------------------------------------------------------------------------------


def recipes():
    """The sections of docs/adding.md by title, each on its own lines of an otherwise empty page."""
    text = (ROOT / "docs" / "adding.md").read_text()
    starts = [m.start() for m in re.finditer(r"^## ", text, re.M)]
    found = {}
    for begin, end in zip(starts, [*starts[1:], len(text)], strict=True):
        title = text[begin:end].partition("\n")[0].removeprefix("## ")
        found[title] = "\n" * text.count("\n", 0, begin) + text[begin:end]
    return found


RECIPES = recipes()
WITHOUT_COMPILER = [t for t, r in RECIPES.items() if not any(b.edit for b in blocks(r))]
WITH_COMPILER = [title for title in RECIPES if title not in WITHOUT_COMPILER]


@pytest.mark.parametrize("title", WITHOUT_COMPILER)
def test_recipe(title, tmp_path):
    outputs(RECIPES[title], tmp_path)


def edit(tree):
    """Makes a copy of the source with the edits of all recipes: one build serves them all."""
    for name in SOURCE:
        copy(ROOT / name, tree / name)
    for recipe in RECIPES.values():
        for block in blocks(recipe):
            if block.edit:
                apply(tree, block)


def copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    else:
        shutil.copyfile(source, target)


def apply(tree, block):
    """Carries out what the line above a block says."""
    path = tree / block.edit["file"]
    if block.caption.startswith("New file"):
        assert not path.exists(), path
        path.write_text(block.text)
        return
    lines = path.read_text().splitlines(keepends=True)
    begin, end = place(lines, block)
    lines[begin:end] = [block.text]
    path.write_text("".join(lines))


def place(lines, block):
    """The range of lines that the block takes the place of."""
    where, anchor = block.edit["where"], block.edit["anchor"]
    if where is None:
        return len(lines), len(lines)
    begins = anchor.removesuffix("...").rstrip()
    fits = str.startswith if anchor.endswith("...") else str.__eq__
    found = [i for i, line in enumerate(lines) if fits(line.strip(), begins)]
    assert len(found) == 1, f"{block.caption} {len(found)} such lines"
    begin = found[0] + (where == "below")
    return begin, begin + (where == "instead of")


def test_recipes_in_a_copy_of_the_source(tmp_path):
    edit(tmp_path)
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    here = [RECIPES[t] for t in WITH_COMPILER if is_x86 or "x86-64" not in RECIPES[t]]
    for command in dict.fromkeys(line for recipe in here for line in commands(recipe)):
        run(["sh", "-ec", command], tmp_path, variables={"FASTNN_QUICK": "1"})
    for recipe in here:
        outputs(recipe, tmp_path)


def commands(recipe):
    """What a recipe tells to run, a line each."""
    return [line for b in blocks(recipe) if b.language == "sh" for line in b.text.splitlines()]


def test_recipes_of_both_kinds_are_found():
    assert len(WITHOUT_COMPILER) >= 4
    assert len(WITH_COMPILER) >= 4


# ---- links and names -----------------------------------------------------------------------------


def prose(path):
    return FENCE.sub("", path.read_text())


def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", prose(path)):
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_no_document_installs_the_other_project_of_this_name(path):
    assert not re.search(r"pip install[^`#\n]*\bfastnn\b", path.read_text())


def code_spans(path):
    return re.findall(r"`([^`\n]+)`", prose(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_files_and_tests_that_are_named_exist(path):
    made = set(re.findall(r"^New file `(.+)`:$", prose(path), re.M))
    for span in code_spans(path):
        if re.fullmatch(r"(fastnn|csrc|tests|docs|bench|examples)/[\w./-]*", span):
            assert span in made or (ROOT / span).exists(), span
        if named := re.fullmatch(r"(tests/[\w/]+\.py)::(\w+)", span):
            assert f"def {named[2]}(" in (ROOT / named[1]).read_text(), span


def test_names_in_the_architecture_exist():
    kinds = ("fastnn/**/*.py", "fastnn/*.pyx", "csrc/**/*.[ch]", "csrc/*.def")
    source = "\n".join(file.read_text() for kind in kinds for file in ROOT.glob(kind))
    words = set(re.findall(r"\w+", source))
    for span in code_spans(ROOT / "docs" / "architecture.md"):
        if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*(\(\))?", span):
            assert set(re.findall(r"\w+", span)) <= words, span


def test_the_readme_names_every_example():
    named = re.findall(r"\]\(examples/(\w+)\.py\)", (ROOT / "README.md").read_text())
    assert set(named) == {path.stem for path in ROOT.glob("examples/*.py")}


def test_the_readme_names_every_public_layer_loss_metric_and_optimizer():
    text = (ROOT / "README.md").read_text()
    for module in (fastnn.layers, fastnn.losses, fastnn.metrics, fastnn.optimizers):
        bases = {"Input", "InputLayer", "Layer", "Loss", "Metric", "Optimizer"}
        for name in set(module.__all__) - bases:
            if name[0].isupper():
                assert f"`{name}`" in text, name


def test_the_page_of_operations_is_what_they_say():
    page = ROOT / "docs" / "ops.md"
    known = page.read_text("utf-8") == ops_page.rendered()
    assert known, "write it anew: python tests/tools/ops_page.py"
    named = set(re.findall(r"^\| `(\w+)\(", page.read_text("utf-8"), re.M))
    assert named == set(fastnn.ops.__all__)
