"""The page's WebSocket with the test in between: it can be cut, or fall silent without a word."""

import re

from playwright.sync_api import Page, WebSocketRoute


class Line:
    """Hands on what page and dashboard say to each other. The page must leave before its dashboard ends."""

    def __init__(self, page: Page) -> None:
        self.is_dead = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/ws$"), self._open)

    def _open(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        server = socket.connect_to_server()
        socket.on_message(lambda message: None if self.is_dead else server.send(message))
        server.on_message(lambda message: None if self.is_dead else socket.send(message))

    def cut(self) -> None:
        """Close the connection."""
        self.sockets[-1].close(code=1012)
