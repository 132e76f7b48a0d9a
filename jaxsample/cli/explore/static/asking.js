// Requests, and answers that come line by line.
const shown = document.getElementById("status");

export function status(text) {
  shown.textContent = text;
}

async function post(path, body, signal) {
  return fetch(path, { method: "POST", body: JSON.stringify(body), signal });
}

// The answer to a request that is answered at once; `error` says why there is none.
export async function answered(path, body) {
  try {
    return await (await post(path, body)).json();
  } catch (error) {
    return { error: `the server does not answer: ${error.message}` };
  }
}

export async function* lines(path, body, signal) {
  const answer = await post(path, body, signal);
  if (!answer.ok) {
    yield { error: await answer.text() };
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n");
    held = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

// At most one request at a time; of those asked meanwhile only the last is sent.
export class Latest {
  #running = false;
  #next = null;

  async ask(work) {
    this.#next = work;
    if (this.#running) return;
    this.#running = true;
    while (this.#next) {
      const now = this.#next;
      this.#next = null;
      try {
        await now();
      } catch (error) {
        if (error.name !== "AbortError") status(`the server does not answer: ${error.message}`);
      }
    }
    this.#running = false;
  }
}
