"""The recipes of docs/adding.md hold, as they stand.

In them a line such as "In `file`, below the line `text`:" says where the next block goes, and `sh`
blocks are run; a recipe that has such lines is carried out in a copy of the source folder.
"""

import platform
import re
import shutil

import pytest
from documents import ROOT, blocks, outputs, run

SOURCE = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "csrc", "fastnn", "tests")


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
