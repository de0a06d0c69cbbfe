"""What the wall has drawn, read from the page."""

from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True)
class Drawn:
    """The frame that a tile shows, with its boxes in pixels of the frame."""

    run: int
    sequence: int
    boxes: list[list[float]]


def canvas(camera: str) -> str:
    """Return the selector of a tile's canvas."""
    return f"[data-camera={camera}] canvas"


def wait_for_frame(page: Page, camera: str, after: int = 0) -> Drawn:
    """Return the frame that a tile shows, with its result, once one later than `after` is drawn."""
    handle = page.wait_for_function(
        """([query, after]) => {
          const drawn = document.querySelector(query)?.dataset;
          return Number(drawn?.sequence ?? 0) > after && drawn.boxes ? { ...drawn } : null;
        }""",
        arg=[canvas(camera), after],
    )
    drawn = handle.json_value()
    boxes = [[float(value) for value in box.split()] for box in drawn["boxes"].split(";")]
    return Drawn(int(drawn["run"]), int(drawn["sequence"]), boxes)


@dataclass(frozen=True)
class Outline:
    """A box as its pixels lie on the canvas, in shares of the canvas, by the emotion whose colour it has."""

    run: int
    sequence: int
    centres: dict[str, tuple[float, float]]


OUTLINE = """async query => {
  const { colourOf } = await import("/static/emotions.js");
  const canvas = document.querySelector(query);
  const { run, sequence, boxes } = canvas.dataset;
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const frame = canvas.style.aspectRatio.split("/").map(Number);
  const [x, y, w, h] = boxes.split(";")[0].split(" ").map((value) => (value * width) / frame[0]);
  const centres = {};
  for (const emotion of ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]) {
    const colour = [1, 3, 5].map((at) => parseInt(colourOf(emotion).slice(at, at + 2), 16));
    const is = (px, py) => colour.every((value, i) => Math.abs(data[4 * (py * width + px) + i] - value) < 14);
    const walk = (dx, dy) => {
      let [px, py] = [Math.round(x + w / 2), Math.round(y + h / 2)];
      while (px >= 0 && py >= 0 && px < width && py < height && !is(px, py)) [px, py] = [px + dx, py + dy];
      return px >= 0 && py >= 0 && px < width && py < height ? (dx ? px : py) : null;
    };
    const [left, right, top, bottom] = [walk(-1, 0), walk(1, 0), walk(0, -1), walk(0, 1)];
    if (![left, right, top, bottom].includes(null)) {
      centres[emotion] = [(left + right) / 2 / width, (top + bottom) / 2 / height];
    }
  }
  return { run: Number(run), sequence: Number(sequence), centres };
}"""
"""Walks from the middle of the box outwards until the pixels have the colour of a box."""


def outline(page: Page, camera: str) -> Outline:
    """Return where the first box of the frame that a tile shows really lies on its canvas."""
    found = page.evaluate(OUTLINE, canvas(camera))
    centres = {emotion: (x, y) for emotion, (x, y) in found["centres"].items()}
    return Outline(found["run"], found["sequence"], centres)
