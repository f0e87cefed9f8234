"""Signatures are those that botocore makes."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from optfarm_storage.presign import S3Presigner, checksum
from optfarm_storage.signature import Keys, Request, headers
from tests.integration.stores import elsewhere

SHA256 = "0123456789abcdef" * 4
ENDPOINTS = ["http://127.0.0.1:8333", "https://store.example", "https://store.example:443", "http://[::1]:9000"]


def botocore_url(endpoint: str, method: str, **params: object) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="access",
        aws_secret_access_key="secret",  # noqa: S106 (of no server)
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    url: str = client.generate_presigned_url(method, Params={"Bucket": "farm", **params}, ExpiresIn=600)
    client.close()
    return url


def made_at(url: str) -> datetime:
    return datetime.strptime(parse_qs(urlsplit(url).query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def same(ours: str, theirs: str) -> bool:
    """Whether two URLs differ in nothing but the order of their parameters, and in a port that goes without saying."""
    ours, theirs = ours.replace(":443", ""), theirs.replace(":443", "")
    return ours.split("?")[0] == theirs.split("?")[0] and parse_qs(urlsplit(ours).query) == parse_qs(
        urlsplit(theirs).query
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_urls_for_reading_are_those_of_botocore(endpoint: str) -> None:
    theirs = botocore_url(endpoint, "get_object", Key="blobs/x")

    presigner = S3Presigner(elsewhere(endpoint), valid_s=600, now=lambda: made_at(theirs))

    assert same(presigner.get_url("blobs/x"), theirs)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_urls_for_writing_are_those_of_botocore(endpoint: str) -> None:
    theirs = botocore_url(endpoint, "put_object", Key="blobs/x", ChecksumSHA256=checksum(SHA256))

    ticket = S3Presigner(elsewhere(endpoint), valid_s=600, now=lambda: made_at(theirs)).put_ticket(
        "blobs/x", sha256=SHA256
    )

    assert same(ticket.url, theirs)
    assert ticket.headers == {"x-amz-checksum-sha256": checksum(SHA256)}


@pytest.mark.parametrize("token", [None, "temporary"])
def test_signed_headers_are_those_of_botocore(token: str | None) -> None:
    theirs = AWSRequest("PUT", "http://store:8333/farm/blobs/x?partNumber=1&uploadId=a%2Fb", data=b"content")
    theirs.headers["if-none-match"] = "*"
    S3SigV4Auth(Credentials("access", "secret", token), "s3", "eu-west-1").add_auth(theirs)
    now = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    query = {"uploadId": "a/b", "partNumber": "1"}
    request = Request("PUT", "store:8333", "/farm/blobs/x", query, {"if-none-match": "*"})
    payload = theirs.headers["X-Amz-Content-SHA256"]
    ours = headers(request, payload, keys=Keys("access", "secret", token), region="eu-west-1", now=now)

    assert ours["authorization"] == theirs.headers["Authorization"]
    assert request.target == "/farm/blobs/x?partNumber=1&uploadId=a%2Fb"


def test_secrets_are_not_shown() -> None:
    shown = repr(elsewhere("http://store")) + repr(Keys("access", "secret", "temporary"))

    assert "secret'" not in shown
    assert "temporary" not in shown


def test_aws_has_the_bucket_in_the_host_name() -> None:
    aws = elsewhere(None)
    china = replace(aws, bucket="a.dotted.name", region="cn-north-1")

    with_dots, without = S3Presigner(china), S3Presigner(aws)

    assert without.get_url("blobs/x").startswith("https://farm.s3.eu-west-1.amazonaws.com/blobs/x?")
    assert with_dots.get_url("blobs/x").startswith("https://s3.cn-north-1.amazonaws.com.cn/a.dotted.name/blobs/x?")
    with_dots.close()
    without.close()
