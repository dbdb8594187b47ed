"""The engine's benchmarks run, and what does not depend on the clock is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.slow


def run(script: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / script), "--quick", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nmf() -> None:
    found = run("nmf.py")
    assert found["error_ratio"] < 1.001
    assert found["dead"] == 0
    assert found["speedup_vs_sklearn"] > 0
    assert {"speedup_vs_overcomplete", "seconds", "iterations"} <= found.keys()


def test_importance() -> None:
    found = run("importance.py")
    assert found["max_abs_difference_sampled"] < 1e-5
    assert {"speedup_vs_craft", "max_abs_difference", "seconds"} <= found.keys()


def test_attribution() -> None:
    found = run("attribution.py")
    both = {"saliency", "gradcam", "smoothgrad", "occlusion", "lime", "kernel_shap"}
    assert both <= found["speedup_vs_captum"].keys()
    assert min(found["speedup_vs_captum"].values()) > 0
    assert set(found["speedup_per_forward_vs_captum_occlusion"]) == {"rise", "sobol", "hsic"}
    assert found["forwards"]["rise"] == found["forwards"]["smoothgrad"] == 26
    few, many = found["peak_mb"]["rise"].values()
    assert many < 1.1 * few


def test_cost() -> None:
    found = run("cost.py")
    stages = {
        "decode", "encode_views", "encode_crops", "factorize", "maps", "measures", "visualize",
        "write",
    }  # fmt: skip
    assert stages <= found["seconds"].keys()
    assert min(found["seconds"].values()) > -0.05
    assert found["bytes"]["by_image"] > 1000
    plan = found["plan"]
    assert plan["extrapolated"]
    total = sum(plan["seconds_a_class"].values())
    assert total == pytest.approx(plan["seconds_a_class_total"], abs=0.1)
    assert plan["hours"] == pytest.approx(total * 1000 / 8 / 3600, abs=0.02)
