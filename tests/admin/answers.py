"""A stand-in for the net room's Client: it answers from a list and remembers what it was asked."""

from kafkalite.errors import KafkaTimeoutError


class Answering:
    def __init__(self, *answers, tries=5):
        self.answers = list(answers)
        self.asked = []
        self.tries = tries

    async def _answer(self, request, deadline=None):
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(request) if callable(answer) else answer

    send_to_any = send_to_controller = _answer

    async def retrying(self, attempt, *, deadline, what):
        for _ in range(self.tries):
            try:
                return await attempt()
            except Exception as error:
                if not getattr(error, "retriable", False):
                    raise
                last = error
        raise KafkaTimeoutError(f"{what} failed in time: {last}") from last
