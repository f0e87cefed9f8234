"""Asks each part of the embedded farm whether it serves."""

import http.client
import json
import socket
import urllib.parse
from typing import Any

from optfarm.embedded.layout import FarmLayout

_TIMEOUT_S = 2.0


def health_of(part: str, layout: FarmLayout) -> str:
    """`ok`, or what is wrong with a part, in words."""
    try:
        return _checked(part, layout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"does not answer ({error or type(error).__name__})"


def _checked(part: str, layout: FarmLayout) -> str:
    if part == "broker":
        return _broker(layout)
    if part == "s3":
        status, _ = _get(f"http://127.0.0.1:{layout.ports['s3']}/")
        return "ok" if status < http.client.INTERNAL_SERVER_ERROR else f"answers {status}"
    if part == "scheduler":
        return _scheduler(_get(f"{layout.url}/v1/health")[1])
    return _worker(layout.workers[part], _get(f"{layout.url}/v1/devices", layout.secrets["token"])[1])


def _broker(layout: FarmLayout) -> str:
    with socket.create_connection(("127.0.0.1", layout.ports["broker"]), timeout=_TIMEOUT_S) as stream:
        stream.sendall(f"AUTH {layout.secrets['broker_password']}\r\nPING\r\n".encode())
        lines = stream.makefile("rb")
        said = [lines.readline().strip() for _ in range(2)]
    return "ok" if said == [b"+OK", b"+PONG"] else said[0].decode(errors="replace")


def _scheduler(answer: Any) -> str:
    if not isinstance(answer, dict):
        return "answers something else"
    lame = [f"{part} {answer.get(part)}" for part in ("database", "broker", "store") if answer.get(part) != "ok"]
    return "ok" if answer.get("status") == "ok" else f"degraded: {', '.join(lame)}"


def _worker(host: str, answer: Any) -> str:
    devices = answer if isinstance(answer, list) else []
    alive = [device for device in devices if device["inventory"]["host"] == host and device["is_alive"]]
    return "ok" if alive else "has not registered yet"


def _get(url: str, token: str = "") -> tuple[int, Any]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    is_json = "json" in (answer.getheader("Content-Type") or "")
    return answer.status, json.loads(content) if is_json else None
