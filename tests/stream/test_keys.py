"""Keys are made once, kept from others, and read by those of zmq.auth as well."""

from __future__ import annotations

import stat

import pytest
import zmq.auth

from tests.programs import run
from xspress3.errors import ConfigurationError
from xspress3.stream.keys import list_keys, make_keys, read_pair, read_public, read_public_keys


def test_a_pair_is_a_public_file_and_one_for_its_owner_only(tmp_path):
    public, secret = make_keys(tmp_path / "keys", "reader")

    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert read_pair(secret)[0] == read_public(public)
    assert read_pair(secret)[1] not in public.read_bytes()


def test_zmq_reads_what_is_made_here_and_the_other_way_round(tmp_path):
    _, secret = make_keys(tmp_path, "ours")
    _, foreign = zmq.auth.create_certificates(tmp_path, "theirs")
    (tmp_path / "theirs.key_secret").chmod(0o600)

    assert zmq.auth.load_certificate(secret) == read_pair(secret)
    assert zmq.auth.load_certificate(foreign) == read_pair(tmp_path / "theirs.key_secret")


def test_keys_that_are_there_are_not_overwritten(tmp_path):
    public, secret = make_keys(tmp_path, "reader")
    before = secret.read_bytes()
    public.unlink()

    with pytest.raises(ConfigurationError, match="key_secret is there already"):
        make_keys(tmp_path, "reader")

    assert secret.read_bytes() == before
    assert not public.exists()


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "-option", "a b", "x" * 65, "a\n"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="allowed are letters"):
        make_keys(tmp_path, name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_secret_that_others_can_use_is_refused(tmp_path, mode):
    _, secret = make_keys(tmp_path, "reader")
    secret.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"has mode {mode:o}.*chmod 600"):
        read_pair(secret)


@pytest.mark.parametrize("said", [b"", b"\xff" * 100, b'public-key = "short"\nsecret-key = "short"\n'])
def test_a_file_without_keys_is_refused(tmp_path, said):
    path = tmp_path / "broken.key_secret"
    path.write_bytes(said)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="holds no public key"):
        read_pair(path)


def test_a_secret_key_is_in_no_error(tmp_path):
    _, secret = make_keys(tmp_path, "reader")
    key = read_pair(secret)[1].decode()
    secret.write_text(secret.read_text().replace("public-key", "publik-key"))

    with pytest.raises(ConfigurationError) as refused:
        read_pair(secret)

    assert key not in str(refused.value)


def test_a_directory_lists_its_public_keys_and_passes_over_what_is_none(tmp_path, caplog):
    make_keys(tmp_path, "b")
    make_keys(tmp_path, "a")
    (tmp_path / "a.key_secret").unlink()
    (tmp_path / "broken.key").write_text("nothing")

    found = list_keys(tmp_path)

    assert [(key.name, key.has_secret) for key in found] == [("a", False), ("b", True)]
    assert "broken.key holds no public key" in caplog.text


def test_a_directory_that_everybody_may_write_into_is_refused(tmp_path):
    tmp_path.chmod(0o777)

    with pytest.raises(ConfigurationError, match="everybody can add a key"):
        read_public_keys(tmp_path)


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_public_keys(tmp_path / "missing")


def test_the_command_makes_and_lists_keys(tmp_path):
    made = run("xspress3.cli", "keys", "make", tmp_path / "keys", "reader")
    again = run("xspress3.cli", "keys", "make", tmp_path / "keys", "reader")
    listed = run("xspress3.cli", "keys", "list", tmp_path / "keys")

    secret = read_pair(tmp_path / "keys" / "reader.key_secret")[1].decode()
    assert made.returncode == listed.returncode == 0
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "reader.key_secret" in made.stdout
    assert listed.stdout == f"{list_keys(tmp_path / 'keys')[0].public_key}  reader  (with its secret key)\n"
    assert secret not in made.stdout + again.stderr + listed.stdout
