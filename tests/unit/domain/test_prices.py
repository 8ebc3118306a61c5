"""Prices as they are met on pages: read right, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as any_

from veilgate.domain.currencies import country_of, currency_of
from veilgate.domain.lookups import Money
from veilgate.domain.prices import as_json, read_money


@pytest.mark.parametrize(
    ("text", "beside", "country", "expected"),
    [
        ("129.00", "EUR", None, "129.00 EUR"),
        (129, "usd", None, "129.00 USD"),
        (129.99, "USD", None, "129.99 USD"),
        ("1.299,00 €", None, None, "1299.00 EUR"),
        ("1,299.00", "USD", None, "1299.00 USD"),
        ("1.299", "EUR", None, "1299.00 EUR"),
        ("0.299", "EUR", None, "0.30 EUR"),
        ("1.250", "KWD", None, "1.250 KWD"),
        ("1 299,00 zł", None, None, "1299.00 PLN"),
        ("1\u202f299,00\u00a0€", None, None, "1299.00 EUR"),
        ("CHF 1’299.–", None, None, "1299.00 CHF"),
        ("€ 1.299,-", None, None, "1299.00 EUR"),
        ("129.000 ₫", None, None, "129000 VND"),
        ("¥12,900", None, None, "12900 JPY"),
        ("¥12,900", None, "cn", "12900.00 CNY"),
        ("Rs. 1,29,999.00", None, None, "129999.00 INR"),
        ("$260*", None, None, "260.00 USD"),
        ("Now $45.00", None, "au", "45.00 AUD"),
        ("A$45.50", None, "us", "45.50 AUD"),
        ("US $54.90", None, "au", "54.90 USD"),
        ("All for 45 €", None, None, "45.00 EUR"),
        ("1 299:-", "kr", "se", "1299.00 SEK"),
        ("129,00 € inkl. 19 % MwSt.", None, None, "129.00 EUR"),
        ("45 EUR / 2 Stück", None, None, "45.00 EUR"),
    ],
)
def test_a_price_is_read(text: object, beside: str | None, country: str | None, expected: str) -> None:
    amount, currency = expected.split()
    assert read_money(text, beside, country=country) == Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        ("", "EUR"),
        ("Free", "EUR"),
        ("0.00", "EUR"),
        (0, "EUR"),
        (True, "EUR"),
        (None, "EUR"),
        (["129"], "EUR"),
        (float("nan"), "EUR"),
        pytest.param(10**5000, "EUR", id="of 5000 digits"),
        ("2 x $5.00", None),
        ("$99 - $129", None),
        ("-12 €", None),
        ("$.99", None),
        ("1.2.3,4,5", "EUR"),
        ("129.00", None),
        ("129.00", "ABC"),
        ("1 299 kr", None),
        ("٣٫٥", "USD"),
        ("1" * 300, "EUR"),
    ],
)
def test_what_may_mean_two_things_is_no_price(text: object, beside: str | None) -> None:
    assert read_money(text, beside) is None


@given(any_.text() | any_.floats() | any_.integers() | any_.none(), any_.text(max_size=5))
def test_nothing_that_a_page_says_is_too_much(value: object, beside: str) -> None:
    price = read_money(value, beside, country="us")
    assert price is None or price.amount > 0


@given(any_.decimals(min_value="0.01", max_value="99999", places=2))
def test_a_plain_decimal_is_what_it_says(amount: Decimal) -> None:
    assert read_money(str(amount), "EUR") == Money(amount, "EUR")
    assert read_money(f"{amount:,.2f}", "EUR") == Money(amount, "EUR")


def test_signs_are_read_where_they_stand() -> None:
    assert [currency_of("$", country) for country in (None, "ca", "de")] == ["USD", "CAD", "USD"]
    assert [currency_of("kr", country) for country in (None, "dk")] == [None, "DKK"]
    assert country_of("shop.acme.co.uk") == "gb"
    assert country_of("acme.de", "de-AT") == "at"
    assert country_of("acme.com", "de") is None


def test_amounts_are_texts_in_json() -> None:
    assert as_json(Money(Decimal("1E+3"), "JPY")) == {"amount": "1000", "currency": "JPY"}
