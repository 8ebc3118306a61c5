// One call of POST /classify: its lines, as they come.

export class Refused extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    // In seconds; NaN where nothing was said of it.
    this.retryAfterS = parseInt(retryAfter, 10);
  }
}

// Hands each line to `take`. Whether the stream came to its end: one without `done` was broken off.
export async function classify(form, headers, signal, take) {
  const answer = await fetch("classify", { method: "POST", body: form, headers, signal });
  if (!answer.ok) {
    throw new Refused(answer.status, await reasonOf(answer), answer.headers.get("Retry-After"));
  }
  let isDone = false;
  for await (const line of linesOf(answer.body)) {
    take(line);
    isDone = line.data_type === "done";
  }
  return isDone;
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

// What a refusal says to people.
export async function reasonOf(answer) {
  try {
    const problem = await answer.json();
    return problem.detail ?? problem.title;
  } catch {
    return `The gateway answered ${answer.status}.`;
  }
}
