"""Several batches of one SQS event source mapping at the same time.

AWS: "Lambda reads up to five batches and sends them to your function" and scales from there up to
ScalingConfig.MaximumConcurrency (docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
LocalStack handles one after the other. Here a mapping has up to MaximumConcurrency batches at once,
or the five that AWS starts with; it does not scale up further. FIFO queues are left as they are.

What LocalStack does by itself, and tests here rely on: a batch is deleted after success; of a
partial failure only the other messages are; what failed becomes visible again when its visibility
timeout has passed, and is moved to the dead-letter queue after maxReceiveCount.
"""

import logging
import threading

from updraft_localstack import settings

LOG = logging.getLogger(__name__)


def allow_parallel() -> None:
    from localstack.services.lambda_.event_source_mapping import esm_worker
    from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

    default = settings.sqs_concurrency()
    worker_init, poll, handle = esm_worker.EsmWorker.__init__, SqsPoller.poll_events, SqsPoller.handle_messages

    def init(self, esm_config, poller, *args, **kwargs) -> None:
        worker_init(self, esm_config, poller, *args, **kwargs)
        if isinstance(poller, SqsPoller):
            limit = (esm_config.get("ScalingConfig") or {}).get("MaximumConcurrency") or default
            poller.updraft_slots = threading.BoundedSemaphore(limit)

    def poll_when_free(self) -> None:
        # Messages must not wait here for a slot: they are hidden in the queue only so long.
        # Nobody else takes slots of this poller, so that one that was free stays free.
        if slots := getattr(self, "updraft_slots", None):
            slots.acquire()
            slots.release()
        poll(self)

    def handle_aside(self, messages) -> None:
        slots = getattr(self, "updraft_slots", None)
        if slots is None or self.is_fifo_queue:
            handle(self, messages)
            return
        slots.acquire()
        threading.Thread(target=run, args=(self, slots, messages), daemon=True, name="updraft-sqs-batch").start()

    def run(poller, slots: threading.BoundedSemaphore, messages) -> None:
        try:
            handle(poller, messages)
        except Exception as e:  # a failed function is one: its messages come again
            LOG.info("batch of %s failed: %s", poller.source_arn, e)
        finally:
            slots.release()

    esm_worker.EsmWorker.__init__ = init
    SqsPoller.poll_events = poll_when_free
    SqsPoller.handle_messages = handle_aside
