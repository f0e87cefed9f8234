"""Where a bucket is, and the keys that open it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class S3Location:
    """A bucket of AWS (no endpoint), MinIO, SeaweedFS or another S3 server."""

    bucket: str
    endpoint: str | None = None
    """URL of the server, None for AWS. Objects are addressed by path where one is given."""
    region: str = "us-east-1"
    access_key: str | None = None
    """None finds both keys as AWS's own tools do: environment, profile, instance role."""
    secret_key: str | None = field(default=None, repr=False)
    public_endpoint: str | None = None
    """The server as others reach it: presigned URLs name it. None is the endpoint itself."""
