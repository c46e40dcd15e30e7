"""The package as it is shipped: what is in the wheel, what it requires, and versions that agree."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import ROOT

import gaussgrad
from gaussgrad.play.server import PAGE

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = tuple(PROJECT["optional-dependencies"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from the working tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def read_metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src/gaussgrad").rglob("*.py")}
    page = {path.relative_to(ROOT / "src").as_posix() for path in PAGE.rglob("*") if path.is_file()}
    assert "gaussgrad/play/static/play/index.html" in page
    assert names == {*sources, *page, "gaussgrad/py.typed"}


def test_wheel_carries_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))
        text = archive.read(name).decode()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_wheel_is_for_every_platform(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_package_tells_its_version():
    assert gaussgrad.__version__ == PROJECT["version"]
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        gaussgrad.rendr  # noqa: B018


def test_core_requires_no_framework(wheel):
    requirements = [Requirement(text) for text in read_metadata(wheel).get_all("Requires-Dist")]
    core = {requirement.name for requirement in requirements if "extra" not in str(requirement.marker)}
    assert core == {"numpy", "numba", "array-api-compat"}


def test_the_unpacked_wheel_renders(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import gaussgrad\n"
        "image = gaussgrad.render([[2.0, 1.0]], [1.0, 0.0, 1.0], size=(4, 5), amplitude='peak')\n"
        "print(gaussgrad.__file__, image[1, 2], sep='|')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    file, peak = done.stdout.strip().split("|")
    assert Path(file).is_relative_to(tmp_path)
    assert float(peak) == pytest.approx(1 - 1e-4)  # less the default tolerance


def test_versions_agree():
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation is not None
    assert (citation[1], metadata.version("gaussgrad")) == (PROJECT["version"],) * 2
    assert re.search(rf"^## \[?{re.escape(PROJECT['version'])}\b", changelog, re.MULTILINE)


def read_constraints() -> dict[str, str]:
    """Canonical name -> version; anything but name==version raises."""
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, version = line.split("==")
        pins[canonicalize_name(name)] = version
    return pins


def requirements_here(name: str) -> list[str]:
    """What an installed package requires; nothing where it is not, as a framework that the user does not have."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def required(requirement: Requirement, seen: dict[str, Requirement]) -> None:
    """Collect what a requirement brings into the environment, itself included, following what is installed here."""
    name = canonicalize_name(requirement.name)
    extras = requirement.extras or {""}
    key = f"{name}[{','.join(sorted(extras))}]"
    if key in seen:
        return
    seen[key] = requirement
    for text in requirements_here(name):
        child = Requirement(text)
        if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras):
            required(child, seen)


def test_constraints_pin_every_package_of_the_extras():
    seen: dict[str, Requirement] = {}
    required(Requirement(f"gaussgrad[{','.join(EXTRAS)}]"), seen)
    pinned_by_parent = {
        canonicalize_name(requirement.name)
        for requirement in seen.values()
        if any(specifier.operator == "==" for specifier in requirement.specifier)
    }
    names = {canonicalize_name(requirement.name) for requirement in seen.values()}
    assert names - pinned_by_parent - {"gaussgrad", "setuptools"} - read_constraints().keys() == set()


def test_constraints_satisfy_the_requirements():
    pins = read_constraints()
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS for text in PROJECT["optional-dependencies"][extra])]
    direct = [requirement for requirement in map(Requirement, texts) if requirement.name != "gaussgrad"]
    wrong = [
        str(requirement)
        for requirement in direct
        if not requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    ]
    assert wrong == []
