"""A relay between a reader and its sender, which can be cut."""

from __future__ import annotations

import contextlib
import socket as plain_socket
import threading
from urllib.parse import urlsplit


def hang_up(*sockets):
    for end in sockets:
        with contextlib.suppress(OSError):
            end.shutdown(plain_socket.SHUT_RDWR)


class Link:
    """A relay between a reader and its sender, which can be cut."""

    def __init__(self, endpoint):
        self._to = urlsplit(endpoint)
        self._listener = plain_socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs = []
        self._threads = [threading.Thread(target=self._accept, name="link")]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = plain_socket.create_connection((self._to.hostname, self._to.port))
            self._pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pump, args=(a, b), name="pump")
                self._threads.append(thread)
                thread.start()

    @staticmethod
    def _pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        hang_up(a, b)

    def cut(self):
        for pair in self._pairs:
            hang_up(*pair)

    def close(self):
        self._listener.shutdown(plain_socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for pair in self._pairs:
            for s in pair:
                s.close()
