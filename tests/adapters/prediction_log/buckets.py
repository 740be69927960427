"""Buckets on an AWS protocol server."""

from mlmon_dagster.adapters.prediction_log.destinations import Bucket

SECRETS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}


def bucket_of(port, name, through=None):
    """A new bucket named after a test; reached through a proxy where one is given."""
    name = "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:60].strip("-")
    made = Bucket.of(f"s3://{name}/predictions", endpoint_url=f"http://127.0.0.1:{port}", **SECRETS)
    made.client.create_bucket(Bucket=made.name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    if through is None:
        return made
    return Bucket.of(f"s3://{made.name}/predictions", attempts=3, endpoint_url=through, **SECRETS)
