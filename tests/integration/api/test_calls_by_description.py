"""Every call as the OpenAPI document has it, for some seconds; `make fuzz` does it for longer."""

from tests.fuzz.calls import fuzz_calls, locked_gateway


def test_what_the_description_allows_gets_the_answers_it_names() -> None:
    with locked_gateway() as gateway:
        outcome = fuzz_calls(gateway, seconds=8, seed=1)
    assert outcome.is_good, outcome.report
    assert outcome.cases >= 10
