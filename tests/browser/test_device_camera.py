"""This device's camera: its pictures go over the WebSocket, fewer on a slow line, and stop when asked."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import Served
from tests.waiting import wait_for

JPEG = b"\xff\xd8\xff"
KEEP_SOCKET = """() => {
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      window.socket = this;
    }
  };
}"""


class Stack:
    """Takes the place of the dashboard's end of `/ws/camera/NAME`."""

    def __init__(self, page: Page) -> None:
        self.pictures: list[bytes] = []
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/ws/camera/"), self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda message: self.pictures.append(bytes(message)))  # type: ignore[arg-type]


@pytest.fixture
def stack(page: Page, served: Served) -> Iterator[Stack]:
    """The stand-in. The page leaves before `served` ends: routed sockets hear of that too late."""
    yield Stack(page)
    page.goto("about:blank")


def add_device(page: Page, served: Served, name: str = "laptop") -> None:
    """Add this device's camera in three steps."""
    page.goto(f"{served.url}#/cameras?add=1")
    page.get_by_role("button", name="This device's camera").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add it").click()
    expect(page.locator(".recording")).to_contain_text(f"camera is on: {name}")
    expect(page.locator("main[data-view=wall]")).to_be_visible()


def wait_in(page: Page, condition: Callable[[], object], what: str) -> None:
    """Wait for something that happens while the page's events are handled."""

    def holds() -> object:
        page.wait_for_timeout(50)
        return condition()

    wait_for(holds, what, 30)


def counts(page: Page) -> tuple[int, int]:
    """Return how many pictures were sent and skipped."""
    numbers = re.findall(r"\d+", page.locator(".recording-counts").inner_text())
    return int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0


def test_pictures_are_sent_until_they_are_stopped(page: Page, served: Served, stack: Stack) -> None:
    add_device(page, served)
    assert served.store.cameras()["laptop"].source == "browser"
    wait_in(page, lambda: len(stack.pictures) > 2, "three pictures")
    assert all(picture.startswith(JPEG) for picture in stack.pictures)
    page.get_by_role("link", name="Settings").click()
    before = len(stack.pictures)
    wait_in(page, lambda: len(stack.pictures) > before + 2, "pictures on another view")
    page.locator(".recording").get_by_role("button", name="Stop").click()
    expect(page.locator(".recording")).to_be_hidden()
    page.wait_for_timeout(300)
    after = len(stack.pictures)
    page.wait_for_timeout(500)
    assert len(stack.pictures) == after


def test_a_slow_line_gets_fewer_pictures_and_no_lag(page: Page, served: Served, stack: Stack) -> None:
    page.goto(f"{served.url}#/cameras?add=1")
    page.evaluate(KEEP_SOCKET)
    add_device(page, served)
    wait_in(page, lambda: counts(page)[0] > 2, "pictures")
    page.evaluate("Object.defineProperty(socket, 'bufferedAmount', { value: 1e6, configurable: true })")
    page.wait_for_timeout(200)
    sent, skipped = counts(page)
    wait_in(page, lambda: counts(page)[1] > skipped + 3, "skipped pictures")
    assert counts(page)[0] == sent
    page.evaluate("Object.defineProperty(socket, 'bufferedAmount', { value: 0 })")
    wait_in(page, lambda: counts(page)[0] > sent + 2, "pictures again")


def test_a_lost_line_is_opened_again_and_a_refusal_ends_it(page: Page, served: Served, stack: Stack) -> None:
    add_device(page, served)
    wait_in(page, lambda: stack.pictures, "a picture")
    stack.sockets[0].close(code=1012, reason="camera laptop was changed: connect again")
    wait_in(page, lambda: len(stack.sockets) == 2, "a second connection")
    expect(page.locator(".recording[data-state=sending]")).to_be_visible()
    stack.sockets[1].close(code=1008, reason="camera laptop is paused")
    expect(page.locator(".notice", has_text="camera laptop is paused")).to_be_visible()
    expect(page.locator(".recording")).to_be_hidden()
    page.get_by_role("link", name="Cameras", exact=True).click()
    page.get_by_role("button", name="Send from this device").click()
    wait_in(page, lambda: len(stack.sockets) == 3, "a third connection")
    expect(page.get_by_role("button", name="Stop sending")).to_be_visible()


def test_removing_the_camera_turns_it_off(page: Page, served: Served, stack: Stack) -> None:
    add_device(page, served)
    page.get_by_role("link", name="Cameras", exact=True).click()
    page.get_by_role("button", name="Remove laptop").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".recording")).to_be_hidden()
    assert "laptop" not in served.store.cameras()


def test_without_https_the_page_says_why_there_is_no_camera(page: Page, served: Served) -> None:
    page.add_init_script(
        "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
        "Object.defineProperty(window, 'isSecureContext', { value: false });"
    )
    page.goto(f"{served.url}#/cameras?add=browser")
    expect(page.get_by_role("alert")).to_contain_text("over HTTPS")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


def test_a_camera_that_is_not_allowed_is_said_in_plain_words(page: Page, served: Served) -> None:
    refuse = "async () => { throw new DOMException('no', 'NotAllowedError'); }"
    page.add_init_script(f"navigator.mediaDevices.getUserMedia = {refuse}")
    page.goto(f"{served.url}#/cameras?add=browser")
    expect(page.get_by_role("alert")).to_contain_text("was not allowed to use the camera")


def test_the_faces_that_the_device_sees_are_shown_before_it_is_added(page: Page, served: Served) -> None:
    bodies: list[bytes] = []
    answer = {"width": 640, "height": 360, "faces": [{"box": [100, 90, 28, 34]}], "error": ""}

    def analyze(route: Route) -> None:
        bodies.append(route.request.post_data_buffer or b"")
        route.fulfill(json={"pictures": [answer]})

    page.route("**/api/analyze", analyze)
    page.goto(f"{served.url}#/cameras?add=browser")
    page.get_by_role("button", name="Look for faces").click()
    expect(page.locator(".advice")).to_contain_text("faces 28 px; 48 needed")
    expect(page.locator("canvas[data-faces='1']")).to_be_visible()
    assert bodies[0].startswith(JPEG)


def test_a_camera_that_comes_after_one_has_left_is_turned_off(page: Page, served: Served) -> None:
    page.add_init_script(
        "const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (wanted) => {"
        "  await new Promise((resolve) => (window.allow = resolve));"
        "  return (window.stream = await open(wanted));"
        "};"
    )
    page.goto(f"{served.url}#/cameras?add=browser")
    wait_in(page, lambda: page.evaluate("Boolean(window.allow)"), "the page asks for the camera")
    page.get_by_role("button", name="Back").click()
    page.evaluate("window.allow()")
    states = "window.stream?.getTracks().map((track) => track.readyState)"
    wait_in(page, lambda: page.evaluate(states) == ["ended"], "the camera is off again")


TWO_CAMERAS = """
const devices = navigator.mediaDevices;
const open = devices.getUserMedia.bind(devices);
const listed = (id) => ({ kind: "videoinput", deviceId: id, label: id });
devices.enumerateDevices = async () => ["one", "two"].map(listed);
devices.getUserMedia = async ({ video }) => {
  if (video.deviceId?.exact === "two") throw new DOMException("in use", "NotReadableError");
  return (window.stream = await open({ video: true }));
};"""


def test_another_camera_that_is_in_use_leaves_the_choice(page: Page, served: Served) -> None:
    page.add_init_script(TWO_CAMERAS)
    page.goto(f"{served.url}#/cameras?add=browser")
    following = page.get_by_role("button", name="Next")
    expect(following).to_be_enabled()
    choice = page.get_by_label("Camera", exact=True)
    choice.select_option("two")
    expect(page.get_by_role("alert")).to_contain_text("another program may hold it")
    expect(following).to_be_disabled()
    expect(page.locator("video")).to_be_hidden()
    choice.select_option("one")
    expect(following).to_be_enabled()
    expect(page.locator("video")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_camera_that_was_unplugged_is_not_added(page: Page, served: Served) -> None:
    page.add_init_script(TWO_CAMERAS)
    page.goto(f"{served.url}#/cameras?add=browser")
    page.get_by_role("button", name="Next").click()
    page.evaluate("window.stream.getTracks().forEach((track) => track.stop())")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator(".form-error")).to_contain_text("camera is gone")
    assert sorted(served.store.cameras()) == ["desk", "door"]
