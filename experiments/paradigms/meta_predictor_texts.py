"""What participants of a meta-predictor study read until somebody edits it.

The condition is drawn later, so nothing here says whether there will be an explanation.
"""

from __future__ import annotations

from experiments.design import Consent, Exclusion, Instruction, QuizQuestion, Session
from experiments.paradigms.files import Defaults

TRIAL_MIN = 0.12
"""Minutes of a trial, photographs that are only looked at included: 5 to 8 in all, as published."""


def defaults(first: str, second: str) -> Defaults:
    """Texts, criteria and settings; the two are what the model can say."""
    return Defaults(
        consent=Consent(
            version="1",
            markdown=(
                "You are invited to a study about how people understand computer programs. You "
                "will look at photographs and say what a program takes them for.\n\n"
                "- It takes about {minutes} minutes.\n"
                "- Taking part is voluntary. You may stop at any time by closing the page.\n"
                "- We store your answers and how long they took, under a number and without your "
                "name.\n"
                "- There are no known risks.\n"
            ),
        ),
        instructions=(
            Instruction(
                title="What this is about",
                picture="detector",
                markdown=(
                    "A computer program looks at photographs and says of each one: "
                    f"**{first}** or **{second}**.\n\n"
                    "It has rules of its own, and it is **often wrong**. You need not know "
                    "anything about what the photographs show. Find out how the program decides."
                ),
            ),
            Instruction(
                title="What to do",
                picture="predict-model",
                markdown=(
                    "First you see some photographs together with what the program says. Some "
                    "people also see where the program looked.\n\n"
                    "Then you see new photographs and say **what the program will say**, right or "
                    "wrong. Beside them you can open the examples again. This happens several "
                    "times, and each time there are new examples."
                ),
            ),
        ),
        quiz=(
            QuizQuestion(
                question="What do you say of a new photograph?",
                options=(
                    "What the program will say, even if that is wrong",
                    "What it really shows",
                    "Whether I like it",
                ),
                answer=0,
                explanation="You predict the program. It may be wrong, and then so is its answer.",
            ),
            QuizQuestion(
                question="Is the program always right?",
                options=("Yes, always", "No, it is often wrong", "Only with people"),
                answer=1,
                explanation="It is often wrong. That tells something about how it decides.",
            ),
        ),
        exclusions=(
            Exclusion(check="practice_attempts", max=3),
            Exclusion(check="catch_accuracy", min=0.6),
            Exclusion(check="instruction_s", min=10),
        ),
        session=Session(
            feedback=False, running_score=False, confidence_steps=0, start_delay_ms=300,
            full_screen=False,
        ),
        trial_min=TRIAL_MIN,
    )  # fmt: skip
