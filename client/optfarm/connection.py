"""HTTP requests to the scheduler: bearer token, typed answers, typed errors, and retries while it is away."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import httpx_sse
import tenacity
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from optfarm.embedded.absence import why_absent
from optfarm.errors import BadRequest, Broken, FarmError, NotAllowed, NotFound, Unreachable
from optfarm.settings import ClientSettings
from optfarm_tasks.schema.api import Problem
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.sweep import SweepStatus

OnWait = Callable[[str], None]
"""Called with a line for people when the farm is away, and when it is back."""

T = TypeVar("T")
_AWAY = frozenset({502, 503, 504})
_log = logging.getLogger("optfarm")


class Away(Exception):
    """The scheduler did not answer, or said that it cannot now; it is worth another try."""


def segment(kind: str, name: str) -> str:
    """A name as one segment of a path, whatever people typed for it.

    Raises:
        NotFound: nothing can have that name.
    """
    if not name or "/" in name or name in {".", ".."}:
        raise NotFound(f"there is no {kind} {name!r}")
    return quote(name, safe="")


class Connection:
    """A connection to one farm. Threads may share it."""

    def __init__(self, settings: ClientSettings, on_wait: OnWait = _log.warning) -> None:
        self.settings = settings
        self.on_wait = on_wait
        self._subject = f"scheduler unreachable at {settings.url}"
        token = settings.token.get_secret_value()
        self._http = httpx.Client(
            base_url=settings.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(60, connect=5),
            trust_env=not settings.url.startswith(("http://127.", "http://localhost")),
        )

    def close(self) -> None:
        """Closes its sockets."""
        self._http.close()

    def get(self, path: str, kind: type[T]) -> T:
        """Requests a value of a given type.

        Raises:
            FarmError: the farm refused, failed, or stayed away for longer than `retry_s`.
        """
        return self._typed("GET", path, kind, None)

    def post(self, path: str, kind: type[T], body: Any = None) -> T:
        """Sends a body and returns the typed answer; see `get`."""
        return self._typed("POST", path, kind, body)

    def put(self, path: str, kind: type[T], body: Any) -> T:
        """Stores a body under a path and returns the typed answer; see `get`."""
        return self._typed("PUT", path, kind, body)

    def statuses(self, sweep_id: str) -> Iterator[SweepStatus]:
        """A sweep's states from the scheduler's event stream, until it ends or breaks.

        Raises:
            Away: the stream broke, or there is none.
        """
        path, timeout = f"/v1/sweeps/{segment('sweep', sweep_id)}/events", httpx.Timeout(30, connect=5)
        try:
            with httpx_sse.connect_sse(self._http, "GET", path, timeout=timeout) as source:
                for event in source.iter_sse():
                    if event.event == "status":
                        yield SweepStatus.model_validate_json(event.data)
        except (httpx.TransportError, httpx_sse.SSEError) as error:
            raise Away(str(error)) from error

    def _typed(self, method: str, path: str, kind: type[T], body: Any) -> T:
        response = self._answer(method, path, None if body is None else to_json(body))
        try:
            return TypeAdapter(kind).validate_json(response.content or b"null")
        except ValidationError as error:
            what = f"{self.settings.url} answered {method} {path} with something else; is it of another version?"
            raise Broken(f"{what} {text_of(error)}") from error

    def _answer(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        response = self.patiently(self._subject, lambda: self._once(method, path, content))
        if response.is_error:
            raise error_of(response.status_code, response.content, f"{method} {path}")
        return response

    def _once(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            response = self._http.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error
        if response.status_code in _AWAY:
            raise Away(str(error_of(response.status_code, response.content, f"{method} {path}")))
        return response

    def patiently(self, subject: str, attempt: Callable[[], T]) -> T:
        """Tries until it succeeds or `retry_s` have passed, and says so to the user once.

        Raises:
            Unreachable: it raised Away for all that time.
        """
        try:
            return attempt()
        except Away as error:
            return self._after_absence(subject, attempt, error)

    def _after_absence(self, subject: str, attempt: Callable[[], T], first: Away) -> T:
        if (reason := why_absent(self.settings.url)) is not None:
            raise Unreachable(reason) from first
        patience = self.settings.retry_s if self.settings.is_chosen else 0.0
        watcher = _Watcher(subject, patience, self.on_wait)
        watcher.sees(first)
        try:
            if patience == 0:
                raise first
            value = _retried(attempt, watcher, patience)
        except Away as error:
            hint = "" if self.settings.is_chosen else ". No farm is configured: run `optfarm up`, or set OPTFARM_URL"
            raise Unreachable(f"{subject}: {error}{hint}") from error
        watcher.succeeded()
        return value


def _retried(attempt: Callable[[], T], watcher: "_Watcher", patience_s: float) -> T:
    schedule = tenacity.Retrying(
        retry=tenacity.retry_if_exception(watcher.sees),
        stop=tenacity.stop_after_delay(patience_s),
        wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2),
        reraise=True,
    )
    return schedule(attempt)


class _Watcher:
    """Reports to the user once that a part is away, and once that it is back."""

    def __init__(self, subject: str, patience_s: float, on_wait: OnWait) -> None:
        self.subject = subject
        self._patience_s = patience_s
        self._on_wait = on_wait
        self._has_waited = False

    def sees(self, error: BaseException) -> bool:
        if not isinstance(error, Away):
            return False
        if not self._has_waited and self._patience_s > 0:
            self._has_waited = True
            self._on_wait(f"{self.subject} ({error}), retrying for up to {self._patience_s:.0f} s …")
        return True

    def succeeded(self) -> None:
        if self._has_waited:
            self._on_wait("it answers again, going on")


def error_of(status: int, content: bytes, request: str) -> FarmError:
    """The typed error of an answer that is no success; its message is what the scheduler said."""
    problem = _problem(status, content)
    if status in {401, 403}:
        return NotAllowed(f"{problem.detail}. Set OPTFARM_TOKEN to a token that may do this")
    if status == 404:  # noqa: PLR2004 (HTTP's own number)
        return NotFound(problem.detail)
    if status >= 500:  # noqa: PLR2004 (HTTP says so)
        return Broken(f"the scheduler failed on {request} with {status}: {problem.detail}")
    return BadRequest(problem.detail, tuple(_shown(error) for error in problem.errors))


def _problem(status: int, content: bytes) -> Problem:
    try:
        return Problem.model_validate_json(content)
    except ValidationError:
        text = content.decode(errors="replace").strip()[:500]
        return Problem(title="error", status=status, detail=text or f"HTTP {status}")


def _shown(error: dict[str, Any]) -> str:
    return str(error.get("msg") or error.get("detail") or error)
