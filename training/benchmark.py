"""Times the files of a model on this machine, each at several batch sizes on one thread."""

import time
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from rich.table import Table

from shared.artefact import Artefact
from training.progress import bar

BATCHES = (1, 16)
ROUNDS = 30


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of a call of `file` with `batch` pictures."""

    file: str
    batch: int
    milliseconds: float


def milliseconds(content: bytes, batch: int, rounds: int = ROUNDS) -> float:
    """Median time of one call of a LiteRT file on one thread, with random pictures."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    details = interpreter.get_input_details()[0]
    shape = (batch, *details["shape"][1:])
    interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        interpreter.set_tensor(details["index"], pictures)
        interpreter.invoke()
        taken.append(time.perf_counter() - began)
    return 1000 * float(np.median(taken))


def benchmark(artefact: Artefact, rounds: int = ROUNDS) -> list[Timing]:
    """Timings of every LiteRT file of a model, file by file at each batch size in turn."""
    names = [name for name in artefact.card.files if name.endswith(".tflite")]
    tried = [(name, batch) for batch in BATCHES for name in names]
    return [
        Timing(name, batch, milliseconds(artefact.file(name).read_bytes(), batch, rounds))
        for name, batch in bar(tried, "timing")
    ]


def timing_table(timings: list[Timing]) -> Table:
    """A row for each file and batch size, with how much faster than the slowest at that size."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("file", "batch", "ms a call", "times as fast"):
        table.add_column(heading, justify="right", no_wrap=True)
    for timing in timings:
        slowest = max(other.milliseconds for other in timings if other.batch == timing.batch)
        factor = slowest / timing.milliseconds
        table.add_row(timing.file, str(timing.batch), f"{timing.milliseconds:.2f}", f"{factor:.2f}")
    return table
