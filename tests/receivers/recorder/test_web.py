"""The status over http, and its start and stop."""

import http.client
import json

import pytest

from receivers.recorder.agent import Agent
from receivers.recorder.web import CONTROL_HEADER, WebServer
from xspress3.errors import ConfigurationError


@pytest.fixture
def ask(bench):
    servers = []

    def make(token=None):
        recorder = bench.record()
        agent = Agent([recorder])
        servers.append(WebServer(agent, "127.0.0.1", 0, token))

        def ask(method, path, **headers):
            connection = http.client.HTTPConnection(*servers[-1].address, timeout=20)
            try:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, headers=names)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            finally:
                connection.close()

        return ask

    yield make
    for server in servers:
        server.close()


def test_the_status_is_json(ask, bench):
    ask = ask()
    bench.sender.wait_joined()

    code, text = ask("GET", "/status")

    said = json.loads(text)
    assert code == 200
    assert said["streams"][0]["endpoint"] == bench.sender.endpoint


def test_metrics_are_lines_that_prometheus_reads(ask, bench):
    code, text = ask()("GET", "/metrics")

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert code == 200
    assert f'xspress3_recorder_frames_written_total{{stream="{bench.sender.endpoint}"}} 0' in lines
    assert all(len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0 for line in lines)


def test_health_is_one_word(ask):
    assert ask()("GET", "/healthz") == (200, "ok\n")


def test_recording_is_stopped_and_started(ask, bench):
    ask = ask()
    control = {CONTROL_HEADER.replace("-", "_"): "1"}

    code, text = ask("POST", "/stop", **control)
    assert (code, json.loads(text)["streams"][0]["state"]) == (200, "stopped")
    assert ask("POST", "/start", **control)[0] == 200
    bench.sender.wait_joined()


def test_a_form_of_a_web_page_cannot_stop_it(ask):
    code, text = ask()("POST", "/stop", Content_Type="application/x-www-form-urlencoded")

    assert code == 403
    assert CONTROL_HEADER in text


def test_a_name_that_a_web_page_has_bent_to_this_machine_is_refused(ask):
    assert ask()("GET", "/status", Host="evil.example:80")[0] == 401


def test_with_a_token_nobody_is_answered_without_it(ask):
    ask = ask("open")

    assert ask("GET", "/status")[0] == 401
    assert ask("GET", "/status", Authorization="Bearer shut")[0] == 401
    assert ask("POST", "/stop")[0] == 401
    assert ask("GET", "/status", Authorization="Bearer open")[0] == 200


def test_other_paths_are_not_there(ask):
    assert ask()("GET", "/etc/passwd")[0] == 404


def test_elsewhere_than_on_loopback_a_token_is_needed(bench):
    with pytest.raises(ConfigurationError, match="token"):
        WebServer(Agent([bench.record()]), "0.0.0.0", 0)
