"""The cores that a process may use: those it is bound to, within the quota of its container."""

import math
import os

import pytest

from gaussgrad import cores


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "200000 100000\n"}, 0.5),  # the one above counts
        ("0::/not/seen/here\n", {"cpu.max": "300000 100000\n"}, 3.0),
        (
            "3:cpuset:/\n2:cpu,cpuacct:/box\n",
            {"cpu/box/cpu.cfs_quota_us": "250000\n", "cpu/box/cpu.cfs_period_us": "100000\n"},
            2.5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("nonsense\n", {"cpu.max": "1 1"}, math.inf),
        ("", {}, math.inf),
    ],
)
def test_the_quota_is_the_least_of_all_groups_of_both_versions(tmp_path, membership, files, expected):
    (tmp_path / "membership").write_text(membership)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert cores.quota_of(tmp_path, tmp_path / "membership") == expected


def test_a_system_without_groups_has_no_quota(tmp_path):
    assert cores.quota_of(tmp_path, tmp_path / "none") == math.inf


@pytest.mark.parametrize(("quota", "expected"), [(0.2, 1), (1.5, 2), (3.0, 3), (100.0, 4), (math.inf, 4)])
def test_a_quota_is_rounded_up_to_whole_cores(monkeypatch, quota, expected):
    monkeypatch.setattr(cores, "_quota", lambda: quota)
    monkeypatch.setattr(cores, "_bound_to", lambda: 4)
    assert cores.available_cores() == expected


def test_a_process_uses_the_cores_that_it_is_bound_to(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7}, raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    assert cores._bound_to() == 3
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    assert cores._bound_to() == 2
