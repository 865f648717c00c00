"""Scheduled rules of EventBridge that fire on their minute.

AWS: a rule fires within the minute that its cron expression names, never before
(docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html). LocalStack looks every
59.9 s whether a rule is due within the next minute: it fires up to a minute early, and now and then
twice for one minute. Here it looks at the beginning of each minute, once for each.

Not kept: rate(...) counts from the clock's full hour or day, not from when the rule was made.
"""

import logging
import time
from datetime import UTC, datetime

LOG = logging.getLogger(__name__)

MINUTE = 60


def fire_on_the_minute() -> None:
    from localstack.services.events.scheduler import JobScheduler

    def loop(self, *args) -> None:
        last = int(time.time()) // MINUTE
        # A clock that is set back makes it wait until the time is new again; one that is set
        # forward leaves minutes out, as a service that was away does.
        while not self._stop_event.wait(max(0.05, (last + 1) * MINUTE - time.time())):
            now = int(time.time()) // MINUTE
            if now > last:
                last = now
                _run_due(list(self.jobs), datetime.fromtimestamp(now * MINUTE, UTC))

    JobScheduler.loop = loop


def _run_due(jobs, minute: datetime) -> None:
    from crontab import CronTab

    for job in jobs:
        try:
            if job.is_enabled and CronTab(job.schedule).test(minute):
                job.do_run()
        except Exception as e:  # an expression that it does not know must not stop the others
            LOG.warning("the rule with the schedule %s does not fire: %s", job.schedule, e)
