import logging
import os
import subprocess
import sys
import warnings

import pytest


def test_capsys(capsys):
    print("out")
    print("err", file=sys.stderr)
    assert capsys.readouterr() == ("out\n", "err\n")


def test_capfd(capfd):
    os.write(1, b"from the descriptor\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    assert capfd.readouterr().out == "from the descriptor\nfrom a child\n"


def test_capfdbinary(capfdbinary):
    os.write(1, b"\xff\x00")
    assert capfdbinary.readouterr().out == b"\xff\x00"


def test_capsys_disabled(capsys):
    with capsys.disabled():
        print("visible to nobody who parses verdicts")


def test_caplog(caplog):
    logging.getLogger("corpus").info("kept")
    assert caplog.messages == ["kept"]


def test_output_of_others_is_not_seen(capfd):
    assert capfd.readouterr() == ("", "")


def test_tmp_path(tmp_path, tmpdir):
    (tmp_path / "file").write_text("x")
    assert tmpdir.join("file").read() == "x"


def test_monkeypatch(monkeypatch):
    monkeypatch.setenv("CORPUS_VARIABLE", "set")
    assert os.environ["CORPUS_VARIABLE"] == "set"


def test_monkeypatch_was_undone():
    assert "CORPUS_VARIABLE" not in os.environ


def test_recwarn(recwarn):
    warnings.warn("seen", UserWarning, stacklevel=1)
    assert len(recwarn) == 1


def test_warns_for_the_summary():
    warnings.warn("marker-warning-of-a-test", UserWarning, stacklevel=1)


def test_records_properties(record_property, record_testsuite_property):
    record_property("answer", 42)
    record_testsuite_property("suite", "corpus")


@pytest.mark.colour("red")
def test_request(request):
    assert request.node.get_closest_marker("colour").args == ("red",)
    assert request.config.getoption("verbose") is not None


def test_current_test_is_named():
    assert "test_current_test_is_named" in os.environ["PYTEST_CURRENT_TEST"]


def test_skip_reason_is_kept():
    pytest.skip("marker-skip-reason")
