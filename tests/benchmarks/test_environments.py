"""Environments of peers: what a peer needs, and why it did not install."""

import os

import pytest

from benchmarks import environments
from benchmarks.speed.render import comparisons

PEERS = sorted(path.stem for path in environments.PEERS.glob("*.py") if path.stem != "__init__")


@pytest.mark.skipif(os.name == "nt", reason="the pip that fails is a shell script")
def test_a_pip_that_fails_gives_the_reason(tmp_path):
    python = environments.python_of(tmp_path)
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 'ERROR: no such release' >&2\nexit 1\n")
    python.chmod(0o755)
    assert environments.install(tmp_path, ["kornia_heatmaps"]) == {
        "kornia_heatmaps": "not installable: ERROR: no such release"
    }


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_states_its_requirements_and_has_a_title_and_a_comparison(peer):
    assert all(requirement.strip() for requirement in environments.requirements(peer))
    assert peer in comparisons.TITLES
    assert peer in {comparison.peer for comparison in comparisons.COMPARISONS}
