"""The real `embedsvc serve` as a process of its own, for tests over real sockets."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

PATIENCE = 120.0
_CODE = "from embedsvc.cli.main import main; main(prog_name='embedsvc')"


class Served:
    """A service.

    Attributes:
        process: that was started.
        lines: what it has said on stderr.
        url: where it is, such as "http://127.0.0.1:40123".
    """

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.url = ""

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def stderr(self):
        return "\n".join(self.lines)

    def wait_for(self, words, *, count=1):
        """The line that holds these words for the n-th time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = [line for line in self.lines if words in line]
            if len(found) >= count:
                return found[count - 1]
            assert self._reading.is_alive() or words in self.stderr, self.stderr
            time.sleep(0.02)
        raise AssertionError(f"{words!r} never came: {self.stderr}")

    def end(self):
        """Wait until it has ended by itself; its exit code."""
        code = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        return code

    def get(self, path):
        """The answer to a GET, as text."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def post(self, path, **body):
        """The answer to a POST of JSON."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return json.loads(answer.read())


@contextmanager
def served(*arguments, cwd, **environment):
    """Start `embedsvc serve` on a free port and wait until it listens; stop it in the end."""
    command = [sys.executable, "-c", _CODE, "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    service = Served(process)
    try:
        line = service.wait_for("Listening on http")
        service.url = line.split()[2]
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        service._reading.join(PATIENCE)
        process.stdout.close()
        process.stderr.close()
