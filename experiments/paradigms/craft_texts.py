"""What participants of the two tasks of CRAFT read until somebody edits it."""

from __future__ import annotations

from experiments.design import Consent, Exclusion, Instruction, QuizQuestion, Session
from experiments.paradigms.files import Defaults

EXCLUSIONS = (
    Exclusion(check="practice_attempts", max=3),
    Exclusion(check="catch_accuracy", min=0.5),
    Exclusion(check="instruction_s", min=10),
)

CONFIDENT = QuizQuestion(
    question="What does a 3 mean when you say how sure you are?",
    options=("I guessed", "I am certain", "There are three right answers"),
    answer=1,
    explanation="1 is a guess, 3 means that you are certain.",
)

ABOUT = Instruction(
    title="What this is about",
    picture="detector",
    markdown=(
        "A computer program has learned to look at pictures. It pays attention to certain things "
        "in them: a texture, a part, a colour.\n\n"
        "You will see groups of small pictures, each cut out of a larger one. The pictures of a "
        "group show something that the program takes for the same."
    ),
)


def consent(task: str) -> Consent:
    """The consent form; ``task`` completes "You will look at small pictures and …"."""
    return Consent(
        version="1",
        markdown=(
            "You are invited to a study about how people see pictures. You will look at small "
            f"pictures and {task}.\n\n"
            "- It takes about {minutes} minutes.\n"
            "- Taking part is voluntary. You may stop at any time by closing the page.\n"
            "- We store your answers and how long they took, under a number and without your "
            "name.\n"
            "- There are no known risks.\n"
        ),
    )


INTRUDER = Defaults(
    consent=consent("find the one that does not belong"),
    instructions=(
        ABOUT,
        Instruction(
            title="What to do",
            picture="find-intruder",
            markdown=(
                "In each trial you see several pictures. All but **one** belong to the same "
                "group. Find the one that does not belong, and choose it.\n\n"
                "Then say how sure you are, from 1 (a guess) to 3 (certain). First come a few "
                "trials to practise."
            ),
        ),
    ),
    quiz=(
        QuizQuestion(
            question="Which picture do you choose?",
            options=(
                "The one that does not belong to the others",
                "The one that fits best",
                "The most beautiful one",
            ),
            answer=0,
            explanation="All but one belong together. The one that does not is asked for.",
        ),
        CONFIDENT,
    ),
    exclusions=EXCLUSIONS,
)

BINARY_CHOICE = Defaults(
    consent=consent("choose the group that one of them fits better"),
    instructions=(
        ABOUT,
        Instruction(
            title="What to do",
            picture="fitting-group",
            markdown=(
                "In each trial you see one picture above, and two groups of pictures below it. "
                "Choose the group that the picture fits **better**. Both may fit somewhat.\n\n"
                "Then say how sure you are, from 1 (a guess) to 3 (certain). First come a few "
                "trials to practise."
            ),
        ),
    ),
    quiz=(
        QuizQuestion(
            question="What do you choose in each trial?",
            options=(
                "The group that the single picture fits better",
                "The group with more colours",
                "The picture that does not belong",
            ),
            answer=0,
            explanation="One of the groups fits the single picture better. That one is asked for.",
        ),
        CONFIDENT,
    ),
    exclusions=EXCLUSIONS,
    # People are asked what they prefer; telling them what is right would teach them.
    session=Session(feedback=False, running_score=False),
)
