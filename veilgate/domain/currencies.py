"""Currencies: their codes of ISO 4217, and what a sign means in the country where it is read."""

import re

# Those in which shops ask prices; funds, metals and test codes are not among them.
_CODES_TEXT = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
    GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
    PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
    TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
    ZWG
"""
_CODES = frozenset(_CODES_TEXT.split())
_WITHOUT_PARTS_TEXT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_WITHOUT_PARTS = frozenset(_WITHOUT_PARTS_TEXT.split())
_WITH_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
# Signs that mean one currency wherever they are read, in small letters.
_SIGNS = {
    "€": "EUR",
    "euro": "EUR",
    "£": "GBP",
    "₹": "INR",
    "rs": "INR",
    "₩": "KRW",
    "₺": "TRY",
    "₽": "RUB",
    "руб": "RUB",
    "zł": "PLN",
    "kč": "CZK",
    "ft": "HUF",
    "fr": "CHF",
    "sfr": "CHF",
    "лв": "BGN",
    "lei": "RON",
    "₫": "VND",
    "₱": "PHP",
    "฿": "THB",
    "₪": "ILS",
    "₦": "NGN",
    "₴": "UAH",
    "₸": "KZT",
    "rm": "MYR",
    "rp": "IDR",
    "元": "CNY",
    "円": "JPY",
    "us$": "USD",
    "a$": "AUD",
    "au$": "AUD",
    "c$": "CAD",
    "ca$": "CAD",
    "nz$": "NZD",
    "s$": "SGD",
    "hk$": "HKD",
    "nt$": "TWD",
    "r$": "BRL",
    "mx$": "MXN",
}
# Signs that many countries share: by country, and what they mean where that says nothing.
_SHARED: dict[str, tuple[dict[str, str], str | None]] = {
    "$": (
        {
            "ar": "ARS",
            "au": "AUD",
            "ca": "CAD",
            "cl": "CLP",
            "co": "COP",
            "hk": "HKD",
            "mx": "MXN",
            "nz": "NZD",
            "sg": "SGD",
            "tw": "TWD",
            "uy": "UYU",
        },
        "USD",
    ),
    "¥": ({"cn": "CNY"}, "JPY"),
    "kr": ({"se": "SEK", "no": "NOK", "dk": "DKK", "is": "ISK"}, None),
    "r": ({"za": "ZAR"}, None),
}
# Of top-level domains and languages that say where a shop is; those that anybody may use say nothing.
_COUNTRIES_TEXT = """
    ae ar at au be bg br ca ch cl cn cz de dk ee es fi fr gb gr hk hr hu id ie il in is it jp kr lt lu lv mx
    my nl no nz ph pl pt ro rs ru sa se sg si sk th tr tw ua us vn za
"""
_COUNTRIES = frozenset(_COUNTRIES_TEXT.split())
_LOCALE = re.compile(r"[a-z]{2,3}(?:[-_][a-z]{4})?[-_](?P<country>[a-z]{2})\b", re.IGNORECASE)


def currency_of(sign: str, country: str | None = None) -> str | None:
    """The code that is meant by a code or a sign as people write it, None if nobody can know. `country` has
    two letters: where the sign was read."""
    plain = sign.strip().strip(".").strip()
    if plain.upper() in _CODES:
        return plain.upper()
    plain = plain.lower().replace("\N{FULLWIDTH YEN SIGN}", "¥")
    if plain in _SHARED:
        by_country, otherwise = _SHARED[plain]
        return by_country.get((country or "").lower(), otherwise)
    return _SIGNS.get(plain)


def decimals_of(currency: str) -> int:
    """How many digits its amounts have after the point."""
    if currency in _WITHOUT_PARTS:
        return 0
    return 3 if currency in _WITH_THOUSANDTHS else 2


def country_of(host: str, locale: str | None = None) -> str | None:
    """Where a page is at home: as its locale says (`de-AT`, `en_GB`), else as the end of its host's name."""
    found = _LOCALE.match(locale or "")
    said = found["country"].lower() if found else host.rpartition(".")[2].lower()
    said = "gb" if said == "uk" else said
    return said if said in _COUNTRIES else None
