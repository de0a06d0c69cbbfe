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
    return f"article[data-camera={camera}] canvas"


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
