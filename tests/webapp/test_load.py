"""The load scripts run, small, and print what they promise; figures are for quiet machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.load import active, arrivals, export

pytestmark = pytest.mark.slow


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return content


def run(main: Callable[[list[str]], None], *arguments: str) -> None:
    """In a thread of its own: a browser test of the same process leaves its event loop running."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(main, list(arguments)).result()


def test_arrivals(capsys: pytest.CaptureFixture[str]) -> None:
    run(arrivals.main, "--quick", "--databases", "sqlite")
    found = last_line(capsys)
    assert found["errors"] == 0, found
    assert found["imbalance_sqlite"] <= 1
    assert found["sqlite"]["with_schedule"] == found["participants"]


def test_active(capsys: pytest.CaptureFixture[str]) -> None:
    run(active.main, "--quick", "--databases", "sqlite")
    found = last_line(capsys)
    assert found["errors"] == 0, found
    assert found["sqlite"]["trials"] >= found["participants"]
    assert found["p95_ms_sqlite"] > 0 < found["trials_per_s"]


def test_export(capsys: pytest.CaptureFixture[str]) -> None:
    run(export.main, "--quick")
    found = last_line(capsys)
    assert found["rows"] == 4000
    assert found["checksums_match"] is True
    assert found["peak_mb"] > 0 < found["seconds"]
