"""What stands for a serving process in tests of the one that watches over them."""

import os
import signal
import time

from embedsvc.errors import WeightsError
from embedsvc.server.worker import LISTENING, LOADED


def serve(settings, listener, report, *, cores, metrics, all_ready, quiet):
    """Be ready, and end at SIGTERM."""
    report.send(LISTENING)
    report.send(LOADED)
    time.sleep(60)


def fail(settings, listener, report, *, cores, metrics, all_ready, quiet):
    """Find that a model cannot be loaded."""
    report.send(LISTENING)
    report.send(WeightsError("Expected weights, got none."))


def die(settings, listener, report, *, cores, metrics, all_ready, quiet):
    """End before being ready."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop_the_parent(settings, listener, report, *, cores, metrics, all_ready, quiet):
    """Be ready, and ask the parent to stop."""
    report.send(LISTENING)
    report.send(LOADED)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
