"""Teach a recurrent network to write: the next offset of the pen as a mixture of 20 Gaussians, and whether it lifts.

    python examples/handwriting.py -o handwriting.png
    python examples/handwriting.py DATA -o handwriting.png
    python examples/handwriting.py --weights examples/gallery/strokes.safetensors

Without DATA it writes eight characters of few strokes, which it makes itself, each time at another size and slant.
DATA is an .npz file of pen strokes with the arrays train, valid and test of integer rows (dx, dy, lifted), all
drawings of a part laid end to end, and train_lengths, valid_lengths and test_lengths, the rows of each drawing. An
offset (dx, dy) leads from the point before; lifted is 1 where the pen leaves the paper after the point. y runs down.

The network is that of Graves (2013), "Generating sequences with recurrent neural networks", section 4, with one layer
of 256 cells. Offsets are whole numbers, on which a density could grow without bound: uniform noise of one step makes
them continuous, in training and test. They are divided by the standard deviation of all training offsets. The result
is told in nats per point in that unit, less is better, beside how often a gradient was not finite.
"""

import argparse
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import nn

from gaussgrad.layers.torch import MixtureDensity

CELLS, COMPONENTS = 256, 20
INPUTS = 6  # offset and lift of the point before, whether there is one, and where the pen stands
BATCH = 32  # drawings
LEARNING_RATE = 1e-2
WARM_UP = 0.05  # share of the time
LARGEST_GRADIENT = 1.0  # norm per batch; longer ones are shortened, as in Graves, section 2.1
DROPOUT = 0.1
STRETCH = 0.1  # drawings are stretched by up to this share along each axis, in training
BIASES = (0.0, 0.5, 1.0, 3.0)
COLUMNS = 10  # drawings per bias
CHARACTERS = (  # the corners (x, y) of each stroke, on a square from 0 to 4, y down
    (((3, 0), (2, 1.3), (0, 2.5)), ((2, 1.3), (2, 4))),
    (((0.5, 0.6), (3.5, 0.6)), ((2, 0.6), (2, 3.4)), ((0, 3.4), (4, 3.4))),
    (((0.5, 0.7), (3.5, 0.7), (3.5, 3.5)), ((0.3, 3.5), (3.5, 3.5))),
    (((1.5, 0), (1.5, 4)), ((1.5, 1.5), (3.2, 2.6))),
    (((0.6, 1), (3.4, 1)), ((0, 3.2), (4, 3.2))),
    (((1.4, 0.8), (1.1, 2), (0, 3.6)), ((2.6, 0.8), (3.1, 2), (4, 3.6))),
    (((3, 0.2), (2, 2.4), (0.3, 4)), ((0.8, 1.2), (3.2, 3.2))),
    (((0.5, 0.5), (0.5, 3.5)), ((0.5, 0.5), (3.5, 0.5), (3.5, 3.5)), ((0.5, 3.5), (3.5, 3.5))),
)


@dataclass(frozen=True)
class Batch:
    """Drawings side by side, time first; `inside` marks their points."""

    before: torch.Tensor  # (t, b, INPUTS)
    offsets: torch.Tensor  # (t, b, 2)
    lifted: torch.Tensor  # (t, b)
    inside: torch.Tensor  # (t, b)


def load(path: Path) -> dict[str, list[torch.Tensor]]:
    """The drawings of each part, rows (dx, dy, lifted)."""
    with np.load(path) as file:
        return {
            part: list(torch.from_numpy(file[part].astype(np.float32)).split(file[f"{part}_lengths"].tolist()))
            for part in ("train", "valid", "test")
        }


def make(count: int, random: np.random.Generator) -> list[torch.Tensor]:
    """So many drawings of the characters, rows (dx, dy, lifted)."""
    drawings = []
    for strokes in (CHARACTERS[i] for i in random.integers(len(CHARACTERS), size=count)):
        change = 15 * random.uniform(0.7, 1.3) * (np.eye(2) + random.normal(0, 0.12, (2, 2)))
        pens = [sample_line(np.asarray(stroke, dtype=float)) @ change for stroke in strokes]
        points = np.concatenate(pens) + random.normal(0, 0.7, (sum(map(len, pens)), 2))
        lifted = np.zeros(len(points))
        lifted[np.cumsum([len(pen) for pen in pens]) - 1] = 1
        offsets = np.diff(points.round(), axis=0, prepend=points[:1].round())
        drawings.append(torch.from_numpy(np.column_stack([offsets, lifted]).astype(np.float32)))
    return drawings


def sample_line(corners: np.ndarray, step: float = 0.7) -> np.ndarray:
    """Points (n, 2) along the line through the corners, about a step apart."""
    passed = np.concatenate([[0], np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()])
    places = np.linspace(0, passed[-1], 1 + math.ceil(passed[-1] / step))
    return np.stack([np.interp(places, passed, axis) for axis in corners.T], axis=1)


def collate(drawings: list[torch.Tensor], unit: float, stretch: float, generator: torch.Generator) -> Batch:
    """A batch with noise of its own."""
    rows = nn.utils.rnn.pad_sequence(drawings, padding_value=math.nan)  # (t, b, 3)
    inside = ~rows[..., 0].isnan()
    rows = rows.nan_to_num(0.0)
    offsets = (rows[..., :2] + torch.rand(rows[..., :2].shape, generator=generator) - 0.5) / unit
    offsets = offsets * (1 + stretch * (2 * torch.rand(1, len(drawings), 2, generator=generator) - 1))
    return Batch(inputs_of(offsets, rows[..., 2:]), offsets, rows[..., 2], inside)


def inputs_of(offsets: torch.Tensor, lifted: torch.Tensor) -> torch.Tensor:
    """What the network knows before each point (t, b, INPUTS): the first has none before it."""
    known = torch.cat([offsets, lifted, torch.ones_like(lifted), offsets.cumsum(0) / 4], dim=-1)
    return torch.cat([torch.zeros_like(known[:1]), known[:-1]])


class Writer(nn.Module):
    """Long short-term memory with a mixture for the offset and a bit for the lift."""

    def __init__(self, offsets: torch.Tensor, seed: int) -> None:
        super().__init__()
        self.memory = nn.LSTM(INPUTS, CELLS)
        self.dropout = nn.Dropout(DROPOUT)
        self.mixture = MixtureDensity(CELLS + INPUTS, COMPONENTS)
        self.mixture.start_from(offsets, seed=seed)
        self.lift = nn.Linear(CELLS + INPUTS, 1)
        with torch.no_grad():
            self.memory.bias_hh_l0[CELLS : 2 * CELLS] = 1.0  # remember at first

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Nats of each offset and of each lift, over all points of the batch."""
        memory, _ = self.memory(batch.before)
        features = self.dropout(torch.cat([memory, batch.before], dim=-1)[batch.inside])
        offsets = -self.mixture.log_density(features, batch.offsets[batch.inside])
        logits = self.lift(features)[:, 0]
        lifts = nn.functional.binary_cross_entropy_with_logits(logits, batch.lifted[batch.inside], reduction="none")
        return offsets, lifts

    @torch.no_grad()
    def write(self, lengths: list[int], bias: float, generator: torch.Generator) -> list[np.ndarray]:
        """Drawings of new rows (dx, dy, lifted), each ending at the first lift from its length on."""
        offsets, lifts, state = torch.zeros(0, len(lengths), 2), torch.zeros(0, len(lengths), 1), None
        before = torch.zeros(1, len(lengths), INPUTS)
        for _ in range(2 * max(lengths)):
            memory, state = self.memory(before, state)
            features = torch.cat([memory, before], dim=-1)
            offset = self.mixture.sample(features, generator=generator, bias=bias)
            chance = torch.sigmoid(self.lift(features) * (1 + bias))
            offsets = torch.cat([offsets, offset])
            lifts = torch.cat([lifts, (torch.rand(chance.shape, generator=generator) < chance).float()])
            place = offsets.sum(0, keepdim=True) / 4
            before = torch.cat([offset, lifts[-1:], torch.ones_like(chance), place], dim=-1)
        rows = torch.cat([offsets, lifts], dim=-1).transpose(0, 1).numpy()
        ends = [length + int(np.argmax(row[length - 1 :, 2])) for length, row in zip(lengths, rows, strict=True)]
        return [row[:end] for row, end in zip(rows, ends, strict=True)]


def batches(drawings: list[torch.Tensor], generator: torch.Generator) -> Iterator[list[torch.Tensor]]:
    """Endless batches of drawings of about the same length, so that little is padded."""
    lengths = torch.tensor([float(len(drawing)) for drawing in drawings])
    while True:
        order = torch.argsort(lengths + 4 * torch.rand(len(drawings), generator=generator))
        groups = order.split(BATCH)
        for place in torch.randperm(len(groups), generator=generator).tolist():
            yield [drawings[i] for i in groups[place]]


def evaluate(writer: Writer, drawings: list[torch.Tensor], unit: float) -> tuple[float, float]:
    """Mean nats per point of offsets and of lifts, with the same noise every time."""
    generator = torch.Generator().manual_seed(0)
    writer.eval()
    with torch.no_grad():
        parts = [
            writer.losses(collate(drawings[i : i + 100], unit, 0.0, generator)) for i in range(0, len(drawings), 100)
        ]
    writer.train()
    offsets, lifts = (torch.cat(losses).mean().item() for losses in zip(*parts, strict=True))
    return offsets, lifts


def train(
    writer: Writer, parts: dict[str, list[torch.Tensor]], unit: float, minutes: float, workers: int, seed: int
) -> int:
    """Train for that long, with so many threads; how many gradients were not finite (their steps are left out)."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(writer.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.99))

    def gradients(batch: Batch) -> tuple[torch.Tensor, ...]:
        offsets, lifts = writer.losses(batch)
        return torch.autograd.grad(offsets.sum() + lifts.sum(), parameters)

    start, step, points, bad, told = time.monotonic(), 0, 0, 0, 0
    with ThreadPoolExecutor(workers) as pool:
        for drawings in batches(parts["train"], generator):
            passed = (time.monotonic() - start) / (60 * minutes)
            if passed >= 1:
                break
            if int(passed * minutes) > told:
                told = int(passed * minutes)
                valid, _ = evaluate(writer, parts["valid"], unit)
                print(f"{passed * minutes:5.1f} min, step {step:5d}: {valid:.3f} nats per point on valid", flush=True)
            shares = [drawings[i::workers] for i in range(min(workers, len(drawings)))]
            found = list(pool.map(gradients, [collate(share, unit, STRETCH, generator) for share in shares]))
            count = sum(len(drawing) for drawing in drawings)
            for parameter, *pieces in zip(parameters, *found, strict=True):
                parameter.grad = sum(pieces) / count
            norm = nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
            rate = min(passed / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * (passed - WARM_UP) / (1 - WARM_UP)))
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * max(rate, 1e-3)
            if torch.isfinite(norm):
                optimizer.step()
            else:
                bad += 1
            step, points = step + 1, points + count
    print(f"{step} steps, {points} points, {points / sum(map(len, parts['train'])):.1f} rounds of the training part")
    return bad


def save_picture(writer: Writer, parts: dict[str, list[torch.Tensor]], unit: float, output: Path, seed: int) -> None:
    """What it writes at each bias, a row each, under a row of held-out drawings."""
    generator = torch.Generator().manual_seed(seed)
    writer.eval()
    models = parts["test"][:COLUMNS]
    rows = [("held out", [drawing.numpy() / [unit, unit, 1] for drawing in models])]
    lengths = [len(drawing) for drawing in models]
    rows += [(f"bias {bias:g}", writer.write(lengths, bias, generator)) for bias in BIASES]
    figure = Figure(figsize=(COLUMNS, 1.1 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), COLUMNS)
    for (title, drawings), line in zip(rows, axes, strict=True):
        line[0].set_ylabel(title)
        for drawing, axis in zip(drawings, line, strict=True):
            draw(axis, drawing)
    figure.savefig(output, dpi=120)


def draw(axis, drawing: np.ndarray) -> None:
    """The strokes of rows (dx, dy, lifted)."""
    points = np.cumsum(drawing[:, :2], axis=0)
    for stroke in np.split(points, np.flatnonzero(drawing[:, 2] > 0.5) + 1):
        axis.plot(*stroke.T, color="black", linewidth=1.2, solid_capstyle="round")
    axis.set(xticks=[], yticks=[])
    axis.set_aspect("equal", adjustable="datalim")  # boxes of one size, so that rows and their names stand in line
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Teach a recurrent network to write.")
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA", help="pen strokes, an .npz file")
    parser.add_argument("-o", "--output", type=Path, default=Path("handwriting.png"), help="the picture to write")
    parser.add_argument("--weights", type=Path, help="also keep the weights here, in half precision")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    workers = torch.get_num_threads()
    torch.set_num_threads(1)  # one step of the memory is too small to be split: the drawings of a batch are
    if arguments.data is None:
        random = np.random.default_rng(arguments.seed)
        parts = {part: make(count, random) for part, count in (("train", 4000), ("valid", 200), ("test", 400))}
    else:
        parts = load(arguments.data)
    offsets = torch.cat(parts["train"])[:, :2]
    unit = offsets.std(correction=0).item()
    print(f"{len(parts['train'])} drawings, {len(offsets)} points; offsets are divided by {unit:.2f}")
    writer = Writer(offsets / unit, arguments.seed)
    bad = train(writer, parts, unit, arguments.minutes, workers, arguments.seed)
    position, lift = evaluate(writer, parts["test"], unit)
    print(f"held out: {position:.3f} nats per point for its position, {lift:.3f} for the lift of the pen")
    print(f"gradients that were not finite: {bad}")
    save_picture(writer, parts, unit, arguments.output, arguments.seed)
    print(f"wrote {arguments.output}")
    if arguments.weights:
        save_file({name: weight.half() for name, weight in writer.state_dict().items()}, arguments.weights)
        print(f"wrote {arguments.weights}")


if __name__ == "__main__":
    main()
