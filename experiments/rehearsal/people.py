"""A rehearsal: simulated people go through a study at a running server, as people would.

Each follows the lab link, agrees, reads, takes the quiz, fetches every picture and answers every
trial with the tokens that the pages hand out. The link says that this is a rehearsal and names the
seed of the schedule, so that nothing has to be learned from the server: the study's own folder says
what each trial shows, and every trial and every picture that is served is compared with it.

Times of day and response times are those of the simulated people, who do not really wait.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from experiments.dataset import DatasetWriter
from experiments.observers import Departure, Observer
from experiments.records import Status
from experiments.rehearsal.browser import Browser, Reply, boot_of
from experiments.rehearsal.pictures import Gallery, difference, name_in, unpack
from experiments.schedule import ScheduledTrial, draw_schedule
from experiments.simulate import planted
from experiments.study import Study
from experiments.visits import Itinerary, Visit
from lens_core.atlas import LensError, Track, no_track

STEPS = 200
"""Pages that somebody may be sent to before the task; more is a circle."""

Rows = tuple[dict[str, Any], list[dict[str, Any]]]


def rehearse(
    study: Study,
    n_participants: int,
    observer: Observer,
    seed: int,
    out: str | Path,
    server: str,
    *,
    at_once: int = 4,
    track: Track = no_track,
    force: bool = False,
) -> Path:
    """Send ``n_participants`` simulated people through a server and write their data set.

    The data set is written from what was sent, scored by the study's folder; where the server says
    whether an answer was right, the two must agree. ``lens study export --include-previews`` at the
    server gives the same trials from its database.

    Parameters
    ----------
    server : address of a running server that has this very study published.
    at_once : people who take part at the same time.

    Raises
    ------
    LensError
        If the server does not answer, takes nobody, or shows anything but this study.
    """
    gallery = Gallery(study)
    description = {"simulation": {**planted(study, observer, seed), "server": server}}

    def one(number: int) -> Rows:
        return Rehearsal(study, observer, seed, number, Browser(server), gallery).run()

    with (
        DatasetWriter(out, study, description=description, force=force) as data,
        ThreadPoolExecutor(max_workers=at_once) as pool,
    ):
        try:
            visits = pool.map(one, range(n_participants))
            for participant, trials in track(visits, "rehearsing", n_participants):
                data.participant(participant)
                for trial in trials:
                    data.trial(trial)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Path(out)


@dataclass(frozen=True)
class Seat:
    """The open task page: where to send, and with which tokens."""

    api: str
    csrf: str
    page_token: str


class Rehearsal:
    """One simulated person at a server."""

    def __init__(
        self,
        study: Study,
        observer: Observer,
        seed: int,
        number: int,
        browser: Browser,
        gallery: Gallery,
    ) -> None:
        self.study = study
        # Somebody whose first reply is lost comes back as the same person.
        self._who = secrets.token_hex(16)
        self.visit = Visit(study, observer, seed, number, nonce=self._who)
        self.home = f"/study/{study.name}/"
        self._browser = browser
        self._gallery = gallery
        self._fetched: dict[str, bytes] = {}
        self._served: dict[int, dict[str, Any]] = {}
        self._next: int | None = None

    def run(self) -> Rows:
        """From the link to the last page; what is exported of it."""
        page = self._come_to_the_task()
        if page.page != "task":
            return self.visit.participant("screened_out", None), []
        boot = boot_of(page)
        api = f"{boot['api']}/session/{boot['session']}"
        seat = Seat(api, str(boot["csrf"]), str(boot["page_token"]))
        self._load(seat)
        cell = self._recognised_cell()
        itinerary = Itinerary(self.study, cell, self.visit.schedule_seed)
        for trial in itinerary:
            departure = self.visit.person.leaves()
            if departure is not None:
                return self._leave(departure, seat, cell)
            itinerary.answered(self._answer(trial, seat))
        status: Status = "screened_out" if itinerary.screened_out else "complete"
        self._end(seat, status)
        return self.visit.participant(status, cell), self.visit.rows

    def _come_to_the_task(self) -> Reply:
        """Through the pages before the task. Where one is, is asked of the server after each form,
        so that a reply that was lost does no harm."""
        link = urlencode({"rehearsal": self.visit.schedule_seed, "person": self._who})
        fill: dict[str, Callable[[], dict[str, str]]] = {
            "consent": lambda: {"agree": "yes", "age": "yes"},
            "instructions": dict,
            "quiz": self._quiz,
        }
        for _ in range(STEPS):
            page = self._browser.get(f"{self.home}?{link}")
            if page.page in fill:
                self._browser.post_form(page, fill[page.page]())
            elif page.page in ("task", "stopped") and page.status == 200:
                return page
            elif 300 <= page.status < 400:
                continue  # a redirection whose reply was cut short: ask again
            else:
                said = f": it says {page.heading!r}" if page.heading else ""
                raise LensError(
                    f"{self._browser.address(self.home)} takes no rehearsal{said}; publish "
                    f"{self.study.name} there, and open it and its lab link in the console"
                )
        raise LensError(f"{self._browser.address(self.home)} sends people round in circles")

    def _quiz(self) -> dict[str, str]:
        """An attempt at the quiz; who does not understand ticks another option somewhere."""
        right = self.visit.understands_quiz()
        return {
            f"q{number}": str(
                question.answer if right else (question.answer + 1) % len(question.options)
            )
            for number, question in enumerate(self.study.config.quiz)
        }

    def _load(self, seat: Seat) -> None:
        """Ask for the present block."""
        reply = self._browser.get(f"{seat.api}?{urlencode({'page_token': seat.page_token})}")
        state = reply.json()
        if reply.status != 200 or "trials" not in state:
            raise LensError(f"{reply.url} answered {reply.status}: {state.get('error', 'no JSON')}")
        self._served = {int(trial["index"]): trial for trial in state["trials"]}
        self._next = state["next"]
        for bundle in state.get("bundles", ()):
            self._fetched |= unpack(self._browser.get(bundle).body)

    def _recognised_cell(self) -> str:
        """The cell whose schedule the server shows, told by what the first block shows."""
        faults = []
        for cell in self.study.cells:
            schedule = {
                trial.index: trial
                for trial in draw_schedule(self.study, cell, self.visit.schedule_seed)
            }
            fault = next(
                (
                    different
                    for index, served in self._served.items()
                    if (different := self._compare(schedule.get(index), served))
                ),
                "",
            )
            if not fault:
                return cell
            faults.append(f"{cell}: {fault}")
        raise LensError(
            f"the server does not show the study in {self.study.root} ({'; '.join(faults)}): "
            "publish this very folder there, or rehearse with the one that is published"
        )

    def _compare(self, trial: ScheduledTrial | None, served: dict[str, Any]) -> str:
        if trial is None:
            return f"trial {served.get('index')} is not in its schedule"
        return difference(self.study, trial, served, self._gallery, self._fetch)

    def _fetch(self, url: str) -> bytes:
        name = name_in(url)
        if name not in self._fetched:
            self._fetched[name] = self._browser.get(url).body
        return self._fetched[name]

    def _answer(self, trial: ScheduledTrial, seat: Seat) -> bool:
        """Answer a trial and have the server keep it; whether it went well."""
        if self._next not in self._served:
            self._load(seat)
        if self._next != trial.index:
            raise LensError(
                f"the server asks for trial {self._next} where the study's folder has trial "
                f"{trial.index}: they are not the same version"
            )
        different = self._compare(trial, self._served[trial.index])
        if different:
            raise LensError(f"the server does not show what the study says: {different}")
        given = self.visit.answer(trial)
        row = given.row
        reply = self._browser.post_json(
            f"{seat.api}/trials/{trial.index}",
            {
                "page_token": seat.page_token,
                "response": given.raw,
                "environment": {"simulated": True},
                **{
                    name: row[name]
                    for name in (
                        "trial_uuid",
                        "rt_ms",
                        "onset_error_ms",
                        "dropped_frames",
                        "presented_at",
                        "answered_at",
                    )
                },
            },
            seat.csrf,
        )
        told = reply.json()
        if reply.status != 200 or told.get("saved") is not True:
            raise LensError(f"{reply.url} answered {reply.status}: {told.get('error', 'no JSON')}")
        if told.get("correct", given.correct) != given.correct:
            raise LensError(f"the server scores trial {trial.index} unlike the study's folder")
        self._next = told["next"]
        return given.correct is not False

    def _leave(self, departure: Departure, seat: Seat, cell: str) -> Rows:
        """Go before the end: press the button for it, or simply come no more."""
        if departure == "returned":
            self._browser.press(f"{self.home}leave", seat.csrf)
        return self.visit.participant(departure, cell), self.visit.rows

    def _end(self, seat: Seat, status: Status) -> None:
        """Have the server confirm that it has every answer."""
        if status == "complete":
            reply = self._browser.post_json(
                f"{seat.api}/finish",
                {"n_trials": len(self.visit.rows), "page_token": seat.page_token},
                seat.csrf,
            )
            if reply.status != 200:
                told = reply.json().get("error", "no JSON")
                raise LensError(f"{reply.url} answered {reply.status}: {told}")
        page = self._browser.get(self.home)
        if page.page != ("debrief" if status == "complete" else "stopped"):
            raise LensError(
                f"{page.url} says {page.heading!r} ({page.status}) to somebody whose visit ended: "
                f"{status}"
            )
