"""No pipeline reads from, or writes to, the place at which its machine is told its own credentials."""

import pytest

from mlmon_dagster.pipeline.places import no_file, not_inside

REFUSED = (
    "http://169.254.169.254/latest/meta-data/iam",
    "https://169.254.169.254:80",
    "http://169.254.170.2/v2/credentials",
    "HTTP://169.254.169.254/",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169.254.169.254./",
    "http://\uff11\uff16\uff19.254.169.254/",
    "http://169\u3002254\u3002169\u3002254/",
    "http://%31%36%39.254.169.254/",
    "http://example.org@169.254.169.254/",
    "http://169.254.169.254\\@example.org/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fd00:ec2::254]/latest",
    "http://[fe80::1%25eth0]/",
    "http://metadata.google.internal/computeMetadata/v1",
    "http://METADATA.google.internal./",
    "http://metadata/",
    "http://instance-data/latest",
    "http://100.100.100.200/latest",
    "s3://u:p@169.254.169.254/bucket",
    "postgresql+psycopg2://u:p@169.254.169.254:5432/x",
    "simplecache://::http://169.254.169.254/x",
)


@pytest.mark.parametrize("url", REFUSED)
def test_no_notation_of_a_machines_own_place_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match="its own credentials"):
        not_inside(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/sales.csv?at=12:30#x",
        "http://127.0.0.1:9000/minio",
        "https://10.0.0.1/",
        "https://169.253.0.1/",
        "https://169.254.169.254.example.org/",
        "https://example.org/169.254.169.254",
        "postgresql://u:p%40x@db/x",
        "sqlite:///sales.db",
        "memory://folder/*.csv",
        "models:/prices/1",
        "runs:/abc/model",
        "env:WAREHOUSE_URL",
        "${SALES_URL}/x",
        "",
        "://",
    ],
)
def test_every_other_place_is_left_as_it_is(url: str) -> None:
    assert not_inside(url) == url
    assert no_file(url) == url


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "FILE:/etc", "local:///x", "simplecache::file:///x", "%66ile:///x"]
)
def test_a_file_is_named_by_its_path(url: str) -> None:
    with pytest.raises(ValueError, match="by its path"):
        no_file(url)
