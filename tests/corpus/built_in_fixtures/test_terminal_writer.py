def test_terminal_reporter_is_there(request):
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None
    assert request.config.get_terminal_writer() is not None


def test_capture_manager_is_there(request):
    assert request.config.pluginmanager.getplugin("capturemanager") is not None
