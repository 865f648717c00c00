"""HTTP requests."""
from __future__ import annotations

from typing import Any

from updraft_dags.hooks.http import HttpHook
from updraft_dags.operator import BaseOperator
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator
from updraft_runner import calls
from updraft_runner.exceptions import AirflowException


def _evaluate(function: Any, answer: Any, context: Any) -> Any:
    return function(answer, **calls.arguments(function, [answer], {}, dict(context)))


@native("airflow.providers.http.operators.http.HttpOperator")
class HttpOperator(BaseOperator):
    """Makes a request; the text of the answer, or what response_filter makes of it, is the XCom."""

    ui_color = "#f4a460"

    @property
    def hook(self) -> HttpHook:
        """The hook of its connection."""
        return HttpHook(self.method, self.http_conn_id, self.auth_type)

    def execute(self, context: Any) -> Any:
        """Makes the request, and those that pagination_function asks for."""
        answer = self.hook.run(self.endpoint, self.data, self.headers, self.extra_options, **(self.request_kwargs or {}))
        if self.pagination_function is None:
            return self.process_response(context, answer)
        answers = [answer]
        while True:
            wanted = self.pagination_function(answers[-1])
            if not wanted:
                return self.process_response(context, answers)
            answers.append(self.hook.run(
                wanted.get("endpoint", self.endpoint), wanted.get("data", self.data),
                {**(self.headers or {}), **wanted.get("headers", {})},
                {**(self.extra_options or {}), **wanted.get("extra_options", {})}, **(self.request_kwargs or {})))

    def process_response(self, context: Any, response: Any) -> Any:
        """Checks and filters the answer, or the list of them."""
        several = isinstance(response, list)
        if self.log_response:
            for one in response if several else [response]:
                self.log.info(one.text)
        if self.response_check and not _evaluate(self.response_check, response, context):
            raise AirflowException("Response check returned False.")
        if self.response_filter:
            return _evaluate(self.response_filter, response, context)
        return [one.text for one in response] if several else response.text


@native("airflow.providers.http.sensors.http.HttpSensor")
class HttpSensor(BaseSensorOperator):
    """Waits until a request succeeds, and response_check agrees."""

    @property
    def hook(self) -> HttpHook:
        """The hook of its connection."""
        return HttpHook(self.method, self.http_conn_id)

    def poke(self, context: Any) -> Any:
        """Whether the request succeeds."""
        try:
            answer = self.hook.run(self.endpoint, self.request_params, self.headers, self.extra_options,
                                   **(self.request_kwargs or {}))
        except AirflowException as error:
            if any(str(error).startswith(str(code)) for code in self.response_error_codes_allowlist or ()):
                return False
            raise
        return _evaluate(self.response_check, answer, context) if self.response_check else True
