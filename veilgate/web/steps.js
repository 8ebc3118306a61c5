// How far it is: what will be found out, and what became of each.

const STEPS = [
  ["accepted", "Stored"],
  ["faces", "Faces"],
  ["vehicles", "Vehicles"],
  ["veiled", "Veiled"],
  ["model-producer", "What it is"],
  ["producer-url", "Its maker’s page"],
  ["retail-price-details", "Details"],
  ["second-hand-offers", "Used ones"],
  ["estimated-price", "Its worth"],
];
const STEP_OF_STAGE = {
  find_faces: "faces",
  find_vehicles: "vehicles",
  store_copies: "veiled",
  identify_product: "model-producer",
  find_producer_page: "producer-url",
  read_retail_details: "retail-price-details",
  find_second_hand_offers: "second-hand-offers",
  estimate_price: "estimated-price",
};
// Of a whole job that failed.
const STEP_OF_JOB = { veil: "veiled", lookup: "model-producer" };
const SAID = { done: "done", skipped: "left out", failed: "failed", open: "open" };
let items = new Map();

export function beginSteps() {
  items = new Map(STEPS.map(([type, name]) => [type, stepOf(name)]));
  document.getElementById("steps").replaceChildren(...items.values());
}

export function showStep(type, data) {
  const isMissing = type === "failed" || type === "skipped";
  const item = items.get(isMissing ? STEP_OF_STAGE[data.stage] ?? STEP_OF_JOB[data.kind] : type);
  // What was said once stays, whatever fails behind it.
  if (item && !(isMissing && item.dataset.state === "done")) mark(item, isMissing ? type : "done");
}

// What has not been said by the end will not be.
export function endSteps() {
  for (const item of items.values()) if (item.dataset.state === "open") mark(item, "skipped");
}

function stepOf(name) {
  const item = document.createElement("li");
  const state = document.createElement("span");
  state.className = "unseen";
  item.append(name, state);
  mark(item, "open");
  return item;
}

function mark(item, state) {
  item.dataset.state = state;
  item.querySelector(".unseen").textContent = `: ${SAID[state]}`;
}
