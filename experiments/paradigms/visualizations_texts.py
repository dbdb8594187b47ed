"""What participants of studies with feature visualizations read until somebody edits it."""

from __future__ import annotations

from experiments.design import Exclusion, Instruction, QuizQuestion, Session
from experiments.paradigms.craft_texts import CONFIDENT, consent
from experiments.paradigms.files import Defaults

ABOUT = (
    "A computer program has learned to look at pictures. It pays attention to certain things in "
    "them: a texture, a part, a colour.\n\n"
)
PLAIN = Session(feedback=False, running_score=False, start_delay_ms=500)
SIX_BUTTONS = PLAIN.model_copy(update={"confidence_with_answer": True})


PUBLISHED_TRIALS = 21
"""With catch trials; what the bounds on total time were published for."""
EXCLUSIONS = (
    Exclusion(check="practice_attempts", max=5),
    Exclusion(check="catch_accuracy", min=0.6),
    Exclusion(check="total_s", min=90, max=900),
    Exclusion(check="instruction_s", min=10),
)
TELLING = Instruction(
    title="What this is about",
    picture="detector",
    markdown=ABOUT + "You will find out what the program favours.",
)
FAVOURITES = (
    "There may be **favourite pictures** of the program: what excites it. They can be "
    "photographs, or pictures that the program dreamed up.\n\n"
)
CHANGES = (
    "Say how sure you are, from 1 (a guess) to 3 (certain). What it favours changes from trial to "
    "trial. Practice is repeated until you have it right."
)

VISUALIZATIONS = Defaults(
    consent=consent("say which one a program favours"),
    instructions=(
        TELLING,
        Instruction(
            title="What to do",
            picture="favourite-picture",
            markdown=FAVOURITES
            + "Choose the one of the two other pictures that the program **favours more**. "
            + CHANGES,
        ),
    ),
    quiz=(
        QuizQuestion(
            question="What do you choose in each trial?",
            options=(
                "The picture that the program favours more",
                "The picture that I like more",
                "The picture that is sharper",
            ),
            answer=0,
            explanation="The one that goes with the favourite pictures is asked for.",
        ),
        CONFIDENT,
    ),
    exclusions=EXCLUSIONS,
    session=SIX_BUTTONS,
)

HIDDEN = Defaults(
    consent=consent("say which one a program favours"),
    instructions=(
        TELLING,
        Instruction(
            title="What to do",
            picture="favourite-version",
            markdown=FAVOURITES
            + "Then you see a photograph, and twice the same photograph with a **grey square** on "
            "it. Choose the one that the program **favours more**: the one where the square leaves "
            "more of what excites it. " + CHANGES,
        ),
    ),
    quiz=(
        QuizQuestion(
            question="Two versions of a photograph have a grey square. Which one do you choose?",
            options=(
                "The one where more of what excites the program is left",
                "The one where more of what excites the program is hidden",
                "The one whose square is larger",
            ),
            answer=0,
            explanation="What is hidden cannot excite the program. The squares are equally large.",
        ),
        CONFIDENT,
    ),
    exclusions=EXCLUSIONS,
    session=SIX_BUTTONS,
)

PLAUSIBILITY = Defaults(
    consent=consent("choose the one that shows better what others have in common"),
    instructions=(
        Instruction(
            title="What this is about",
            picture="detector",
            markdown=ABOUT + "The pictures of a group show something that the program takes for "
            "the same.",
        ),
        Instruction(
            title="What to do",
            picture="better-picture",
            markdown=(
                "In each trial you see a group of pictures, and two more. Choose the one that "
                "shows **better what the group has in common**. There is no right answer. Then "
                "say how sure you are, from 1 (a guess) to 3 (certain)."
            ),
        ),
    ),
    quiz=(
        QuizQuestion(
            question="Which picture do you choose?",
            options=(
                "The one that shows better what the group has in common",
                "The one with more colours",
                "Always the one on the left",
            ),
            answer=0,
            explanation="What the group has in common is what counts.",
        ),
        CONFIDENT,
    ),
    exclusions=(Exclusion(check="instruction_s", min=10),),
    session=PLAIN,
)
