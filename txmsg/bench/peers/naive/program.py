"""A row and an RQ job for each mail, worked off by RQ's worker without a fork."""

from __future__ import annotations

from django.conf import settings
from redis import Redis
from rq import Queue, SimpleWorker

from txmsg.bench.peers import running, templates
from txmsg.bench.peers.naive import jobs
from txmsg.bench.peers.naive.models import Outgoing


def main(rows: int) -> None:
    """Measure it once."""
    Outgoing._default_manager.all().delete()
    redis = Redis.from_url(settings.REDIS_URL)
    redis.flushdb()
    queue = Queue("mails", connection=redis)

    def enqueue(count: int) -> None:
        for number in range(count):
            row = Outgoing._default_manager.create(
                address=templates.address(number), context=templates.context(number)
            )
            queue.enqueue(jobs.send, row.pk, result_ttl=0)

    def send() -> None:
        SimpleWorker([queue], connection=redis, log_job_description=False).work(
            burst=True, logging_level="WARNING"
        )

    running.measure(
        rows,
        enqueue=enqueue,
        send=send,
        sent=Outgoing._default_manager.filter(status="sent").count,
    )
