"""A headless Chromium for tests of pages, driven through the DevTools protocol."""

import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import websocket

_QUIET = ("background-networking", "component-update", "sync", "extensions", "gpu")
_FLAGS = [*(f"--disable-{name}" for name in _QUIET), "--headless", "--no-sandbox", "--no-first-run"]
_REMOTE = ["--remote-debugging-port=0", "--remote-allow-origins=*"]


def find():
    return next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))
        ),
        None,
    )


class Page:
    """One tab. `run` evaluates JavaScript and returns its value; `errors` lists what the console
    complained about.
    """

    def __init__(self, address):
        self._socket = websocket.create_connection(address, timeout=120)
        self._ids = itertools.count(1)
        self.errors = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self._socket.close()

    def call(self, method, **parameters):
        """Send one command of the protocol and return its result."""
        sent = next(self._ids)
        self._socket.send(json.dumps({"id": sent, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv())).get("id") != sent:
            event = message.get("method")
            about = message.get("params", {})
            if event in ("Runtime.exceptionThrown", "Log.entryAdded") or (
                event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning")
            ):
                self.errors.append(about)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def run(self, script):
        """Evaluate an expression (a promise is awaited) and return its value."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"])
        return done["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        while (
            self.run("document.readyState") != "complete"
            or self.run("location.href") == "about:blank"
        ):
            time.sleep(0.02)

    def view(self, width, height=900, dark=False):
        """Set the size of the viewport in CSS pixels and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])


@contextmanager
def chromium(folder):
    """Start a browser with a fresh profile in `folder`, yield its one page, end it."""
    command = [find(), *_FLAGS, *_REMOTE, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file = folder / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().count("\n")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Chromium did not start (status {process.poll()})")
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
        page = Page(tabs[0]["webSocketDebuggerUrl"])
        try:
            yield page
        finally:
            page.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
