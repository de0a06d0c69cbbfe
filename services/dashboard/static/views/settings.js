// Settings of the running stack: blurring, the model, how many workers, and the notice.

import { blurCard } from "../control/blur_card.js";
import { countsCard } from "../control/counts_card.js";
import { modelCard } from "../control/model_card.js";
import { noticeCard } from "../control/notice_card.js";
import { h } from "../dom.js";

export const title = "Settings";

export function open(root, parameters, app) {
  const cards = h("div", { class: "columns settings" });
  root.append(h("h1", {}, title), cards);
  let loadedAs = null;
  const load = async () => {
    loadedAs = app.role;
    try {
      const [settings, models] = await Promise.all([app.api("GET", "/api/settings"), app.api("GET", "/api/models")]);
      const means = { models, change, canChange: app.role === "admin" };
      const shown = [blurCard, modelCard, countsCard, settings.notice ? noticeCard : null].filter(Boolean);
      cards.replaceChildren(...shown.map((card) => card(settings, means)));
    } catch (error) {
      loadedAs = null;
      cards.replaceChildren(h("p", { class: "empty" }, error.message));
    }
  };
  const change = async (changes, done) => {
    let [text, kind] = [done, undefined];
    try {
      await app.api("PATCH", "/api/settings", changes);
    } catch (error) {
      [text, kind] = [error.message, "bad"];
    }
    await load();
    app.notify(text, kind); // when the cards are new: what is typed from now on stays
  };
  load();
  return app.on("hello", () => loadedAs === app.role || load()); // else the cards stay, with what is typed there
}
