// One chain: its cards, its text and the row of one token.
import { Latest, answered, lines, status } from "./asking.js";
import { chainOf, wire } from "./cards.js";
import { copied, saved } from "./taking.js";
import { shade, told } from "./tints.js";

const SETTLED = 250; // ms after the last change until the text is written again

export class Lane {
  constructor(section, settings) {
    this.section = section;
    this.settings = settings;
    this.tokens = [];
    this.place = null; // the token whose row is shown; null is the end of the prompt
    this.before = []; // the tokens before it
    this.kept = 0; // tokens that were there before the text was continued
    this.touched = section.dataset.lane === "A";
    this.rows = new Latest();
    this.onwritten = () => {};
    this.picture = "";
    this.changing = Promise.resolve();
    wire(this.part(".cards"), () => this.edited());
    for (const name of ["add", "start", "order"]) {
      this.part(`.${name}`).addEventListener("change", async (event) => {
        const value = event.target.value;
        event.target.value = "";
        if (value) await this.change({ [name]: value });
      });
    }
    this.part(".write").addEventListener("click", () => this.write(this.tokens.slice(0, this.kept)));
    this.part(".stop").addEventListener("click", () => this.stop());
    this.part(".begin").addEventListener("click", () => this.begin());
    this.part(".text").addEventListener("click", (event) => this.clicked(event));
    this.part(".text").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.clicked(event);
    });
    this.part(".row").addEventListener("click", (event) => this.chosen(event));
    this.part(".draw").addEventListener("click", () => this.several());
    for (const button of section.querySelectorAll(".save")) {
      button.addEventListener("click", () => saved(this.picture, button.dataset.type));
    }
    for (const button of section.querySelectorAll(".copy")) {
      button.addEventListener("click", () => this.copy(button));
    }
  }

  part(selector) {
    return this.section.querySelector(selector);
  }

  chain() {
    return chainOf(this.part(".cards"));
  }

  ids() {
    return this.tokens.map((token) => token.id);
  }

  asked(output) {
    return { ...this.settings(), chain: this.chain(), output };
  }

  async replace(body) {
    const answer = await answered("cards", body);
    if (answer.error) return status(answer.error);
    this.part(".cards").innerHTML = answer.html;
    this.touched = true;
    return answer;
  }

  async change(body) {
    const change = () => this.replace({ chain: this.chain(), ...body });
    this.changing = this.changing.then(change); // each change is one of the chain before it
    if (await this.changing) this.edited();
  }

  edited() {
    this.touched = true;
    this.stop(); // the old text would slow the row
    this.forget();
    this.look();
    this.settled = setTimeout(() => this.write(this.tokens.slice(0, this.kept)), SETTLED);
  }

  // Begin the text with some tokens, or at the prompt.
  begin(kept = []) {
    this.kept = kept.length;
    this.place = null;
    this.forget();
    this.before = [];
    this.look();
    this.write(kept);
  }

  // The row before the chosen token, or after the prompt.
  look() {
    const output = this.before.map((token) => token.id);
    this.part(".place").textContent =
      this.place === null ? "Next token after the prompt" : `Token ${this.place + 1} of the text`;
    this.part(".row").setAttribute("aria-busy", "true");
    this.rows.ask(async () => {
      for await (const line of lines("row", this.asked(output))) {
        status(line.error ?? line.wait ?? "");
        if (line.error) {
          this.part(".row").setAttribute("aria-busy", "false");
          this.picture = "";
        }
        if (!line.html) continue;
        this.part(".row").innerHTML = line.html;
        this.picture = line.picture;
        this.part(".row").setAttribute("aria-busy", "false");
      }
    });
  }

  stop() {
    clearTimeout(this.settled);
    this.writing?.abort();
    this.part(".stop").disabled = true;
  }

  async write(before) {
    this.stop();
    const writing = (this.writing = new AbortController());
    this.tokens = before;
    this.part(".text").replaceChildren();
    before.forEach((token, n) => this.show(token, n));
    this.part(".stop").disabled = false;
    this.part(".begin").disabled = !before.length && this.place === null;
    this.part(".end").textContent = "";
    const output = before.map((token) => token.id);
    try {
      for await (const line of lines("text", this.asked(output), writing.signal)) {
        if (this.writing !== writing) return;
        if ("id" in line) {
          this.show(line, this.tokens.push(line) - 1);
          this.onwritten();
        } else this.part(".end").textContent = line.error ?? line.wait ?? line.end;
      }
    } catch (error) {
      if (error.name !== "AbortError") status(`the text ended: ${error.message}`);
    }
    if (this.writing !== writing) return;
    this.part(".stop").disabled = true;
    this.follow();
  }

  // The row is one of the text that is shown.
  follow() {
    const before = this.tokens.slice(0, this.place ?? 0);
    if (before.length < (this.place ?? 0)) return;
    if (before.every((token, n) => token.id === this.before[n].id)) return;
    this.before = before;
    this.look();
  }

  // Several texts are those of one chain, one prompt and one seed.
  forget() {
    this.drawing?.abort();
    this.part(".found").replaceChildren();
    this.part(".progress").textContent = "";
  }

  async several() {
    this.drawing?.abort();
    const drawing = (this.drawing = new AbortController());
    const progress = this.part(".progress");
    const output = this.ids().slice(0, this.kept);
    try {
      for await (const line of lines("several", this.asked(output), drawing.signal)) {
        progress.textContent = line.error ?? line.wait ?? "";
        if (line.html) this.part(".found").innerHTML = line.html;
      }
    } catch (error) {
      if (error.name !== "AbortError") progress.textContent = `ended: ${error.message}`;
    }
  }

  show(token, n) {
    const button = document.createElement("span"); // a button is a box, which breaks no line
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.className = "token";
    button.classList.toggle("breaks", /^\s*\n\s*$/.test(token.text));
    button.dataset.place = n;
    button.textContent = token.text || token.name || "·";
    if (!token.text) button.classList.add("silent");
    button.classList.toggle("here", n === this.place);
    this.tint(button, token);
    this.part(".text").append(button);
  }

  tint(button, token) {
    const quantity = this.settings().tint;
    const level = shade(quantity, token);
    button.classList.remove(...[...button.classList].filter((name) => name.startsWith("tint-")));
    button.classList.add(`tint-${level}`);
    button.title = told(token);
  }

  paint() {
    for (const button of this.section.querySelectorAll(".token")) {
      this.tint(button, this.tokens[button.dataset.place]);
    }
  }

  mark(place) {
    for (const button of this.section.querySelectorAll(".token")) {
      const here = Number(button.dataset.place) === place;
      button.classList.toggle("differs", here);
      if (here) button.setAttribute("aria-description", "the first token that differs");
      else button.removeAttribute("aria-description");
    }
  }

  clicked(event) {
    const button = event.target.closest(".token");
    if (!button) return;
    this.place = Number(button.dataset.place);
    this.before = this.tokens.slice(0, this.place);
    for (const other of this.section.querySelectorAll(".token")) {
      other.classList.toggle("here", other === button);
    }
    this.part(".begin").disabled = false;
    this.look();
  }

  chosen(event) {
    const button = event.target.closest(".choose");
    if (!button) return;
    const text = button.dataset.text;
    const token = { id: Number(button.dataset.token), text, chosen: true };
    this.kept = this.before.length + 1;
    this.forget();
    this.write([...this.before, token]);
  }

  async copy(button) {
    const name = button.dataset.copy;
    if (name === "link") return copied(button, this.link());
    const answer = await answered("copies", this.asked([]));
    if (answer.error) return status(answer.error);
    await copied(button, answer[name]);
    if (name === "command" && this.kept) status("copied: command, without the tokens chosen by hand");
  }
}
