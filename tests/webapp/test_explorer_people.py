"""The loop closed: scores and names that people gave, shown beside an atlas that stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lens_core.atlas import Atlas, LensError
from tests.analysis.test_cli import Quiet
from webapp.explorer import create_explorer_app
from webapp.explorer.book import AtlasBook
from webapp.explorer.bookshelf import Library
from webapp.explorer.cli import site
from webapp.explorer.sidecars import misfits, people_of, read_sidecar
from webapp.explorer.tables import class_table


def sidecar(atlas_hash: str, **changes: Any) -> dict[str, Any]:
    """One as ``lens analyze`` writes it (tests/analysis/test_sidecar.py holds that to it)."""
    key = {"atlas_hash": atlas_hash, "class_id": 0}
    return {
        "format": "lens-sidecar",
        "format_version": 1,
        "study": "insects",
        "study_hash": "sha256:ab",
        "title": "Which insect?",
        "paradigm": "two_afc",
        "simulated": False,
        "chance": 0.5,
        "level": 0.95,
        "concepts": [
            key
            | {"concept_id": "concepts-0", "score": 0.8125, "n": 32}
            | {"n_participants": 8, "low": 0.5, "high": 0.94},
            key | {"concept_id": "concepts-1", "score": 0.25, "n": 4, "low": None, "high": None},
        ],
        "names": [
            key | {"concept_id": "concepts-0", "name": "six legs", "agreement": 0.75, "n": 8},
            key | {"concept_id": "concepts-1", "name": "wing", "agreement": 0.4, "n": 10},
        ],
    } | changes


def put(folder: Path, content: dict[str, Any], name: str = "one.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder / name


@pytest.fixture
def folder(tmp_path: Path, synthetic_atlas: Atlas) -> Path:
    put(tmp_path / "sidecars", sidecar(synthetic_atlas.hash))
    return tmp_path / "sidecars"


def test_pages_show_scores_and_agreed_names(synthetic_atlas: Atlas, folder: Path) -> None:
    client = create_explorer_app([synthetic_atlas.root], folder).test_client()
    page = client.get("/atlas/synthetic/class/0").text
    words = " ".join(page.replace("\u00a0", " ").split())
    assert "<b>81 %</b> of 32 answers by 8 people were right" in words
    assert "(interval 50–94 %)" in words
    assert "guessing gives 50 %" in words
    assert "75 % of 8 people call it <b>six legs</b>; to the model it is concept 0." in words
    assert "do not agree on a name: “wing” was given by 40 % of 10" in words
    assert ">Six legs<" in words
    assert ">Wing<" not in words
    other = client.get("/atlas/synthetic/class/1").text
    assert "Six legs" not in other.split("Similar in other classes")[0]
    assert "What people make of it" not in other
    image = client.get("/atlas/synthetic/class/0/concepts/image/2").text
    assert "Six legs" in image
    table = client.get("/atlas/synthetic/class/0/concepts.concepts.csv").text.splitlines()
    assert table[0].endswith("people_simulated,name,name_agreement,name_people")
    assert any("0.8125" in row and "six legs" in row for row in table)


def test_simulated_people_are_called_so_and_give_way(synthetic_atlas: Atlas) -> None:
    rehearsal = sidecar(synthetic_atlas.hash, simulated=True)
    rehearsal["concepts"][0] |= {"n": 9999, "score": 0.5}
    from webapp.explorer.sidecars import Sidecar

    first, second = (Sidecar.model_validate(c) for c in (rehearsal, sidecar(synthetic_atlas.hash)))
    for order in ((first, second), (second, first)):
        score = people_of(synthetic_atlas.hash, order).score(0, "concepts-0")
        assert score is not None
        assert (score.n, score.who) == (32, "people")
    alone = people_of(synthetic_atlas.hash, [first]).score(0, "concepts-0")
    assert alone is not None
    assert alone.who == "simulated people"


def test_the_bias_page_says_it(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    content = sidecar(synthetic_atlas.hash)
    rows = [
        content["concepts"][0] | {"class_id": entry.id, "concept_id": concept.id}
        for entry in synthetic_atlas.classes
        for concept in entry.concepts
    ]
    put(tmp_path / "s", content | {"concepts": rows})
    client = create_explorer_app([synthetic_atlas.root], tmp_path / "s").test_client()
    assert "People right in <b>81\u00a0%</b>" in client.get("/atlas/synthetic/bias").text


def test_a_new_sidecar_shows_without_a_restart(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    client = create_explorer_app([synthetic_atlas.root], tmp_path / "s").test_client()
    before = client.get("/atlas/synthetic/class/0")
    assert "people were right" not in before.text
    file = put(tmp_path / "s", sidecar(synthetic_atlas.hash))
    after = client.get(
        "/atlas/synthetic/class/0", headers={"If-None-Match": before.headers["ETag"]}
    )
    assert after.status_code == 200
    assert "people\u00a0were right" in after.text or "people were right" in after.text
    file.unlink()
    assert client.get("/atlas/synthetic/class/0").text == before.text


def test_what_does_not_fit_is_ignored_with_a_line(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    put(folder, sidecar("sha256:0123456789abcdef"), "other.json")
    put(folder, {"format": "something else"}, "mine.json")
    put(folder, sidecar(synthetic_atlas.hash, format_version=99), "newer.json")
    library = Library([synthetic_atlas.root], sidecars=folder)
    book = library.book("synthetic")
    assert book is not None
    assert not book.people
    lines = "\n".join(library.ignored())
    assert "other.json is ignored: it is about sha256:0123456789ab…" in lines
    assert "mine.json is no sidecar" in lines
    assert "update lens-lab" in lines
    assert len(library.ignored()) == 3
    (line,) = Library(shelf=synthetic_atlas.root).ignored()
    assert "is an atlas itself, so it is not shown: move" in line


def test_the_atlas_does_not_change_and_labels_fall_back(synthetic_atlas: Atlas) -> None:
    book = AtlasBook(synthetic_atlas, "a")
    concept = book.info(0).concepts[0]
    assert book.label(concept, 0) == book.numbered(concept)
    with pytest.raises(KeyError):
        class_table(book, 0, "concepts", "people")


def test_a_site_carries_scores(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    fits = put(tmp_path / "s", sidecar(synthetic_atlas.hash))
    misfit = put(tmp_path / "s", sidecar("sha256:0"), "other.json")
    terminal = Quiet()
    words = [str(synthetic_atlas.root), "--out", str(tmp_path / "site")]
    done = CliRunner().invoke(
        site, [*words, "--scores", str(fits), "--scores", str(misfit)], obj=terminal
    )
    assert done.exit_code == 0, done.output
    assert "Six legs" in (tmp_path / "site" / "class" / "0.html").read_text()
    assert terminal.notes == misfits([(misfit, read_sidecar(misfit))], [synthetic_atlas.hash])
    gone = CliRunner().invoke(site, [*words, "--scores", "nowhere.json"], obj=terminal)
    assert isinstance(gone.exception, LensError)
    assert "does not exist" in str(gone.exception)
