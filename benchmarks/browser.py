"""A headless Chromium, led through its DevTools over a pipe: no package, no port."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run")
LONGEST = 60.0  # seconds that anything may take
SOON = 0.05
KEYS = {
    "Tab": 9,
    "Enter": 13,
    "PageUp": 33,
    "PageDown": 34,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def executable() -> str | None:
    """Chromium; None where there is none, or where a process cannot be given pipes by number."""
    return None if sys.platform == "win32" else next((path for path in map(shutil.which, NAMES) if path), None)


class Tab:
    """A page of the browser: commands of DevTools, expressions, and what its console said."""

    def __init__(self, reader: Any, writer: Any) -> None:
        self.reader, self.writer, self.count, self.session = reader, writer, 0, None
        self.errors: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are noted."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def read(self) -> dict[str, Any]:
        received = bytearray()
        while (byte := self.reader.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            received += byte
        return json.loads(received)

    def note(self, event: dict[str, Any]) -> None:
        """Keep what the console calls an error: exceptions, refused files, console.error."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(str(params["args"]))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, waited for where it is a promise."""
        said = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise RuntimeError(said["exceptionDetails"]["exception"]["description"])
        return said["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The value of an expression once it is true."""
        until = time.monotonic() + LONGEST
        while not (value := self.evaluate(expression)):
            if time.monotonic() > until:
                raise TimeoutError(f"not true after {LONGEST:g} seconds: {expression}")
            time.sleep(SOON)
        return value

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait("document.documentElement?.dataset.ready === 'true'")

    def drag(self, start: tuple[float, float], stop: tuple[float, float]) -> None:
        """Press at one place of the window and release at another."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", stop), ("mouseReleased", stop)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key: str) -> None:
        """Press a key and release it, by the name of `KeyboardEvent.key`, where the focus is."""
        told = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        if len(key) == 1 or key == "Enter":
            told["text"] = "\r" if key == "Enter" else key
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **told)


@contextmanager
def opened(folder: Path) -> Iterator[Tab]:
    """A tab of a new browser, which keeps its profile and its downloads in the folder."""
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    # The browser reads file 3 and writes file 4; the shell gives the pipes these numbers.
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    flags = (*FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank")
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", str(executable()), *flags],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        with open(to_us, "rb") as reader, open(from_us, "wb") as writer:
            tab = Tab(reader, writer)
            target = next(t for t in tab.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
            tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
            attached = tab.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            tab.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                tab.call(f"{domain}.enable")
            yield tab
            tab.session = None
            tab.call("Browser.close")
    finally:
        process.terminate()
        process.wait()
