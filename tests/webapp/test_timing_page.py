"""Reports of the timing self-test are kept as they are measured, and nothing else is."""

from __future__ import annotations

from flask import Flask

from tests.webapp.test_console import Console

SPREAD = {"median": 0.4, "sd": 1.2, "max": 3.0, "n": 20}
REPORT = {
    "device": "Booth <3>",
    "browser": "Firefox 130",
    "os": "Linux",
    "pixel_ratio": 1,
    "frame_interval_ms": 16.67,
    "dropped_frames": 0,
    "onset_error_ms": SPREAD,
    "decode_ms": SPREAD,
    "key_ms": SPREAD,
}


def test_reports_are_kept_and_checked(app: Flask, with_accounts: None) -> None:
    console = Console(app.test_client())
    console.log_in("vic")
    headers = {"X-CSRFToken": console.token()}
    page = "/console/timing"
    assert "No machine has been tested yet" in console.client.get(page).text
    assert console.client.post(page, json=REPORT, headers=headers).status_code == 204
    for wrong in ({}, [], REPORT | {"more": 1}, REPORT | {"key_ms": 3}, REPORT | {"os": "x" * 99}):
        assert console.client.post(page, json=wrong, headers=headers).status_code == 422
    assert console.client.post(page, json=REPORT).status_code == 400, "without the page's token"
    shown = console.client.get(page).text
    assert "Booth &lt;3&gt;" in shown
    assert "0.4 ± 1.2" in shown
    assert shown.count("Firefox 130") == 1
    owner = Console(app.test_client())
    owner.log_in("ona")
    log = owner.client.get("/console/accounts").text
    assert "onset error ms (median 0.4, sd 1.2, max 3.0, n 20)" in log
    for published in ("3.6 ms late (SD 5.1)", "23 ms too long (SD 7.9)", "Bridges et al., 2020"):
        assert published in shown, "what a measurement is to be compared with"
