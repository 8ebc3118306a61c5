"""What a provider says in a text that cannot be stored is recorded all the same: the answer is paid for."""

import json

from tests.integration.persistence.databases import Shelf
from tests.unit.lookups.providers.recorded import SEEN, completion
from tests.unit.lookups.providers.scripted_asks import ASKED, PICTURE, ScriptedAsks, run, said
from tests.unit.services.test_lookup_ends import Desk
from veilgate.domain.outcomes import Outcome
from veilgate.lookups.providers.chat_model import ChatModel
from veilgate.lookups.providers.vision_model import VisionModel
from veilgate.services.engines.settlements import Verdict

HALF, NUL, ESCAPE = "\ud83d", "\x00", "\x1b"


def test_half_characters_and_controls_are_recorded_without(shelf: Shelf) -> None:
    content = SEEN | {"caption": f"a {HALF}chair{NUL}", "labels": [f"garden{NUL} chair {HALF}", ESCAPE]}
    asks = ScriptedAsks(said(completion(json.dumps(content))))
    model = ChatModel(asks, provider="vision_model", url="http://m.example", model="m", key="")
    finding = run(VisionModel(model, language="en").ask(PICTURE, None, asked=ASKED)).finding
    desk = Desk(shelf)
    ended = desk.end(desk.begin(), {"vision_model": Outcome.produced(finding, {"provider": "vision_model"})})
    assert ended.verdict is Verdict.COMPLETED
    assert desk.tags() == [("garden chair", "vision_model")]
    assert desk.words("vision_model") == {"a", "chair", "garden"}
