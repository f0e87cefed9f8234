"""A scheduler whose answers a test sets, over real HTTP."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease
from optfarm_tasks.schema.spec import Task

TOKEN = "worker-token"  # noqa: S105 (a stub's)
OK, NO_CONTENT, DENIED, CONFLICT, AWAY = 200, 204, 401, 409, 503


@dataclass
class Desk:
    """What the stub knows and what was reported to it."""

    leases: dict[str, Lease] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    inventories: list[Inventory] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    beats: dict[str, list[Heartbeat]] = field(default_factory=lambda: defaultdict(list))
    finishes: dict[str, Finish] = field(default_factory=dict)
    is_away: bool = False
    url: str = ""

    def offer(self, task_id: str, task: Task, *, key: str, token: int = 1, ttl_s: float = 3.0) -> None:
        """Makes a task claimable under a token."""
        self.tokens[task_id] = token
        self.leases[task_id] = Lease(
            task_id=task_id,
            sweep_id="sweep",
            key=key,
            task=task,
            toolchain="default",
            attempt=1,
            ttl_s=ttl_s,
            heartbeat_s=0.1,
        )

    def take_back(self, task_id: str) -> None:
        """Cancels a task."""
        self.tokens[task_id] += 1

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """What the scheduler says to one request."""
        _, _, noun, name, *verb = path.split("/")
        if noun == "devices":
            self.inventories.append(Inventory.model_validate_json(body))
            return OK, b"{}"
        return getattr(self, f"_{verb[0]}")(name, body)

    def _claim(self, task_id: str, body: bytes) -> tuple[int, bytes]:
        claim = Claim.model_validate_json(body)
        if self.tokens.get(task_id) != claim.token:
            return CONFLICT, b"{}"
        self.claims.append(claim)
        return OK, self.leases[task_id].model_dump_json().encode()

    def _heartbeat(self, task_id: str, body: bytes) -> tuple[int, bytes]:
        beat = Heartbeat.model_validate_json(body)
        if self.tokens.get(task_id) != beat.token or task_id in self.finishes:
            return CONFLICT, b"{}"
        self.beats[task_id].append(beat)
        return NO_CONTENT, b""

    def _finish(self, task_id: str, body: bytes) -> tuple[int, bytes]:
        finish = Finish.model_validate_json(body)
        if self.tokens.get(task_id) != finish.token:
            return CONFLICT, b"{}"
        self.finishes[task_id] = finish
        return NO_CONTENT, b""


@contextmanager
def stub_scheduler() -> Iterator[Desk]:
    """A stub that serves inside the block."""
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if desk.is_away:
                status, answer = AWAY, b""
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = DENIED, b"{}"
            else:
                status, answer = desk.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_POST = _serve  # noqa: N815 (the base class looks for these names)

        def log_message(self, *_: object) -> None:
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
