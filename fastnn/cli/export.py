"""`fastnn export`: a model in the formats of others."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli import formats, keeping, output
from fastnn.cli.arguments import add_json, command, existing, source

__all__ = ["add"]

_ABOUT = """Writes a model in another format, which the suffix of FILE chooses:
  .c             the model as a file in C99 that needs no library
  .onnx          for onnxruntime and others (pip install 'fastnn[onnx]')
  .keras         for Keras's load_model (pip install 'fastnn[h5]')
  .safetensors   the weights alone (pip install 'fastnn[safetensors]')
  .npz           the weights alone, for NumPy
  .weights.h5    the weights alone, for Keras's load_weights
  .json          what the inputs and outputs mean: columns, words, means, classes

Scaling is part of the model. What comes before it is not: whoever calls the exported model
makes the features of a CSV file as the .json says, in the order of its inputs. The .c says at
its beginning which number is which.

The names in a .c begin as the file's does: houses.c has houses_predict. What may not be in a
name of C becomes _, and net_ comes before a digit or a word of C: net_2nd_predict. With --test
it is also a program: cc -std=c99 -DHOUSES_TEST houses.c && ./a.out says whether compiler and
device give the bits of predict."""

_EXAMPLES = """  fastnn export houses.fastnn houses.c
  fastnn export houses.fastnn houses.c --test houses.csv
  fastnn export houses.fastnn houses.onnx
  fastnn export houses.fastnn houses.json     # which feature is which"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "export",
        _run,
        help="a model in C, for ONNX or Keras, or its weights",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that save wrote")
    parser.add_argument("file", type=formats.exported, metavar="FILE", help="what to write")
    parser.add_argument(
        "--test",
        type=source,
        metavar="DATA",
        help="put the first eight rows into a .c, with what the model predicts of them",
    )
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fastnn.cli import models

    if options.test and options.file.suffix != ".c":
        options.refuse(f"--test is for a .c, which tests itself; got {options.file}")
    model = models.load(options)
    test = options.test and keeping.first(models.samples(model, options, options.test))
    formats.write(model, options.file, test)
    size = options.file.stat().st_size
    if options.json:
        output.document("export", model=options.model, file=options.file, bytes=size)
    else:
        print(f"{options.file}: {size:,} bytes")
    return 0
