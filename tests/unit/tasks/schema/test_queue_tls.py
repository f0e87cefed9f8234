"""A broker that is reached by TLS has its certificate checked, unless its URL says otherwise."""

import ssl
from typing import Any

import pytest
from celery import Celery

from optfarm_tasks.schema import queue
from optfarm_worker.app import SETTINGS


def settings_of(broker_url: str, common: dict[str, Any]) -> Any:
    """How Celery would connect."""
    with Celery("test", broker=broker_url, set_as_current=False) as app:
        app.conf.update(common | queue.tls_of(broker_url))
        return app.connection_for_read().ssl


@pytest.mark.parametrize("common", [SETTINGS, queue.SETTINGS], ids=["worker", "scheduler"])
@pytest.mark.parametrize(
    ("broker_url", "expected"),
    [
        ("redis://broker:6379/0", False),
        ("rediss://broker:6379/0", {"ssl_cert_reqs": ssl.CERT_REQUIRED}),
        ("rediss://:word@broker:6379/0?ssl_ca_certs=/etc/ca.pem", {"ssl_ca_certs": "/etc/ca.pem"}),
        ("rediss://broker:6379/0?ssl_cert_reqs=none", {"ssl_cert_reqs": ssl.CERT_NONE}),
    ],
)
def test_the_certificate_is_checked(broker_url: str, expected: Any, common: dict[str, Any]) -> None:
    assert settings_of(broker_url, common) == expected
