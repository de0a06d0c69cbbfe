// The verdict: what limits the stack, in words, and a button that mends it where this page can.

import { confirm } from "../control/dialog.js";
import { h, setText } from "../dom.js";

const MARKS = { good: "✓", warn: "!", bad: "✕" };

export class Verdict {
  #app;
  #asked;
  #supervised = false;
  #shown = "";
  #text = h("p", { class: "verdict-text" });
  #button = h("button", { type: "button", class: "button primary", hidden: "" });
  #mark = h("span", { class: "verdict-mark", "aria-hidden": "true" });
  #others = h("ul", { class: "findings" });
  #spoken = h("p", { class: "visually-hidden", role: "status" });

  /** asked: called when something was changed, to look again. */
  constructor(app, asked) {
    this.#app = app;
    this.#asked = asked;
    this.#button.addEventListener("click", () => this.#act());
    this.element = h(
      "section",
      { id: "verdict", class: "verdict", "aria-label": "Verdict" },
      this.#mark,
      h("div", {}, this.#text, this.#others),
      this.#button,
      this.#spoken,
    );
  }

  /** Say whether the supervisor runs the stack, so that counts can be set from here. */
  setSupervised(supervised) {
    this.#supervised = supervised;
  }

  /** Show a verdict and the other findings: [{ code, level, text, action }]. */
  update(verdict, findings = []) {
    this.element.dataset.level = verdict.level;
    this.element.dataset.code = verdict.code;
    setText(this.#mark, MARKS[verdict.level]);
    setText(this.#text, verdict.text);
    if (this.#shown !== verdict.code) setText(this.#spoken, verdict.text); // numbers change all the time
    this.#shown = verdict.code;
    this.#offer(verdict.action);
    const texts = findings.map((finding) => finding.text);
    if ([...this.#others.children].map((item) => item.textContent).join("\n") !== texts.join("\n")) {
      this.#others.replaceChildren(...findings.map(({ level, text }) => h("li", { "data-level": level }, text)));
    }
  }

  #offer(action) {
    const [change] = Object.entries(action ?? {});
    this.#button.hidden = !change || !this.#supervised || this.#app.role !== "admin";
    if (!change) return;
    this.#button.dataset.setting = change[0];
    this.#button.dataset.count = change[1];
    setText(this.#button, `Set ${words(...change)}`);
  }

  async #act() {
    const { setting, count } = this.#button.dataset;
    if (!(await this.#confirmed(words(setting, count)))) return;
    try {
      await this.#app.api("PATCH", "/api/settings", { [setting]: Number(count) });
      this.#app.notify(`${words(setting, count)} is wanted now; the supervisor starts what is missing.`);
    } catch (error) {
      this.#app.notify(error.message, "bad");
    }
    this.#asked();
  }

  #confirmed(what) {
    const text = "Workers start or end within seconds; no frame is lost. It holds until it is changed again.";
    return confirm(`Set ${what}?`, text, `Set ${what}`);
  }
}

/** Write a change as the command line does: `detector=2`. */
const words = (setting, count) => `${setting.replace(/s$/, "")}=${count}`;
