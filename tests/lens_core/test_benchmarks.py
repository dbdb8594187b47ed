"""The engine's benchmarks run, and what does not depend on the clock is right."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUICK = ("--quick", "--threads", "1")

pytestmark = pytest.mark.slow

Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a script in this process, which has torch loaded, and leave the process as it was."""
    threads, loaded = torch.get_num_threads(), set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def script(name: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [str(BENCHMARKS / name), *QUICK])
        importlib.import_module(Path(name).stem).main()
        found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return found

    with warnings.catch_warnings():
        yield script
    torch.set_num_threads(threads)
    for name in set(sys.modules) - loaded:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(BENCHMARKS)):
            del sys.modules[name]


def alone(script: str, timeout_s: float = 120) -> dict[str, Any]:
    """Run it as people do, in a process of its own, whose memory it can measure."""
    command = [sys.executable, str(BENCHMARKS / script), *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nmf(run: Run) -> None:
    found = run("nmf.py")
    assert found["error_ratio"] < 1.001
    assert found["dead"] == 0
    assert found["concept_cosine"] > 0.99
    assert found["speedup_vs_sklearn"] > 0
    assert found["speedup_float32"] > 0
    assert {"speedup_vs_overcomplete", "seconds", "iterations"} <= found.keys()


def test_importance(run: Run) -> None:
    found = run("importance.py")
    assert found["max_abs_difference_sampled"] < 1e-5
    assert {"speedup_vs_craft", "max_abs_difference", "seconds"} <= found.keys()


def test_attribution() -> None:
    found = alone("attribution.py")
    both = {"saliency", "gradcam", "smoothgrad", "occlusion", "lime", "kernel_shap"}
    assert both <= found["speedup_vs_captum"].keys()
    assert min(found["speedup_vs_captum"].values()) > 0
    assert set(found["speedup_per_forward_vs_captum_occlusion"]) == {"rise", "sobol", "hsic"}
    assert found["forwards"]["rise"] == found["forwards"]["smoothgrad"] == 26
    few, many = found["peak_mb"]["rise"].values()
    assert many < 1.1 * few


def test_cost(run: Run) -> None:
    found = run("cost.py")
    stages = {
        "decode", "encode_views", "encode_crops", "factorize", "maps", "measures", "visualize",
        "write",
    }  # fmt: skip
    assert stages <= found["seconds"].keys()
    assert min(found["seconds"].values()) > -0.05
    assert set(found["bytes"]) == {"images", "pictures", "arrays", "tables"}
    plan = found["plan"]
    assert plan["extrapolated"]
    total = sum(plan["seconds_a_class"].values())
    assert total == pytest.approx(plan["seconds_a_class_total"], abs=0.1)
    assert plan["hours"] == pytest.approx(total * 1000 / 8 / 3600, abs=0.02)


def test_recovery(run: Run) -> None:
    """Concepts recover what interventions show; what knows nothing of the classifier does not."""
    found = run("recovery.py")
    assert found["accuracy"] > 0.6, "the classifier has learned something"
    assert found["effects"]["Ulmaceae"]["label"] > 0.2, "and uses the label"
    assert found["bias_found"], "NMF has an important concept on the label"
    assert found["best_auc"] > 0.8
    assert found["auc"]["nmf"]["gradient_input"] > 0.75
    for own in found["auc"].values():
        assert 0.38 < own["shuffled"] < 0.62
    label, chance = found["table"]["label"]["nmf"], found["table"]["label"]["chance"]
    assert label["iou"] > 3 * chance["iou"]
    assert label["pointing"] > 3 * chance["pointing"]
    assert found["table"]["margin"]["kmeans"] is None, "no gradient, no fine maps"
    assert found["layers"]["label"] != found["layers"]["margin"]
    assert {"ace", "tcav"} <= found["auc_by_place"].keys()


def test_concept_extraction(run: Run) -> None:
    found = run("concept_extraction.py")
    assert found["concept_cosine"] > 0.99
    assert set(found["seconds"]) >= {"auto", "float32"}
    assert {"speedup_vs_craft", "error_ratio", "speedup_importance"} <= found.keys()


def test_memory(run: Run) -> None:
    found = run("memory.py")
    assert found["peak_mb_by_classes"].keys() == {"1", "2"}
    assert min(found["peak_mb_by_images"].values()) > found["loaded_mb"]
    assert {"mb_per_class", "kb_per_image", "kb_pooled_per_image"} <= found.keys()
    # A second lot of pictures costs what is kept of them, .4 MB each, and allocators' moods; all
    # crops at once would take tens.
    assert abs(found["mb_per_picture"]) < 5


def test_maco(run: Run) -> None:
    found = run("maco.py")
    assert found["seconds_per_concept"] > 0
    assert {"speedup_vs_horama", "processor_seconds", "px", "concepts"} <= found.keys()
    if found["speedup_vs_horama"] is not None:
        assert found["our_objective"] >= found["peer_objective"]


def test_maco_quality(run: Run) -> None:
    found = run("maco_quality.py")
    assert found["seconds_per_concept"]["64"] > 0
    assert found["peer_processor_seconds_per_concept"] is None, "no peer at this size"
    (said,) = found["judges"].values()
    assert said.keys() == {"ours shown", "ours bare"}
    for figures in said.values():
        assert figures["n"] == len(found["concepts"])
        assert figures["plausibility"] > 0
        assert figures["fid"] > 0
        assert figures["kid"][1] <= figures["kid"][2]
