// The page: who asks, what is sent, and the stream of what is found out about it.

import { clearCards, showCard } from "./cards.js";
import { classify, reasonOf } from "./classify.js";
import { insist } from "./insist.js";
import { beginSteps, endSteps, showStep } from "./steps.js";

const at = (id) => document.getElementById(id);
let csrf = {};
let previewUrl = null;
let asking = null;

function say(text) {
  at("said").textContent = text;
  at("said").hidden = !text;
}

function showDoor(isOpen, signedIn = false) {
  at("sign-in").hidden = isOpen;
  at("ask").hidden = !isOpen;
  at("sign-out").hidden = !signedIn;
  if (!isOpen) at("key").focus();
}

function remember(session) {
  csrf = session.csrf_token ? { [session.csrf_header]: session.csrf_token } : {};
  showDoor(true, Boolean(session.csrf_token));
}

async function greet() {
  const answer = await fetch("session");
  if (answer.ok) remember(await answer.json());
  else if (answer.status === 401) showDoor(false);
  else say(await reasonOf(answer));
}

async function signIn(event) {
  event.preventDefault();
  const headers = { Authorization: `Bearer ${at("key").value.trim()}` };
  const answer = await fetch("session", { method: "POST", headers });
  at("sign-in-said").textContent = answer.ok ? "" : await reasonOf(answer);
  if (!answer.ok) return;
  at("key").value = "";
  remember(await answer.json());
  at("file").focus();
}

async function signOut() {
  await fetch("session", { method: "DELETE", headers: csrf });
  asking?.abort();
  at("outcome").hidden = true;
  await greet();
}

function preview(file) {
  if (previewUrl) URL.revokeObjectURL(previewUrl);
  previewUrl = URL.createObjectURL(file);
  at("before").src = previewUrl;
  at("after").hidden = true;
  at("after").removeAttribute("src");
  at("after-frame").classList.add("busy");
  at("after-caption").textContent = "Being veiled …";
}

function showVeiled(data) {
  // The path alone: the gateway may name itself, or a network before it, by another host.
  const url = new URL(data.thumbnail_urls["1024"] ?? data.processed_url, location.href);
  at("after").src = url.pathname + url.search;
  at("after").hidden = false;
  at("after-frame").classList.remove("busy");
  at("after-caption").textContent = "As it leaves the house";
}

function veilEndsHere() {
  at("after-frame").classList.remove("busy");
  if (at("after").hidden) at("after-caption").textContent = "There is no veiled copy";
}

// A line that cannot be shown is passed over; it must not look like a connection that broke.
function show(line) {
  try {
    take(line);
  } catch (error) {
    console.error(line.data_type, error);
  }
}

function take(line) {
  const { data_type: type, data } = line;
  if (type === "veiled") showVeiled(data);
  showStep(type, data);
  showCard(type, data);
  if (type === "accepted") at("progress").textContent = "Stored. Results come as they are found …";
  if (type === "waiting") at("progress").textContent = "Still waiting for the others …";
  if (type === "done") finish(data);
}

function finish(data) {
  const cost = data.cost.usd ? ` Providers were paid about $${data.cost.usd.toFixed(4)}.` : "";
  at("progress").textContent = ending(data) + cost;
  endSteps();
  veilEndsHere();
}

function ending({ status, veil_status: veil }) {
  if (status === "completed") return "Done.";
  return veil === "completed" ? `The picture is veiled. Looking it up ended: ${status}.` : `It ended: ${status}.`;
}

function begin(file) {
  say("");
  preview(file);
  clearCards();
  beginSteps();
  at("outcome").hidden = false;
  at("progress").textContent = "Sending …";
  at("outcome-title").focus();
}

async function ask(event) {
  event.preventDefault();
  const file = at("file").files[0];
  if (!file) return;
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  begin(file);
  const form = new FormData();
  form.append("blur_style", at("blur-style").value);
  form.append("file", file);
  // The same key each time: a stream that broke goes on where it was, and nothing is done twice.
  const headers = { ...csrf, "Idempotency-Key": newKey() };
  try {
    const attempt = (arrived) => classify(form, headers, mine.signal, (line) => {
      arrived();
      show(line);
    });
    await insist(attempt, mine.signal, (waitS, refusal) => {
      at("progress").textContent = `${refusal?.message ?? "The connection broke."} Trying again in ${waitS} s …`;
    });
  } catch (error) {
    if (mine.signal.aborted) return;
    endSteps();
    veilEndsHere();
    at("progress").textContent = "";
    say(error.message);
    if (error.status === 401) showDoor(false);
  }
}

function newKey() {
  // randomUUID is there on secure pages alone.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function acceptDrops() {
  const zone = at("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
    });
  }
  zone.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    at("file").files = event.dataTransfer.files;
    at("go").focus();
  });
}

at("sign-in").addEventListener("submit", signIn);
at("sign-out").addEventListener("click", signOut);
at("ask").addEventListener("submit", ask);
at("before").addEventListener("error", () => {
  at("before").alt = "This browser cannot show this format; it is veiled all the same";
});
acceptDrops();
await greet();
