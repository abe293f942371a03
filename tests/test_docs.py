"""The documents hold: code runs and prints what they say, links and names exist.

Of a Markdown file, `python` blocks are run in order in a process of their own, and an `output`
block is what the `python` block above it prints.  In docs/command_line.md each block is a process,
and `sh` blocks are run as well.  Recipes are carried out by test_recipes.py.
"""

import re
import sys

import pytest
from documents import FENCE, ROOT, blocks, outputs, python_blocks, run
from tools import ops_page

import fastnn

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


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
    return re.sub(r"\d+(\.\d s| ms)", "TIME", same_on_any_cpu(named))


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
