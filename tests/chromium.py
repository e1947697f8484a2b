"""A real Chromium for tests of pages, driven over a pipe with nothing but the standard library.

The protocol is https://chromedevtools.github.io/devtools-protocol/: JSON messages that end with
a zero byte, on file descriptors 3 (to the browser) and 4 (from it).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
_PATIENCE = 60.0
# Of the keys that a browser acts on by itself, such as moving a slider.
_KEY_CODES = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}
# Puts the two pipes where the browser looks for them, and becomes the browser.
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str:
    """The path of a Chromium, or the test is skipped."""
    for name in _NAMES:
        if os.name == "posix" and (path := shutil.which(name)):
            return path
    pytest.skip("no Chromium on this machine")


class Chromium:
    """A browser with one page; use it in a `with` block."""

    def __init__(self, profile: Path):
        path = find_chromium()
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        flags = (*_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(commands), str(answers), path, *flags],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._last_id = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self._allowed: tuple[str, ...] = ()

    def __enter__(self) -> Chromium:
        try:
            target = self._ask("Target.createTarget", url="about:blank")["targetId"]
            answer = self._ask("Target.attachToTarget", targetId=target, flatten=True)
            self._session = answer["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self._ask(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._read)
        os.close(self._write)

    def size(self, width: int, height: int) -> None:
        """Set the size of the window, in pixels."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """Ask for "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._ask("Emulation.setEmulatedMedia", features=[feature])

    def open(self, page: Path | str) -> None:
        """Open a file or an address and wait until it is loaded; errors are counted anew.

        What the page asks for elsewhere than in itself or at its own origin is an error.
        """
        url = page.as_uri() if isinstance(page, Path) else page
        origin = "file:" if isinstance(page, Path) else "/".join(url.split("/")[:3]) + "/"
        self._allowed = (origin, "data:", f"blob:{origin}")
        self.errors.clear()
        # A page that differs in its fragment alone would not be loaded again.
        self._ask("Page.navigate", url="about:blank")
        self._ask("Page.navigate", url=url)
        self.wait(f"document.readyState === 'complete' && location.href === {url!r}")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self._ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(expression):
            assert time.monotonic() < end, f"waited in vain for {expression}"
            time.sleep(0.02)

    def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press and release a key, such as "ArrowRight" or "1"."""
        text = {"text": key} if len(key) == 1 else {}
        if key == "Enter" and not ctrl:
            text = {"text": "\r"}
        more = {"modifiers": 2 if ctrl else 0, "windowsVirtualKeyCode": _KEY_CODES.get(key, 0)}
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, **text, **more)

    def type(self, text: str) -> None:
        """Put a text where the focus is, as an input method does."""
        self._ask("Input.insertText", text=text)

    def choose_files(self, selector: str, paths: Sequence[Path]) -> None:
        """Choose files in a field for files."""
        answer = self._ask("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        files = [str(path.resolve()) for path in paths]
        self._ask("DOM.setFileInputFiles", files=files, objectId=answer["result"]["objectId"])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Write the page as a PNG."""
        answer = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        try:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            self._give_up()
        while True:
            answer = self._next()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(event["params"]["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded":
            self.errors.append(str(event["params"]["entry"]["text"]))
        if event.get("method") == "Network.requestWillBeSent":
            address = event["params"]["request"]["url"]
            if not address.startswith(self._allowed):
                self.errors.append(f"asked for {address}")

    def _give_up(self) -> NoReturn:
        if self._session is None:
            pytest.skip("Chromium does not start on this machine")
        pytest.fail("Chromium crashed")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = os.read(self._read, 1 << 16)
            if not more:
                self._give_up()
            self._unread += more
        message, self._unread = self._unread.split(b"\0", 1)
        return dict(json.loads(message))
