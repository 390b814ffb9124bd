"""A line between two parties that somebody pulls at: slow, cut in the middle, dead, or a hole."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress

LOOPBACK = "127.0.0.1"
PIECE = 16 * 1024


class Line:
    """Listens on a port of its own and passes everything on, until trouble is wanted."""

    def __init__(self, target: int, dice: random.Random) -> None:
        self._target = target
        self._dice = dice
        self._delay = 0.0
        self._is_hole = False
        self._is_closed = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server((LOOPBACK, 0))
        self.port: int = self._server.getsockname()[1]
        self.faults = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def trouble(self) -> None:
        """One fault of some kind, for some seconds at most; then the line is as good as before."""
        self.faults += 1
        kind = self._dice.choice(("cut", "cut", "delay", "hole", "closed"))
        seconds = self._dice.uniform(0.2, 2.5)
        if kind == "cut":
            self.cut()
            return
        self._delay = self._dice.uniform(0.02, 0.3) if kind == "delay" else 0.0
        self._is_hole, self._is_closed = kind == "hole", kind == "closed"
        if kind == "closed":
            self.cut()
        time.sleep(seconds)
        self.heal()

    def heal(self) -> None:
        """No trouble any more. What went into a hole is lost, with its connection."""
        if self._is_hole:
            self.cut()
        self._delay, self._is_hole, self._is_closed = 0.0, False, False

    def cut(self) -> None:
        """Every connection ends now, in the middle of whatever it carries."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _end(end)

    def _accept(self) -> None:
        while True:
            client, _address = self._server.accept()
            if self._is_closed:
                _end(client)
                continue
            try:
                server = socket.create_connection((LOOPBACK, self._target), timeout=5)
            except OSError:
                _end(client)
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, sink, pair), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if self._delay:
                    time.sleep(self._delay)
                if not self._is_hole:
                    sink.sendall(piece)
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            _end(end)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
