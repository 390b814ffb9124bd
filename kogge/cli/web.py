"""The web server: gunicorn, started from code, with settings that fit a small machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from kogge.cli.processes import call_when_parent_is_gone


class WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with our application, loaded once and shared by its workers."""

    def __init__(self, bind: str, workers: int, when_ready: Callable[[], None]) -> None:
        def ready(_arbiter: Any) -> None:
            call_when_parent_is_gone(_end)
            when_ready()

        self.options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": 8,
            "worker_class": "gthread",
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "kogge web",
            "when_ready": ready,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from kogge.wsgi import application

        return application


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
