// What was found out, a card each. Texts come from strangers: they are only ever set as text.

const MOST_SHOWN = 5;
// What people came for is on top, whenever it comes.
const ORDER = ["model-producer", "estimated-price", "producer-url", "faces", "vehicles", "skipped", "failed",
  "retail-price-details", "second-hand-offers"];
const cards = new Map();

export function clearCards() {
  cards.clear();
  document.getElementById("cards").replaceChildren();
  document.getElementById("findings").replaceChildren();
  document.getElementById("sources").hidden = true;
}

// A card that is there already is replaced: a stream that broke says everything again.
export function showCard(type, data) {
  const make = CARDS[type];
  const content = make?.(data);
  if (!content) return;
  const name = `${type} ${data.provider ?? data.kind ?? data.stage ?? ""}`;
  const card = element("article", { className: `card ${type}` }, element("h3", {}, content.title), ...content.body);
  const earlier = cards.get(name);
  if (earlier) earlier.replaceWith(card);
  else put(card, type);
  cards.set(name, card);
}

function put(card, type) {
  const isAnswer = ORDER.includes(type);
  const home = document.getElementById(isAnswer ? "cards" : "findings");
  card.dataset.place = ORDER.indexOf(type);
  if (!isAnswer) document.getElementById("sources").hidden = false;
  home.insertBefore(card, [...home.children].find((other) => Number(other.dataset.place) > card.dataset.place) ?? null);
}

const CARDS = {
  faces: (data) => card("Faces", paragraph(data.count ? counted(data.count, "face was", "faces were") + " veiled." : "None were found.")),
  vehicles: (data) => card("Vehicles", paragraph(tally(data.counts) || "None were found.")),
  findings: (data) => card(PROVIDERS[data.provider] ?? data.provider, ...findings(data)),
  "model-producer": (data) => card("What it is", big(data.name ?? joined(data.make, data.model) ?? "Nobody knows"),
    facts({ Make: data.make, Model: data.model, Certainty: percent(data.confidence) })),
  "producer-url": (data) => data.url && card("Its maker’s page", link(data.url, data.title || data.url)),
  "retail-price-details": (data) => card("Details", data.original_name && big(data.original_name),
    facts({ Price: money(data.price), Material: data.material, ...data.specs }),
    data.description && paragraph(data.description),
    data.producer_url && link(data.producer_url, "Where this is said")),
  "second-hand-offers": (data) => card("Used ones", data.offers.length ? offers(data.offers) : paragraph("None are on offer.")),
  "estimated-price": (data) => card("What it may be worth", ...estimate(data)),
  skipped: (data) => data.reason === "no_provider" && card("Nobody was asked",
    paragraph("No provider is enabled here. Whoever runs this gateway turns lookups on with one of these settings:"),
    list(data.settings ?? [], (name) => element("code", {}, name))),
  failed: (data) => card(`${JOBS[data.kind] ?? PROVIDERS[data.stage] ?? "A step"} failed`, paragraph(data.message)),
};

const JOBS = { veil: "Veiling the picture", lookup: "Looking it up" };

const PROVIDERS = {
  google_vision: "Google Cloud Vision",
  google_lens: "Google Lens",
  google_shopping: "Google Shopping",
  ebay_image: "eBay, by picture",
  ebay_search: "eBay, by name",
  azure_vision: "Azure Image Analysis",
  vision_model: "The vision model",
};

function card(title, ...body) {
  return { title, body: body.filter(Boolean) };
}

function findings(data) {
  return [
    data.caption && paragraph(data.caption),
    facts({
      Taken_for: (data.names ?? []).slice(0, 1).map((one) => one.text).join(),
      Labels: (data.labels ?? []).slice(0, MOST_SHOWN).map((one) => one.text ?? one).join(", "),
    }),
    data.pages?.length && list(data.pages.slice(0, MOST_SHOWN), (page) => link(page.url, page.title || page.url)),
    data.offers?.length && paragraph(counted(data.offers.length, "offer", "offers")),
  ];
}

function offers(all) {
  const rows = all.map((offer) => element("tr", {},
    element("td", { className: "amount" }, money(offer.price) ?? ""),
    element("td", {}, link(offer.link, offer.title)),
    element("td", {}, String(offer.wear ?? "").replace("_", " "))));
  const head = element("tr", {}, ...["Price", "Offer", "Wear"].map((name) => element("th", { scope: "col" }, name)));
  return element("div", { className: "wide" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function estimate(data) {
  const [low, price, high] = [data.min_range, data.price, data.max_range].map((one) => Number(one?.amount ?? one));
  const currency = data.currency ?? data.price?.currency;
  const said = (amount) => money({ amount, currency });
  const range = `between ${said(low)} and ${said(high)}`;
  return [big(said(price)), high > low && scale(low, price, high), paragraph(range),
    facts({ Certainty: typeof data.certainty === "number" ? percent(data.certainty) : data.certainty })];
}

function scale(low, price, high) {
  const part = (amount) => 4 + 192 * Math.min(1, Math.max(0, (amount - low) / (high - low)));
  return drawn("svg", { viewBox: "0 0 200 12", class: "scale", "aria-hidden": "true" },
    drawn("rect", { x: 0, y: 4, width: 200, height: 4, rx: 2 }),
    drawn("circle", { cx: part(price), cy: 6, r: 6 }));
}

function facts(given) {
  const known = Object.entries(given).filter(([, value]) => value);
  if (!known.length) return null;
  return element("dl", {}, ...known.flatMap(([name, value]) => [
    element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, String(value))]));
}

function list(all, show) {
  return element("ul", {}, ...all.map((one) => element("li", {}, show(one))));
}

// Only to the web: an address of a stranger could be a script.
function link(address, text) {
  const isWeb = /^https?:\/\//i.test(address ?? "");
  return isWeb ? element("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, text || address)
    : element("span", {}, text ?? "");
}

function money(price) {
  if (price?.amount === undefined || price.amount === null) return null;
  const amount = Number(price.amount);
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: price.currency }).format(amount);
  } catch {
    return `${price.amount} ${price.currency ?? ""}`;
  }
}

const big = (text) => element("p", { className: "big" }, text);
const paragraph = (text) => element("p", {}, text);
const percent = (share) => (typeof share === "number" ? `${Math.round(share * 100)} %` : null);
const joined = (...words) => words.filter(Boolean).join(" ") || null;
const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const tally = (counts) => Object.entries(counts ?? {}).map(([name, number]) => `${number} × ${name}`).join(", ");

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
