"""The services that ``make services`` and the tests start."""

import boto3
import psycopg2
import pytest
import redis

from deploy.services import BUCKET, ServiceError, running


def test_each_answers_and_holds_what_the_product_needs(services):
    environment = services.environment()

    with psycopg2.connect(environment["WEB_DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname IN ('dagster', 'mlflow', 'web')")
        assert cursor.fetchone() == (3,)
    buckets = boto3.client(
        "s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == [BUCKET]
    assert redis.Redis.from_url(environment["CELERY_BROKER_URL"]).ping()


def test_a_taken_port_is_named(services, tmp_path):
    with pytest.raises(ServiceError, match=f"in use: port {services.redis_port};"), running(
            tmp_path, 1, services.redis_port, 2):
        pass


@pytest.mark.usefixtures("services")
def test_what_starts_servers_is_marked_so(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("servers")
