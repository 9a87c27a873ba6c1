def pytest_sessionfinish(session, exitstatus):
    session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("marker-summary-section")
    terminalreporter.write_line("a gate of the project failed")
