"""The results in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.formatting import between, count, degrees, number, p_value, percent, points


def summary_lines(results: Mapping[str, Any]) -> list[str]:
    """People, accuracy by condition, and the test."""
    excluded = results["exclusions"]
    lines = [
        f"{count(excluded['n_analysed'], 'person', 'people')} analysed of "
        f"{excluded['n_arrived']} who arrived, {count(results['dataset']['n_answers'], 'answer')}"
    ]
    lines += [f"warning: {text}" for text in results["attention"]]
    labels = {entry["name"]: entry["label"] for entry in results["design"]["conditions"]}
    for row in (results["accuracy"] or {}).get("conditions", ()):
        people = count(row["n_participants"], "person", "people")
        kind = "" if row["low"] is not None else "wilson_"
        interval = between(row[f"{kind}low"], row[f"{kind}high"], percent)
        lines.append(
            f"{labels[row['condition']]}: {percent(row['accuracy'])} right {interval}, {people}"
        )
    lines += [f"warning: {text}" for text in (results["accuracy"] or {}).get("warnings", ())]
    differences = results["differences"]
    if differences is None:
        return [*lines, results["why_no_difference"], *_programme(results)]
    for row in differences["comparisons"]:
        if not row["primary"]:
            continue
        if row["difference_low"] is None:
            lines.append(
                f"{labels[row['condition']]} − {labels[row['reference']]}: "
                f"{points(row['difference'])} points, no interval and no test"
            )
            continue
        t = f"t({degrees(row['df'])}) = {number(row['t'])}"
        lines.append(
            f"{labels[row['condition']]} − {labels[row['reference']]}: {points(row['difference'])} "
            f"points {between(row['difference_low'], row['difference_high'], points)}, odds ratio "
            f"{number(row['odds_ratio'])}, {t}, {p_value(row['p_judged'])} "
            f"({differences['status']}, {row['scope']})"
        )
    lines += [f"warning: {text}" for text in differences["warnings"]]
    return [*lines, *_programme(results)]


def _programme(results: Mapping[str, Any]) -> list[str]:
    """Which published analysis was made, if any."""
    programme = results["programme"]
    if programme is None:
        return []
    tables = count(len(programme["sections"]), "table")
    return [
        f"programme {programme['name'].replace('_', ' ')}: {tables}, because "
        f"{programme['recognised_by']}"
    ]
