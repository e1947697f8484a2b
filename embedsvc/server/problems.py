"""What can be wrong with a request, and how that is answered.

    Problem (EmbedsvcError)
      BadRequest            400   the request itself is not usable
        UnknownModel        404   no model of that name serves this
        BodyTooLarge        413   more bytes, items or pixels than the service takes
        WrongMediaType      415   neither JSON nor what else the endpoint takes
      Unauthorized          401   no API key, or an unknown one
      Forbidden             403   a key is no help: the wrong host or a foreign page
      Overloaded            429   too much is waiting already
      NotReady              503   models are being loaded, or the service is stopping
      TimedOut              504   the answer took longer than the service lets it

Every answer has one shape, that of OpenAI's API:

    {"error": {"message": ..., "type": ..., "param": ..., "code": ...}}
"""

from __future__ import annotations

from typing import Any, ClassVar

from embedsvc.errors import EmbedsvcError, InputError


class Problem(EmbedsvcError):
    """Something that ends a request, with the words for its sender.

    Args:
        message: what was expected, what came, and what to do.
        param: the part of the request it is about, such as "input[3]".
        code: a word for programs; None is the class's own.
        retry_after: seconds after which the same request may succeed.

    Attributes:
        status: of HTTP.
        type: OpenAI's word for the kind of problem.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    usual_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or self.usual_code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The answer, as JSON has it."""
        return {"error": self.fields()}

    def fields(self) -> dict[str, Any]:
        """What is said of it, without the outer "error"."""
        return {
            "message": readable(str(self)),
            "type": self.type,
            "param": None if self.param is None else readable(self.param),
            "code": self.code,
        }


class BadRequest(Problem):
    """The request itself is not usable."""

    status = 400
    type = "invalid_request_error"
    usual_code = "invalid_value"


class UnknownModel(BadRequest):
    """No model of that name serves this."""

    status = 404
    usual_code = "model_not_found"


class BodyTooLarge(BadRequest):
    """More bytes, items or pixels than the service takes."""

    status = 413
    usual_code = "too_large"


class WrongMediaType(BadRequest):
    """Neither JSON nor what else the endpoint takes."""

    status = 415
    usual_code = "unsupported_media_type"


class Unauthorized(Problem):
    """No API key, or an unknown one."""

    status = 401
    type = "authentication_error"
    usual_code = "invalid_api_key"


class Forbidden(Problem):
    """A key is no help: the wrong host or a foreign page."""

    status = 403
    type = "permission_error"
    usual_code = "forbidden"


class Overloaded(Problem):
    """Too much is waiting already."""

    status = 429
    type = "rate_limit_error"
    usual_code = "overloaded"


class NotReady(Problem):
    """Models are being loaded, or the service is stopping."""

    status = 503
    type = "service_unavailable_error"
    usual_code = "not_ready"


class TimedOut(Problem):
    """The answer took longer than the service lets it."""

    status = 504
    type = "timeout_error"
    usual_code = "timeout"


def problem_of(err: Exception) -> Problem:
    """The problem to answer with for any exception; what is unexpected says nothing of itself."""
    if isinstance(err, Problem):
        return err
    if isinstance(err, InputError):
        return BadRequest(str(err))
    return Problem(
        "Expected to answer this request, but the service failed. Try again; the request id in "
        "the header X-Request-Id finds the reason in the service's log."
    )


def readable(text: str) -> str:
    """A text that JSON can hold, whatever came in: half characters are replaced."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
