"""Where Triton's kernels do not run, the reference does, and one warning says why."""

import warnings
from collections.abc import Iterator
from importlib import metadata

import pytest
import torch

import gaussgrad
from gaussgrad import launching
from gaussgrad.frameworks import torch_kernels
from gaussgrad.op import OPERATIONS

RENDER = OPERATIONS["render"]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nothing is known of devices, and nothing was said."""

    def forget() -> None:
        launching.missing_for.cache_clear()
        torch_kernels._warn.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions of installed packages: whether Triton is there, and which."""
    versions = {"triton": "3.9.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(launching, "find_spec", lambda name: object() if versions else None)
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(torch.version, "hip", None)
    return versions


def said_of(device: str) -> str:
    """The warning that comes when kernels are asked for; a second time none comes."""
    with pytest.warns(RuntimeWarning) as warned:
        assert torch_kernels.load(RENDER, device) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch_kernels.load(RENDER, device) is None
    (warning,) = warned
    return str(warning.message)


def test_without_triton_the_reference_runs_and_one_warning_says_how_to_get_it(installed: dict[str, str]):
    installed.clear()
    assert said_of("cuda") == (
        'The dense reference computes on cuda, right but slowly, since Triton is not installed. Install "triton>=3.4".'
    )


@pytest.mark.parametrize("name", ["triton", "pytorch-triton", "triton-windows"])
def test_an_old_triton_is_told_by_its_version_whatever_its_package_is_called(installed: dict[str, str], name: str):
    installed.clear()
    installed[name] = "3.3.1+git0"
    assert "Triton 3.3.1+git0 is older than 3.4." in said_of("cuda")


@pytest.mark.parametrize("version", ["3.4.0", "3.10.0", "4.0"])
def test_newer_ones_serve_cuda(installed: dict[str, str], version: str):
    installed["triton"] = version
    assert torch_kernels.serves(RENDER, "cuda")
    assert not torch_kernels.serves(OPERATIONS["moments"], "cuda")


def test_compiled_code_takes_the_reason_for_a_constant(installed: dict[str, str]):
    def doubled(array: torch.Tensor) -> torch.Tensor:
        return array * (2 if torch_kernels.missing_for("cuda") is None else 3)

    torch.compiler.reset()
    assert torch.compile(doubled, fullgraph=True, backend="eager")(torch.ones(1)) == 2


def test_gpus_of_others_run_the_reference(installed: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    assert "no kernels for devices of type mps" in said_of("mps")
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert "AMD GPUs (ROCm)" in said_of("cuda")


def test_a_forced_triton_is_refused_with_the_reason_where_it_cannot_run(installed: dict[str, str]):
    installed.clear()
    message = "backend must be None or 'reference' for tensors on cuda:0, since Triton is not installed"
    with pytest.raises(ValueError, match=message):
        torch_kernels.force(RENDER, "triton", torch.device("cuda:0"))


def test_a_forced_triton_is_refused_on_the_cpu_unless_it_interprets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launching, "is_interpreted", lambda: False)
    message = "backend must be None or 'reference' or 'cpu' for tensors on cpu; got 'triton'"
    with pytest.raises(ValueError, match=message):
        gaussgrad.render(torch.ones(1, 2), torch.tensor([1.0, 0.0, 1.0]), size=(3, 3), backend="triton")


def test_a_forced_triton_is_refused_for_numpy_arrays():
    with pytest.raises(ValueError, match="backend must be None or 'reference' or 'cpu' for NumPy arrays; got 'triton'"):
        gaussgrad.render([[1.0, 1.0]], [1.0, 0.0, 1.0], size=(3, 3), backend="triton")


def test_operations_without_kernels_on_gpus_run_their_reference_silently(installed: dict[str, str]):
    installed.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch_kernels.load(OPERATIONS["moments"], "cuda") is None
