"""Every write of the public site: publishing, and counting questions."""

from publicity.services.guard import (
    Challenge,
    count_use,
    forget_old,
    give_use_back,
    new_challenge,
    settle_challenge,
)
from publicity.services.lookups import Answer, Question, answer_question
from publicity.services.publishing import Preview, preview_disclosure, publish_disclosure, withdraw_disclosure

__all__ = [
    "Answer",
    "Challenge",
    "Preview",
    "Question",
    "answer_question",
    "count_use",
    "forget_old",
    "give_use_back",
    "new_challenge",
    "preview_disclosure",
    "publish_disclosure",
    "settle_challenge",
    "withdraw_disclosure",
]
