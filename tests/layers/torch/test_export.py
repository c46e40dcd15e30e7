"""Programs that leave Python: what docs/deployment.md says of TorchScript, torch.export and ONNX."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fresh import in_fresh_process
from torch import nn

from gaussgrad.layers.torch import MixtureDensity, RenderGaussians, RenderImpulses

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # our checks read sizes, which the program keeps
]
SIZE = (9, 11)
LAYERS = {
    "packed": lambda backend: RenderGaussians(SIZE, "x y xx xy yy weight", compose="max", backend=backend),
    "factors": lambda backend: RenderGaussians(
        SIZE, "x y xx xy yy", parametrization="cholesky", coordinates="normalized", backend=backend
    ),
    "points": lambda backend: RenderGaussians(SIZE, stddev=2.0, backend=backend),
    "areas": lambda backend: RenderGaussians(7, "x variance", pixel="area", backend=backend),
    "impulses": lambda backend: RenderImpulses(SIZE, np.ones((3, 3)), "x y weight*2", backend=backend),
}


def rows_for(layer: Any, batch: int, count: int = 4) -> torch.Tensor:
    """Rows (b, n, r) in float64, whatever they mean: widths are positive, and wider than they are turned."""
    generator = torch.Generator().manual_seed(batch)
    rows = torch.rand(batch, count, layer.options.layout.length, dtype=torch.float64, generator=generator)
    rows[..., : layer.options.layout.d] *= 6
    return rows if layer.options.layout.widths == () else rows + torch.tensor([1.0, 1, 1, 0, 1, 0][: rows.shape[-1]])


def save_and_load(program: Any) -> Any:
    file = io.BytesIO()
    torch.jit.save(program, file)
    file.seek(0)
    return torch.jit.load(file)


@pytest.mark.parametrize("name", LAYERS)
def test_torchscript_by_the_reference_is_saved_and_draws_other_batches(name: str):
    layer = LAYERS[name]("reference")
    program = save_and_load(torch.jit.trace(layer, rows_for(layer, 2), check_trace=False))
    rows = rows_for(layer, 3)
    torch.testing.assert_close(program(rows), layer(rows), rtol=0, atol=0)


def test_torchscript_of_kernels_stays_in_its_process():
    layer = LAYERS["packed"](None)
    program = torch.jit.trace(layer, rows_for(layer, 2), check_trace=False)
    rows = rows_for(layer, 3)
    torch.testing.assert_close(program(rows), layer(rows), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="Could not export Python function call 'render'"):
        save_and_load(program)


class Score(nn.Module):
    """A module whose output is the log density, as deployment wants it."""

    def __init__(self, head: MixtureDensity) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return self.head.log_density(features, points)


def test_mixtures_are_scored_in_torchscript_by_the_reference():
    module = Score(MixtureDensity(6, 4, backend="reference"))
    features, points = torch.randn(3, 6), torch.randn(3, 2)
    program = save_and_load(torch.jit.trace(module, (features, points), check_trace=False))
    torch.testing.assert_close(program(features, points), module(features, points), rtol=0, atol=0)


def test_layers_are_not_scripted():
    with pytest.raises((OSError, TypeError)):  # by torch, which reads the source of what a layer calls
        torch.jit.script(LAYERS["packed"]("reference"))


def export(layer: nn.Module, rows: torch.Tensor) -> Any:
    free = {0: torch.export.Dim("b"), 1: torch.export.Dim("n")}
    return torch.export.export(layer, (rows,), dynamic_shapes={"rows": free})


def test_an_exported_program_is_saved_and_runs_the_kernels(tmp_path: Path):
    layer = LAYERS["packed"](None)
    program = export(layer, rows_for(layer, 2))
    assert any("gaussgrad.render" in str(node.target) for node in program.graph.nodes)
    torch.export.save(program, tmp_path / "layer.pt2")
    rows = rows_for(layer, 3, count=5)
    drawn = torch.export.load(tmp_path / "layer.pt2").module()(rows)
    torch.testing.assert_close(drawn, layer(rows), rtol=0, atol=0)


def registered() -> bool:
    """Whether torch knows our operations; to be asked in a process that imports this file and calls nothing."""
    return hasattr(torch.ops.gaussgrad, "render")


def test_the_import_of_the_layers_is_enough_for_exported_programs():
    assert in_fresh_process(registered)


@pytest.mark.parametrize("name", ["packed", "points"])
def test_an_exported_program_by_the_reference_needs_nothing_of_ours(name: str):
    layer = LAYERS[name]("reference")
    program = export(layer, rows_for(layer, 2))
    assert not any("gaussgrad" in str(node.target) for node in program.graph.nodes)
    rows = rows_for(layer, 3, count=5).requires_grad_()
    (given,) = torch.autograd.grad(program.module()(rows).square().sum(), rows)
    (wanted,) = torch.autograd.grad(layer(rows).square().sum(), rows)
    torch.testing.assert_close(given, wanted)


def run_onnx(path: Path, rows: torch.Tensor) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (image,) = session.run(None, {session.get_inputs()[0].name: rows.numpy()})
    return image


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the older exporter is told to be older
@pytest.mark.parametrize("name", LAYERS)
def test_onnx_takes_the_reference_by_itself(name: str, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    layer, path = LAYERS[name](None), tmp_path / "layer.onnx"
    torch.onnx.export(
        layer,
        (rows_for(layer, 2),),
        path,
        dynamo=False,
        input_names=["rows"],
        dynamic_axes={"rows": {0: "b"}},
    )
    rows = rows_for(layer, 3)
    image = layer(rows)
    np.testing.assert_allclose(run_onnx(path, rows), image, rtol=0, atol=1e-7 * image.max())


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_onnx_by_the_newer_exporter_agrees_too(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    layer, path = LAYERS["factors"](None), tmp_path / "layer.onnx"
    free = ({0: torch.export.Dim("b")},)
    torch.onnx.export(layer, (rows_for(layer, 2),), dynamo=True, verbose=False, dynamic_shapes=free).save(path)
    rows = rows_for(layer, 3)
    image = layer(rows)
    np.testing.assert_allclose(run_onnx(path, rows), image, rtol=0, atol=1e-7 * image.max())
