"""Prices as pages and providers write them, read as money; what can be read in two ways is not read."""

import re
from decimal import ROUND_HALF_UP, Decimal

from veilgate.domain.currencies import currency_of, decimals_of
from veilgate.domain.lookups import Money

# More than the dearest thing for sale, in the currency of least worth.
_MOST = 10**12
_LONGEST_TEXT = 200
_APOSTROPHES = re.compile(r"(?<=\d)['’ʼ`´](?=\d)")
_PERCENTAGES = re.compile(r"\d+(?:[.,]\d+)?\s*%")
_NUMBER = re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]+)?(?![0-9])|[0-9]+(?:[.,][0-9]+)*")
_SIGN = r"(?:[^\W\d_]{0,5}[$€£¥¥₹₩₺₽₫₱฿₪₦₴₸]|[^\W\d_]{1,5})"
_SIGN_BEFORE = re.compile(rf"(?P<sign>{_SIGN})\.?\s?$")
_SIGN_AFTER = re.compile(rf"[.,]?[-–—]*\s?(?P<sign>{_SIGN})")
_SIGN_APART = re.compile(r"\b(US|AU|CA|NZ|HK|NT|MX|A|C|S|R) \$")
# A minus, or the point of `.99`; that of `Rs.99` is none.
_NOT_ITS_BEGINNING = re.compile(r"[-−]\s?$|(?<![^\W\d_])[.,]$")
_MULTIPLE = re.compile(r"\d\s*[x×]\s*\D{0,4}\d|[x×]\s*\d", re.IGNORECASE)


def read_money(value: object, currency: str | None = None, *, country: str | None = None) -> Money | None:
    """What `value`, a number or a text, says something costs; `currency` is a code or a sign that was given
    beside it. None for what is no price, for zero, for several prices, and where the currency is unknown."""
    beside = currency_of(currency, country) if isinstance(currency, str) else None
    if isinstance(value, str):
        amount, within = _read_text(value, beside, country)
    else:
        amount, within = _plain_number(value), None
    code = beside or within
    if amount is None or code is None:
        return None
    return money(amount, code)


def money(amount: Decimal, currency: str) -> Money | None:
    """In whole units of the currency's smallest part; None for what nothing can cost."""
    if not amount.is_finite() or not 0 < amount < _MOST:
        return None
    rounded = amount.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP)
    return Money(rounded, currency) if rounded > 0 else None


def as_json(price: Money) -> dict[str, str]:
    """As events and results say it: the amount is a text, because JSON's numbers are not exact."""
    return {"amount": f"{price.amount:f}", "currency": price.currency}


def _plain_number(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # False for what is no number, and for integers of more digits than Python writes.
    return Decimal(str(value)) if abs(value) < _MOST else None


def _read_text(text: str, beside: str | None, country: str | None) -> tuple[Decimal | None, str | None]:
    """The only amount in it, and the currency that is written with it."""
    if len(text) > _LONGEST_TEXT:
        return None, None
    spaced = re.sub(r"\s+", " ", text).strip()
    plain = _PERCENTAGES.sub(" ", _SIGN_APART.sub(r"\1$", _APOSTROPHES.sub("", spaced)))
    if _MULTIPLE.search(plain):
        return None, None
    found = [(number, _sign_at(plain, number, country)) for number in _NUMBER.finditer(plain)]
    # Digits without a sign beside them count pieces, or are part of a name.
    signed = [one for one in found if one[1] is not None] or found
    if len(signed) != 1:
        return None, None
    number, within = signed[0]
    if _NOT_ITS_BEGINNING.search(plain[: number.start()]):
        return None, None
    return _amount(number[0].replace(" ", ""), beside or within), within


def _sign_at(text: str, number: re.Match[str], country: str | None) -> str | None:
    before = _SIGN_BEFORE.search(text[: number.start()])
    after = _SIGN_AFTER.match(text, number.end())
    for found in (before, after):
        sign = found["sign"] if found else ""
        code = currency_of(sign, country)
        # In a sentence `all` and `top` are words; codes of that spelling have capitals.
        if code is not None and (code != sign.upper() or code == sign):
            return code
    return None


def _amount(digits: str, currency: str | None) -> Decimal | None:
    """A number with points and commas, by the rules of which of them parts thousands."""
    points, commas = digits.count("."), digits.count(",")
    if not points and not commas:
        return Decimal(digits)
    last = max(digits.rfind("."), digits.rfind(","))
    mark, other = digits[last], "," if digits[last] == "." else "."
    whole, part = digits[:last], digits[last + 1 :]
    if points and commas:
        return _with_thousands(whole, other, part) if digits.count(mark) == 1 else None
    if digits.count(mark) > 1:
        return _with_thousands(digits, mark, "")
    thousandths = currency is not None and decimals_of(currency) == 3
    # 1.299 is a thousand and more wherever money has no thousandths; 0.299 is not.
    if len(part) == 3 and not thousandths and len(whole) <= 3 and not whole.startswith("0"):
        return Decimal(whole + part)
    return Decimal(f"{whole}.{part}")


def _with_thousands(whole: str, mark: str, part: str) -> Decimal | None:
    first, *groups = whole.split(mark)
    # In India groups before the last have two digits.
    well_formed = (
        0 < len(first) <= 3
        and all(len(group) in {2, 3} for group in groups[:-1])
        and all(len(group) == 3 for group in groups[-1:])
        and all(group.isdecimal() for group in (first, *groups))
    )
    return Decimal("".join((first, *groups)) + (f".{part}" if part else "")) if well_formed else None
