"""A network in C: does it say what fastnn says, how long does it take, and how large is it?"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import fastnn
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split(x, y)

model = fastnn.Sequential(
    [
        fastnn.Input((8, 8, 1)),
        layers.Rescaling(1 / 16),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
model.fit(x_train, y_train, epochs=25, verbose=0)
print(f"{model.evaluate(x_test, y_test, verbose=0)[1]:.1%} of {len(x_test)} test images read right")

MAIN = """
#include "digits.c"
#include <stdio.h>
#include <time.h>

int main(void)
{
    static uint8_t x[DIGITS_X_SIZE];
    static float y[DIGITS_Y_SIZE];
    clock_t least = 1000000000;
    for (int round = 0; round < 20; round++) {
        clock_t began = clock();
        for (int i = 0; i < 200; i++) digits_predict(x, y);
        if (clock() - began < least) least = clock() - began;
    }
    printf("%.2f\\n", (double)least / CLOCKS_PER_SEC / 200 * 1e6);
    return 0;
}
"""


def build(compiler: str, flags: str, source: Path) -> Path:
    """Compile a program; return where it is."""
    program = source.with_suffix("")
    subprocess.run([compiler, *flags.split(), str(source), "-o", str(program)], check=True)
    return program


def said(program: Path) -> str:
    """Return what a program prints."""
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def microseconds_of_predict_one() -> float:
    """Return the least time that one image takes in fastnn, on one thread."""
    fastnn.set_num_threads(1)
    image, out = x_test[0].astype("float32"), np.empty(10, "float32")
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(200):
            model.predict_one(image, out)
        taken.append((time.perf_counter() - began) / 200)
    return min(taken) * 1e6


compiler = shutil.which("cc")
if compiler is None:
    raise SystemExit("no C compiler: the file is digits.c")

times = {"predict_one": microseconds_of_predict_one()}
fused = "-mfma" if os.uname().machine == "x86_64" else ""  # AArch64 always has it
ways = {"-O2": "-O2", f"-O3 {fused}".strip(): f"-O3 {fused}", "native": "-O3 -march=native"}

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "digits.c")
    fastnn.export_c(model, file, input_dtype="uint8", test=x_test)
    Path(folder, "main.c").write_text(MAIN)
    for name, flags in ways.items():
        test = build(compiler, f"-std=c99 {flags} -DDIGITS_TEST", file)
        print(f"{name}: {said(test)}")
        program = build(compiler, f"-std=gnu99 {flags}", Path(folder, "main.c"))
        times[name] = float(said(program))
    made = build(compiler, "-std=c99 -Os -c", file).stat().st_size
    cells = re.search(r"float memory\[(\d+)\]", file.read_text())

weights, workspace = 4 * model.count_params(), 4 * int(cells[1] if cells else 0)
sizes = {"code": made - weights, "weights": weights, "workspace": workspace}
for name, taken in times.items():
    print(f"{name:<14} {taken:8.1f} microseconds an image")
for name, size in sizes.items():
    print(f"{name:<14} {size:8,} bytes")

if plot:
    figure, (left, right) = panels("microseconds an image", "bytes", width=4.2, height=2.6)
    for panel, measured, color in ((left, times, "tab:blue"), (right, sizes, "tab:orange")):
        bars = panel.barh(list(measured), list(measured.values()), color=color)
        panel.bar_label(bars, [f"{value:,.0f}" for value in measured.values()], padding=3)
        panel.margins(x=0.3)
        panel.invert_yaxis()
    figure.savefig(plot)
