"use strict";

const form = document.getElementById("sign-in");

/** Who we are: null of somebody who must show a key first. */
async function caller() {
  const answer = await fetch("../session");
  return answer.ok ? answer.json() : null;
}

/** Calls made from the page carry the session's token, as whatever changes something must. */
function showDocs({ csrf_header: header, csrf_token: token }) {
  form.hidden = true;
  SwaggerUIBundle({
    url: "../openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (token) request.headers[header] = token;
      return request;
    },
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = form.elements.key.value.trim();
  const answer = await fetch("../session", { method: "POST", headers: { "X-API-Key": key } });
  if (answer.ok) {
    form.reset();
    showDocs(await answer.json());
  } else {
    form.elements.said.value = (await answer.json()).detail;
  }
});

caller().then((found) => (found ? showDocs(found) : (form.hidden = false)));
