"""Every error embedsvc raises on purpose.

    EmbedsvcError
      InputError          (ValueError)      the texts, images or arguments are not usable
      NotFittedError      (ValueError, AttributeError)   learn first, then ask
      ArtifactError       a model folder or file is broken, unsupported or not what it claims to be
      WeightsError        weights could not be fetched, checked or stored
        OfflineError      the network would be needed, and EMBEDSVC_OFFLINE=1 forbids it
      OutputError         results could not be written
        ResumeError       what lies at the output belongs to another run
      MissingExtraError   (ImportError)     an optional dependency is not installed

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations


class EmbedsvcError(Exception):
    """The base of every error raised on purpose; its text is meant for the user."""


class InputError(EmbedsvcError, ValueError):
    """The texts, images or arguments given are not usable."""


class NotFittedError(EmbedsvcError, ValueError, AttributeError):
    """Something learned was asked for before learning."""


class ArtifactError(EmbedsvcError):
    """A model folder or file is broken, unsupported or not what it claims to be."""


class WeightsError(EmbedsvcError):
    """Weights could not be fetched, checked or stored."""


class OfflineError(WeightsError):
    """The network would be needed, and EMBEDSVC_OFFLINE=1 forbids it."""


class OutputError(EmbedsvcError):
    """Results could not be written."""


class ResumeError(OutputError):
    """What lies at the output belongs to another run."""


class MissingExtraError(EmbedsvcError, ImportError):
    """An optional dependency is not installed."""
