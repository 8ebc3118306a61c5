"""Whose site a page is on, as far as its address tells."""

from urllib.parse import parse_qsl, urlencode, urlsplit

# Sites where many sell, list or show what others make. A maker of that name would be missed, and none is.
_MARKETPLACES_TEXT = """
    aliexpress alibaba allegro amazon avito backmarket bol carousell craigslist depop discogs ebay emag etsy
    flipkart gumtree kleinanzeigen lazada leboncoin marktplaats mercadolibre mercadolivre mercari olx ozon
    poshmark rakuten reverb ricardo shopee subito swappa taobao temu tmall tradera trademe vinted wallapop
    walmart willhaben wish
"""
_SHOPS_TEXT = """
    adorama argos bestbuy bhphotovideo boulanger cdiscount conrad costco coolblue currys darty decathlon fnac
    fruugo galaxus homedepot idealo ikea jbhifi johnlewis kogan lowes macys mediamarkt microcenter musicstore
    newegg nordstrom otto pricerunner saturn sweetwater target thomann tesco wayfair worten zalando
"""
_SOCIAL_TEXT = """
    blogspot dailymotion facebook flickr github instagram linkedin medium pinterest quora reddit snapchat
    stackexchange threads tiktok tumblr twitter vimeo vk wikihow wikimedia wikipedia wordpress x youtu youtube
"""
_SEARCH_TEXT = "baidu bing duckduckgo google gstatic msn yahoo yandex"
MARKETPLACES = frozenset(_MARKETPLACES_TEXT.split())
SHOPS = frozenset(_SHOPS_TEXT.split())
NOT_SHOPS = frozenset(_SOCIAL_TEXT.split()) | frozenset(_SEARCH_TEXT.split())
# The last label but one of names such as acme.co.uk.
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})
_SAYS_WHO_SENT = frozenset({"fbclid", "gclid", "msclkid", "ref", "ref_", "srsltid", "tag", "campid", "mkevt"})


def host_of(url: str) -> str:
    """In lower case, without `www.`; empty for what is no address."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def site_of(url: str) -> str:
    """The name under which a site is known: `acme` of https://shop.acme.co.uk/k2; empty where it has none."""
    labels = host_of(url).split(".")
    if len(labels) < 2:
        return ""
    is_second_level = len(labels) > 2 and labels[-2] in _SECOND_LEVEL
    return labels[-3] if is_second_level else labels[-2]


def same_page(url: str) -> str:
    """One text for all addresses of a page: without what says who sent the reader, fragment and `www.`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    kept = sorted(
        (name, value)
        for name, value in parse_qsl(parts.query)
        if name.lower() not in _SAYS_WHO_SENT and not name.lower().startswith("utm_")
    )
    return f"{host_of(url)}{parts.path.rstrip('/')}?{urlencode(kept)}"
