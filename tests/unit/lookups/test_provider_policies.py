"""The table of limits and prices, and what LOOKUP_LIMITS makes of it."""

import pytest

from veilgate.domain.errors import ConfigurationError
from veilgate.lookups.provider_policies import read_policies


def test_amends_a_provider_and_nothing_else() -> None:
    given, amended = read_policies(), read_policies("google_vision.usd_per_call=0.004")
    assert amended["google_vision"].usd_per_call == 0.004
    assert {name for name in given if given[name] != amended[name]} == {"google_vision"}


def test_what_is_said_of_an_account_holds_for_all_its_providers() -> None:
    policies = read_policies(" serpapi.per_second = 5 , serpapi.timeout_s=9,serpapi.concurrency=7,")
    lens, shopping = policies["google_lens"], policies["google_shopping"]
    assert lens.account == shopping.account
    assert (lens.account.per_second, lens.account.concurrency) == (5, 7)
    assert (lens.timeout_s, shopping.timeout_s) == (9, 9)


def test_an_account_with_one_provider_is_named_as_it_is() -> None:
    assert read_policies("vision_model.per_second=0.5")["vision_model"].account.per_second == 0.5


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("bing.per_second=1", "is for none of azure_vision, ebay, ebay_image"),
        ("google_lens.speed=1", "sets none of attempts, concurrency, daily_calls"),
        ("google_lens.name=1", "sets none of"),
        ("google_lens", "sets none of"),
        ("google_lens.per_second=2", "as serpapi.per_second"),
        ("serpapi.per_second=fast", "needs a number"),
        ("serpapi.per_second=", "needs a number"),
        ("serpapi.concurrency=1.5", "needs a whole number"),
        ("serpapi.concurrency=0", "is too little or too much"),
        ("serpapi.per_second=0", "is too little or too much"),
        ("serpapi.per_second=nan", "is too little or too much"),
        ("google_lens.timeout_s=inf", "is too little or too much"),
        ("google_lens.usd_per_call=-1", "is too little or too much"),
    ],
)
def test_says_which_entry_is_wrong_and_what_is_known(limits: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_policies(f"ebay.per_second=2,{limits}")
    assert refused.value.message.startswith(f"LOOKUP_LIMITS: {limits!r}")
    assert said in refused.value.message


def test_prices_are_by_unit_in_millionths_of_a_dollar() -> None:
    policies = read_policies()
    assert policies["google_lens"].cost_micros(1) == 15_000
    assert policies["azure_vision"].cost_micros(2) == 2_000
    assert not policies["ebay_search"].cost_micros(1)


def test_what_is_free_without_limit_needs_no_budget() -> None:
    policies = read_policies("vision_model.usd_per_call=0")
    assert [name for name, policy in policies.items() if not policy.needs_budget] == ["vision_model"]
