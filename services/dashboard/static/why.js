// "Why this?": what the model saw of a face, what it said of it, and from where on it counts as certain.

import { openDialog } from "./control/dialog.js";
import { h, percent, setText } from "./dom.js";
import { sharesTable } from "./face_card.js";

const KEPT_CROPS = 12;
const WAIT_MS = 4000;
const SHOWN_SIDE = 192;
const NOTHING = "No detector sends what the model sees: each must be started with the setting preview: clear.";

const keyOf = ({ run, sequence }) => `${run}/${sequence}`;

/** Open a dialog that follows one face of a camera: the very crop that the model saw (live only, never stored),
 *  its raw and smoothed shares, the threshold, and the model's hash. face: one of the result's. */
export function explain(app, camera, face, result) {
  const why = new Why(app, camera, face);
  why.show(face, result);
  const refusal = whyNoCrop(app);
  if (refusal) why.say(refusal);
  else why.follow();
}

/** Return why this person can't see crops, "" if nothing known speaks against it. */
function whyNoCrop(app) {
  if (app.role !== "admin") return "Only an admin may see what the model saw.";
  if (app.status?.blur ?? true) return "Faces are blurred, so what the model saw is not shown. Settings can change that.";
  return "";
}

class Why {
  #app;
  #camera;
  #track;
  #crops = new Map();
  #offs = [];
  #timer = null;
  #isFollowing = false;
  #canvas = h("canvas", { class: "crop", width: SHOWN_SIDE, height: SHOWN_SIDE, role: "img", hidden: "" });
  #note = h("p", { class: "hint", role: "status" });
  #verdict = h("p", {});
  #model = h("p", { class: "hint" });
  #rows;
  #threshold = null;

  constructor(app, camera, face) {
    this.#app = app;
    this.#camera = camera;
    this.#track = face.track;
    const shares = sharesTable(Object.keys(face.probabilities));
    this.#rows = shares.rows;
    const close = h("button", { type: "button", class: "button", autofocus: "" }, "Close");
    const body = h("div", { class: "why" }, h("div", {}, this.#canvas, this.#note), h("div", { class: "face" }, this.#verdict, shares.element, this.#model));
    const dialog = openDialog(`Why this? Face ${face.track} on ${camera}`, body, h("div", { class: "actions" }, close));
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#close());
    this.#canvas.setAttribute("aria-label", "What the model saw of the face");
    this.#offs.push(
      app.on("view", () => dialog.close()),
      app.on("result", (result) => result.camera === camera && this.#take(result)),
    );
    this.#readThreshold();
  }

  say(text) {
    setText(this.#note, text);
  }

  /** Ask for crops, as long as the dialog is open. */
  follow() {
    this.say("Waiting for what the model sees.");
    this.#offs.push(this.#app.on("crops", (crops) => crops.camera === this.#camera && this.#keep(crops)));
    this.#app.send({ explain: this.#camera });
    this.#isFollowing = true;
    this.#timer = setTimeout(() => {
      this.#isFollowing = false;
      this.say(NOTHING);
    }, WAIT_MS);
  }

  /** Show a face's reading. */
  show(face, { model, backend }) {
    Object.values(face.probabilities).forEach((share, index) => this.#rows[index].raw(share));
    Object.values(face.smoothed).forEach((share, index) => this.#rows[index].smoothed(share));
    setText(this.#verdict, this.#judge(face));
    setText(this.#model, `Model ${model} on ${backend}. The smoothed shares are what the page shows.`);
  }

  #judge(face) {
    const best = face.probabilities[face.emotion];
    const reading = `${face.emotion} has ${percent(best)}`;
    if (this.#threshold === null) return `${reading}: ${face.certain ? "certain" : "uncertain"}.`;
    const relation = face.certain ? "at least" : "less than";
    return `${reading}, ${relation} the ${percent(this.#threshold)} from which a reading is certain.`;
  }

  #keep(crops) {
    this.#crops.set(keyOf(crops), crops);
    for (const key of this.#crops.keys()) if (this.#crops.size > KEPT_CROPS) this.#crops.delete(key);
  }

  #take(result) {
    const index = result.faces.findIndex((face) => face.track === this.#track);
    if (index < 0) {
      this.say("The face is not in the picture now.");
      return;
    }
    const crops = this.#crops.get(keyOf(result));
    if (this.#isFollowing && !crops) return;
    this.show(result.faces[index], result);
    if (crops && index < crops.count) this.#draw(crops, index);
  }

  #draw({ side, pixels }, index) {
    clearTimeout(this.#timer);
    this.#isFollowing = true;
    const grey = pixels.subarray(index * side * side, (index + 1) * side * side);
    const image = new ImageData(side, side);
    grey.forEach((value, at) => image.data.set([value, value, value, 255], 4 * at));
    this.#canvas.width = this.#canvas.height = side;
    this.#canvas.getContext("2d").putImageData(image, 0, 0);
    this.#canvas.hidden = false;
    this.say(`${side} × ${side} pixels, grey: all that the model saw of it. Live only, never stored.`);
  }

  async #readThreshold() {
    const models = await this.#app.api("GET", "/api/models").catch(() => []);
    this.#threshold = models.find((model) => model.wanted)?.threshold ?? null;
  }

  #close() {
    clearTimeout(this.#timer);
    this.#offs.forEach((off) => off());
    this.#app.send({ explain: null });
  }
}
