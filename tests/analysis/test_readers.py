"""Small files as jsPsych, Gorilla and PsyNet write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.readers import read_foreign
from analysis.results import analyze_dataset

JSPSYCH: list[dict[str, Any]] = [
    {"trial_type": "html-keyboard-response", "trial_index": 0, "time_elapsed": 900, "rt": 812},
    *(
        {
            "trial_type": "image-button-response",
            "trial_index": 1 + place,
            "time_elapsed": 2000 * place,
            "subject_id": person,
            "condition": arm,
            "task": part,
            "stimulus": f"img/{place}.png",
            "response": str(place % 2),
            "correct_response": "0",
            "correct": place % 2 == 0,
            "rt": 640.5 + place,
            "view_history": [{"page_index": 0}],
        }
        for person, arm in (("s1", "maps"), ("s2", "none"))
        for place, part in enumerate(["practice", "main", "main", "main", "attention-check"])
    ),
]

GORILLA = """Event Index,UTC Timestamp,Participant Private ID,Participant Public ID,Task Name,\
display,Trial Number,Screen Name,Zone Type,Reaction Time,Response,Correct,ANSWER,randomiser-x1
1,1,7001,a,Odd one,practice,1,image,content_image,,,,,
2,2,7001,a,Odd one,practice,1,image,response_button_text,734.2,left,1,left,A
3,3,7001,a,Odd one,test,2,image,response_button_text,801.0,left,0,right,A
4,4,7002,b,Odd one,test,2,image,response_button_text,655.5,right,1,right,B
END OF FILE,,,,,,,,,,,,,
"""

PSYNET = """id,participant_id,trial_maker_id,network_id,node_id,degree,definition,answer,\
is_correct,time_taken,failed
1,11,tm,1,101,1,"{""stimulus_name"": ""leaf"", ""condition"": ""a"", ""x"": []}",yes,true,1.25,false
2,11,tm,1,102,1,"{""stimulus_name"": ""stem"", ""condition"": ""a""}",no,false,0.75,false
3,12,tm,1,101,1,"{""stimulus_name"": ""leaf"", ""condition"": ""b""}",no,false,2,true
4,12,tm,1,102,1,"{""stimulus_name"": ""stem"", ""condition"": ""b""}",yes,true,1.5,false
"""


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_jspsych(tmp_path: Path) -> None:
    data, mapping = read_foreign(written(tmp_path, "all.json", json.dumps(JSPSYCH)))
    assert mapping.tool == "jspsych"
    assert mapping.columns() == {
        "participant": "subject_id",
        "condition": "condition",
        "phase": "task",
        "trial": "trial_index",
        "item": "stimulus",
        "response": "response",
        "correct_response": "correct_response",
        "correct": "correct",
        "rt_ms": "rt",
    }
    assert set(mapping.left) == {"trial_type", "time_elapsed", "view_history"}
    assert {"session", "block", "n_options", "confidence"} == set(mapping.missing)
    assert len(data.trials) == 10
    assert data.trials["phase"].value_counts().to_dict() == {"test": 6, "practice": 2, "catch": 2}
    assert data.trials["correct"].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0] * 2
    assert any("1 rows hold no question" in note for note in data.notes)
    assert any("'attention-check' as catch" in note for note in data.notes)
    assert analyze_dataset(data).results["exclusions"]["n_analysed"] == 2


def test_jspsych_as_csv_and_as_lists_of_people(tmp_path: Path) -> None:
    pd.DataFrame(JSPSYCH).to_csv(tmp_path / "all.csv", index=False)
    from_csv, _ = read_foreign(tmp_path / "all.csv")
    from_json, _ = read_foreign(written(tmp_path, "all.json", json.dumps(JSPSYCH)))
    assert from_csv.trials["correct"].tolist() == from_json.trials["correct"].tolist()
    anonymous = [{k: v for k, v in one.items() if k != "subject_id"} for one in JSPSYCH[1:]]
    parts = [anonymous[:5], anonymous[5:]]
    data, _ = read_foreign(written(tmp_path, "parts.json", json.dumps(parts)))
    assert data.trials["participant"].unique().tolist() == ["list-0", "list-1"]
    assert any("each list of the file counts as one person" in note for note in data.notes)


def test_gorilla(tmp_path: Path) -> None:
    data, mapping = read_foreign(written(tmp_path, "gorilla.csv", "\ufeff" + GORILLA))
    assert mapping.tool == "gorilla"
    assert mapping.mapped["participant"] == "Participant Private ID"
    assert mapping.mapped["correct_response"] == "ANSWER"
    assert data.trials["participant"].tolist() == ["7001", "7001", "7002"]
    assert data.trials["correct"].tolist() == [1.0, 0.0, 1.0]
    assert data.trials["rt_ms"].tolist() == [734.2, 801.0, 655.5]
    assert data.trials["phase"].tolist() == ["practice", "test", "test"]
    assert any("end of the file" in note for note in data.notes)
    assert any("take no response" in note for note in data.notes)
    assert "randomiser-x1" in mapping.left


def test_psynet(tmp_path: Path) -> None:
    path = written(tmp_path, "psynet.csv", PSYNET)
    data, mapping = read_foreign(path, columns={"item": "stimulus_name"})
    assert mapping.tool == "psynet"
    assert mapping.given == {"item": "stimulus_name"}
    assert data.trials["item"].tolist() == ["leaf", "stem", "stem"]
    assert data.trials["condition"].tolist() == ["a", "a", "b"]
    assert data.trials["rt_ms"].tolist() == [1250.0, 750.0, 1500.0]
    assert data.trials["correct"].tolist() == [1.0, 0.0, 1.0]
    for word in ("1 trials that the tool marks as failed", "in seconds", "From 'definition'"):
        assert any(word in note for note in data.notes)
    table = mapping.to_frame()
    assert set(table["how"]) == {"given", "mapped", "left", "missing"}
    assert table.set_index("ours").loc["rt_ms", "meaning"].startswith("Time from the onset")


def test_an_unknown_file_is_guessed_or_asked_for(tmp_path: Path) -> None:
    frame = pd.DataFrame({"who": list("aabb"), "was_right": [1, 0, 1, 1], "cond": list("xxyy")})
    frame.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(AnalysisError, match=r'columns=\{"participant": "…"\}'):
        read_foreign(tmp_path / "own.csv")
    data, mapping = read_foreign(tmp_path / "own.csv", columns={"participant": "who"})
    assert mapping.tool == "unknown"
    assert mapping.guessed == {"correct": "was_right", "condition": "cond"}
    assert data.trials["correct"].tolist() == [1, 0, 1, 1]
    two = frame.assign(correct2=1)
    two.to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(AnalysisError, match="map the one that says whether"):
        read_foreign(tmp_path / "two.csv", columns={"participant": "who"})


def test_faults(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="is no file"):
        read_foreign(tmp_path / "none.csv")
    for content, word in (
        ("{", "cannot be read"),
        ("[]", "no list of trials"),
        ("{}", "no single"),
    ):
        with pytest.raises(AnalysisError, match=word):
            read_foreign(written(tmp_path, "bad.json", content))
    good = written(tmp_path, "good.csv", GORILLA)
    with pytest.raises(AnalysisError, match="unknown tool"):
        read_foreign(good, tool="qualtrics")
    with pytest.raises(AnalysisError, match="no column 'stim'"):
        read_foreign(good, columns={"item": "stim"})
