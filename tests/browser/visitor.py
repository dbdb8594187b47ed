"""A participant at a browser: does on the pages what a person would do."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page

from tests.browser.live import LiveServer

READY = ".two-afc:not(.waiting) .answer:enabled"
GATE = ".gate .primary"
CODE = "#completion-code"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
KEYS = ("S", "D", "F", "J", "K", "L")


class Visitor:
    """One tab of one person, and the study that they take part in."""

    def __init__(self, server: LiveServer, context: BrowserContext) -> None:
        self.server = server
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        # Leaving while an answer is on its way asks back; this person leaves.
        self.page.on("dialog", lambda dialog: dialog.accept())

    @property
    def person(self) -> Any:
        """The newest participant in the database."""
        return self.server.people()[-1]

    def arrive(self) -> None:
        self.page.goto(self.server.link)

    def consent(self) -> None:
        self.page.check("[name=age]")
        self.page.check("[name=agree]")
        self.page.click("text=Continue")

    def read_instructions(self) -> None:
        n_steps = len(self.server.study.config.instructions)
        for step in range(1, n_steps + 1):
            self.page.wait_for_selector(f"[data-position]:text-is('{step} of {n_steps}')")
            self.page.click("[data-next]" if step < n_steps else "[data-done]")

    def answer_quiz(self, right: bool = True) -> None:
        self.page.wait_for_selector("text=Is the task clear?")
        for number, question in enumerate(self.server.study.config.quiz):
            answer = question.answer if right else (question.answer + 1) % len(question.options)
            self.page.check(f"[name=q{number}][value='{answer}']")
        self.page.click("text=Check my answers")

    def come_to_the_task(self) -> None:
        """Everything up to the first page of the task."""
        self.arrive()
        self.consent()
        self.read_instructions()
        self.answer_quiz()
        self.page.wait_for_selector(GATE)

    def skip_to_the_task(self, until: str = GATE) -> None:
        """The same by the forms alone, where the pages before the task are not what is tested."""
        link, request = self.server.link, self.context.request
        request.get(link)

        def fill(page: str, **fields: str) -> None:
            found = TOKEN.search(request.get(link + page).text())
            assert found is not None, f"{page} has no form"
            assert request.post(link + page, form={"csrf_token": found[1], **fields}).ok

        fill("consent", age="yes", agree="yes")
        fill("instructions")
        questions = self.server.study.config.quiz
        fill("quiz", **{f"q{number}": str(each.answer) for number, each in enumerate(questions)})
        self.page.goto(link)
        self.page.wait_for_selector(until)

    def come_to_a_trial(self) -> None:
        """Through the gate, if there is one, to a trial that waits for an answer."""
        self.page.wait_for_selector(f"{READY}, {GATE}")
        if self.page.locator(GATE).count():
            self.page.click(GATE)
        self.page.wait_for_selector(READY)

    def right_choice(self) -> int:
        """The right answer to the trial that comes next; the browser does not know it."""
        done = {answer.index for answer in self.server.answers(self.person)}
        trial = next(t for t in self.server.scheduled(self.person) if t.index not in done)
        return int(trial.body["correct_response"])

    def button(self, choice: int, confidence: int = 3) -> Locator:
        selector = f".answer[data-option='{choice}'][data-confidence='{confidence}']"
        return self.page.locator(selector)

    def answer(self, choice: int | None = None, confidence: int = 3) -> None:
        """Press a button, the right one unless told otherwise."""
        self.button(self.right_choice() if choice is None else choice, confidence).click()

    def press(self, choice: int | None = None, confidence: int = 3) -> None:
        """Press a key instead."""
        chosen = self.right_choice() if choice is None else choice
        self.page.keyboard.press(KEYS[3 * chosen + confidence - 1])

    def wait_for_saved(self, n: int) -> None:
        """Until the database holds `n` answers."""
        for _ in range(600):
            if len(self.server.answers(self.person)) >= n:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"fewer than {n} answers were saved")

    def answer_and_go_on(
        self, choice: int | None = None, confidence: int = 3, *, keyboard: bool = False
    ) -> None:
        """Answer, wait until that is in the database and the trial has left the screen."""
        n_saved = len(self.server.answers(self.person))
        # A quick trial may be followed by another before we look, so this one is marked.
        self.page.evaluate("document.querySelector('.two-afc').classList.add('answered')")
        if keyboard:
            self.press(choice, confidence)
        else:
            self.answer(choice, confidence)
        self.wait_for_saved(n_saved + 1)
        self.page.locator(".two-afc.answered").wait_for(state="detached")

    def go_to_the_end(self, *, keyboard: bool = False) -> str:
        """Answer everything that is left; returns the completion code."""
        while True:
            self.page.wait_for_selector(f"{READY}, {GATE}, {CODE}")
            if self.page.locator(CODE).count():
                return self.page.locator(CODE).inner_text()
            if not self.page.locator(GATE).count():
                self.answer_and_go_on(keyboard=keyboard)
                continue
            if keyboard:
                self.page.keyboard.press("Enter")
            else:
                self.page.click(GATE)
            self.page.locator(GATE).wait_for(state="detached")

    def tab_to(self, selector: str) -> None:
        """Reach an element by the Tab key alone."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} cannot be reached by the Tab key")
