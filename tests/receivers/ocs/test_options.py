from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from receivers.ocs.options import make_agent, make_parser, monitored_endpoint
from xspress3.errors import ConfigurationError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], False),
        (["--auto-start"], True),
        (["--auto-start", "True"], True),
        (["--auto-start", "False"], False),
        (["--auto-start", "no"], False),
    ],
)
def test_auto_start_is_what_the_text_says(words, expected):
    assert make_parser().parse_args(words).auto_start is expected


def test_a_text_that_is_neither_true_nor_false_is_refused(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["--auto-start", "maybe"])
    assert "allowed are true, yes" in capsys.readouterr().err


def test_the_loss_of_the_router_never_ends_the_agent_unless_that_is_asked_for():
    site_config = pytest.importorskip("ocs.site_config")
    parser = site_config.add_arguments(make_parser())

    assert parser.parse_args([]).crossbar_timeout == 0
    assert parser.parse_args(["--crossbar-timeout", "7"]).crossbar_timeout == 7


def test_the_arguments_of_the_predecessor_make_a_recorder(tmp_path):
    words = ["--auto-start", "True", "--time-per-file", "600", "--data-dir", str(tmp_path), "--port", "50000"]
    arguments = make_parser().parse_args(
        [*words, "--address", "smurf-stream-sim", "--stream-id", "crate1slot2"]
    )

    (stream,) = make_agent(arguments, print).snapshot()["streams"]

    assert (stream["endpoint"], stream["stream_id"]) == ("g3://smurf-stream-sim:50000", "crate1slot2")
    assert monitored_endpoint(arguments) is None


def test_values_that_cannot_be_are_refused(tmp_path):
    arguments = make_parser().parse_args(["--data-dir", str(tmp_path), "--stream", "g3://nowhere"])
    with pytest.raises(ConfigurationError):
        make_agent(arguments, print)


def test_the_plugin_names_an_agent_that_can_be_loaded():
    pytest.importorskip("ocs")
    (plugin,) = (each.load() for each in entry_points(group="ocs.plugins") if each.name == "xspress3")
    told = plugin.agents["OcsRecorder"]
    module = __import__(told["module"], fromlist=[told["entry_point"]])

    assert callable(getattr(module, told["entry_point"]))
