"""Answers of providers, kept in Redis for who asks the same again: after a worker was killed, for one.

One hash holds all that was said about one picture or text to one owner. Of each image is noted which these
are, so that they are forgotten with it.
"""

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from veilgate.domain.lookups import Asked
from veilgate.lookups.questions import Question
from veilgate.telemetry.logging import get_logger

_log = get_logger(__name__)
_REDIS_AWAY = (RedisError, OSError)
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Kept:
    document: Any


class AnswerCache:
    """A Redis that is away knows nothing and keeps nothing: who pays for answers has to ask it for the budget
    anyway. Nothing is kept for longer than `longest_h`."""

    def __init__(self, redis: Redis, *, longest_h: float, clock: Callable[[], float] = time) -> None:
        self._redis = redis
        self._longest_s = round(longest_h * _HOUR_S)
        self._clock = clock
        self._is_away = False

    async def find(self, question: Question, asked: Asked) -> Kept | None:
        """What was answered to the same question of the same owner, while it is fresh."""
        if not self._longest_s:
            return None
        try:
            packed = await self._redis.hget(_answers_key(question, asked), _field(question))
        except _REDIS_AWAY as error:
            self._say_once_that_it_is_away(error)
            return None
        self._is_away = False
        if packed is None:
            return None
        assert isinstance(packed, bytes)
        kept = json.loads(zlib.decompress(packed))
        return Kept(kept["document"]) if self._clock() < kept["until_s"] else None

    async def keep(self, question: Question, asked: Asked, document: Any, *, kept_h: float) -> None:
        kept_s = min(self._longest_s, round(kept_h * _HOUR_S))
        if not kept_s:
            return
        kept = {"until_s": self._clock() + kept_s, "document": document}
        answers, of_image = _answers_key(question, asked), _image_key(asked.image_id)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(answers, _field(question), zlib.compress(json.dumps(kept).encode()))
        # Each answer says itself when it is over: the hash lives as long as its longest one may.
        pipeline.expire(answers, self._longest_s)
        pipeline.sadd(of_image, answers)
        pipeline.expire(of_image, self._longest_s)
        try:
            await pipeline.execute()
        except _REDIS_AWAY as error:
            self._say_once_that_it_is_away(error)

    def _say_once_that_it_is_away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("answers.neither_read_nor_kept", error=type(error).__name__)


class ForgetAnswers:
    """For who erases an image, on a thread. What a Redis that is away cannot forget now is over by itself
    after LOOKUP_CACHE_HOURS."""

    def __init__(self, redis: BlockingRedis) -> None:
        self._redis = redis

    def __call__(self, image_id: str) -> None:
        of_image = _image_key(image_id)
        try:
            self._redis.delete(of_image, *self._redis.smembers(of_image))
        except _REDIS_AWAY as error:
            _log.warning("answers.not_forgotten", image_id=image_id, error=type(error).__name__)


def same_question(question: Question, asked: Asked) -> tuple[str, str]:
    """Equal for questions that have the same answer, for this owner."""
    return _answers_key(question, asked), _field(question)


def _answers_key(question: Question, asked: Asked) -> str:
    return f"veilgate:answers:{asked.owner_id}:{question.sent_sha256}"


def _image_key(image_id: str) -> str:
    return f"veilgate:answers-of:{image_id}"


def _field(question: Question) -> str:
    digest = hashlib.sha256(question.parameters.encode()).hexdigest()
    return f"{question.provider}:{digest}"
